"""What a calendar may refuse, beyond malformed input. Each is raised with ``field``, the JSON name of the input to
blame.
"""

from __future__ import annotations

from cubekit import Invalid


class DateOutOfRange(Invalid):
    """Solar date {date} is outside the supported range {first} to {last}."""

    message = "Solar date {date} is outside the supported range {first} to {last}."
    translations = {"ko": "양력 {date}은(는) 지원 범위 {first}~{last}를 벗어납니다."}


class YearOutOfRange(Invalid):
    """Year {year} is outside the supported range {first} to {last}."""

    message = "Year {year} is outside the supported range {first} to {last}."
    translations = {"ko": "{year}년은 지원 범위 {first}~{last}년을 벗어납니다."}


class LunarDateOutOfRange(Invalid):
    """Lunar year {year} is outside the supported range {first} to {last}."""

    message = "Lunar year {year} is outside the supported range {first} to {last}."
    translations = {"ko": "음력 {year}년은 지원 범위 {first}~{last}년을 벗어납니다."}


class NoSuchMonth(Invalid):
    """There is no month {month}; months are 1 to 12."""

    message = "There is no month {month}; months are 1 to 12."
    translations = {"ko": "{month}월은 없습니다. 달은 1월부터 12월까지입니다."}


class NoSuchDate(Invalid):
    """There is no date {date}: {name} {year} has {length} days."""

    message = "There is no date {date}: {name} {year} has {length} days."
    translations = {"ko": "{date}은(는) 없는 날짜입니다. {year}년 {month}월은 {length}일까지입니다."}


class LeftOutDate(Invalid):
    """There is no date {date}: 5 to 14 October 1582 were left out when the Gregorian calendar began."""

    message = "There is no date {date}: 5 to 14 October 1582 were left out when the Gregorian calendar began."
    translations = {
        "ko": "{date}은(는) 없는 날짜입니다. 그레고리력이 시행되면서 1582년 10월 5일부터 14일까지는 없어졌습니다."
    }


class SkippedDay(Invalid):
    """There was no {date} in {timezone}: clocks were set forward from {start} to {end}."""

    message = "There was no {date} in {timezone}: clocks were set forward from {start} to {end}."
    translations = {"ko": "{timezone}에는 {date}이(가) 없었습니다. 시계를 {start}에서 {end}(으)로 앞당겼습니다."}


class NoSuchLunarDay(Invalid):
    """Month {month} of lunar year {year} has {length} days, so there is no day {day}."""

    message = "Month {month} of lunar year {year} has {length} days, so there is no day {day}."
    translations = {"ko": "음력 {year}년 {month}월은 {length}일까지이므로 {day}일이 없습니다."}


class NoSuchLeapMonth(Invalid):
    """Lunar year {year} has no leap month {month}; its leap month is {leap_month}."""

    message = "Lunar year {year} has no leap month {month}; its leap month is {leap_month}."
    translations = {"ko": "음력 {year}년에는 윤{month}월이 없습니다. 이 해의 윤달은 윤{leap_month}월입니다."}


class NoLeapMonth(Invalid):
    """Lunar year {year} has no leap month."""

    message = "Lunar year {year} has no leap month."
    translations = {"ko": "음력 {year}년에는 윤달이 없습니다."}


class LeapMonthOfSolarDate(Invalid):
    """Only a lunar date can be in a leap month."""

    message = "Only a lunar date can be in a leap month."
    translations = {"ko": "윤달은 음력 날짜에만 있습니다."}


class NoSuchTime(Invalid):
    """Clocks in {timezone} never showed {time} on {date}: they were set forward from {start} to {end}."""

    message = "Clocks in {timezone} never showed {time} on {date}: they were set forward from {start} to {end}."
    translations = {
        "ko": "{timezone} 기준 {date} {time}은(는) 없는 시각입니다. 시계를 {start}에서 {end}(으)로 앞당겼습니다."
    }


class UnknownTimezone(Invalid):
    """There is no IANA time zone '{timezone}'; there is {similar}."""

    message = "There is no IANA time zone '{timezone}'; there is {similar}."
    translations = {"ko": "'{timezone}'은(는) IANA 시간대가 아닙니다. 다음과 같은 이름이 있습니다: {similar}."}
