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


class NoSuchDate(Invalid):
    """There is no date {date}."""

    message = "There is no date {date}."
    translations = {"ko": "{date}은(는) 없는 날짜입니다."}


class NoSuchLunarDay(Invalid):
    """Month {month} of lunar year {year} has {length} days, so there is no day {day}."""

    message = "Month {month} of lunar year {year} has {length} days, so there is no day {day}."
    translations = {"ko": "음력 {year}년 {month}월은 {length}일까지이므로 {day}일이 없습니다."}


class NoSuchLeapMonth(Invalid):
    """Lunar year {year} has no leap month {month}."""

    message = "Lunar year {year} has no leap month {month}."
    translations = {"ko": "음력 {year}년에는 윤{month}월이 없습니다."}


class LeapMonthOfSolarDate(Invalid):
    """Only a lunar date can be in a leap month."""

    message = "Only a lunar date can be in a leap month."
    translations = {"ko": "윤달은 음력 날짜에만 있습니다."}


class NoSuchTime(Invalid):
    """Clocks in {timezone} never showed {time} on {date}."""

    message = "Clocks in {timezone} never showed {time} on {date}."
    translations = {"ko": "{timezone} 기준 {date} {time}은(는) 존재하지 않는 시각입니다."}


class UnknownTimezone(Invalid):
    """There is no IANA time zone '{timezone}'."""

    message = "There is no IANA time zone '{timezone}'."
    translations = {"ko": "'{timezone}'은(는) IANA 시간대가 아닙니다."}
