"""What can be wrong with a birth. Every error names the field of the request that is to blame and carries its
parameters.
"""

from __future__ import annotations

_MONTHS = (
    "January", "February", "March", "April", "May", "June",
    "July", "August", "September", "October", "November", "December",
)  # fmt: skip


class SajuError(ValueError):
    """Base of all errors of the library.

    :param params: what the message mentions.
    """

    field: str
    """Name of the input that is to blame, as in the public request."""

    def __init__(self, message: str, **params: int | str) -> None:
        super().__init__(message)
        self.params = params


class DateOutOfRange(SajuError):
    """The solar date is outside the years that the tables serve."""

    field = "birthDate"

    def __init__(self, year: int, month: int, day: int, first: str = "1600-01-01", last: str = "2400-12-31") -> None:
        date = f"{year:04}-{month:02}-{day:02}"
        super().__init__(
            f"Solar date {date} is outside the supported range {first} to {last}.",
            date=date,
            first=first,
            last=last,
        )


class YearOutOfRange(SajuError):
    """The year is outside the table of solar terms."""

    field = "year"

    def __init__(self, year: int, first: int, last: int, field: str = field) -> None:
        super().__init__(
            f"Year {year} is outside the supported range {first} to {last}.", year=year, first=first, last=last
        )
        self.field = field


class LunarDateOutOfRange(SajuError):
    """The lunar year is outside the table of the Korean lunar calendar."""

    field = "birthDate"

    def __init__(self, year: int, first: int, last: int) -> None:
        super().__init__(
            f"Lunar year {year} is outside the supported range {first} to {last}.", year=year, first=first, last=last
        )


class NoSuchMonth(SajuError):
    """The number is of no month, solar or lunar."""

    field = "birthDate"

    def __init__(self, month: int, field: str = field) -> None:
        super().__init__(f"There is no month {month}; months are 1 to 12.", month=month)
        self.field = field


class NoSuchDate(SajuError):
    """The month of the solar calendar has fewer days, such as February 1900."""

    field = "birthDate"

    def __init__(self, year: int, month: int, day: int, length: int) -> None:
        date, name = f"{year:04}-{month:02}-{day:02}", _MONTHS[month - 1]
        super().__init__(
            f"There is no date {date}: {name} {year} has {length} days.",
            date=date,
            year=year,
            month=month,
            name=name,
            length=length,
        )


class LeftOutDate(SajuError):
    """The date was left out when the Gregorian calendar began."""

    field = "birthDate"

    def __init__(self, year: int, month: int, day: int) -> None:
        date = f"{year:04}-{month:02}-{day:02}"
        super().__init__(
            f"There is no date {date}: 5 to 14 October 1582 were left out when the Gregorian calendar began.", date=date
        )


class SkippedDay(SajuError):
    """The clocks of the zone jumped over the whole day, as those of Samoa did at the end of 2011."""

    field = "birthDate"

    def __init__(self, date: str, timezone: str, start: str, end: str) -> None:
        super().__init__(
            f"There was no {date} in {timezone}: clocks were set forward from {start} to {end}.",
            date=date,
            timezone=timezone,
            start=start,
            end=end,
        )


class NoSuchLunarDay(SajuError):
    """The lunar month has only 29 or 30 days."""

    field = "birthDate"

    def __init__(self, year: int, month: int, day: int, length: int) -> None:
        super().__init__(
            f"Month {month} of lunar year {year} has {length} days, so there is no day {day}.",
            year=year,
            month=month,
            day=day,
            length=length,
        )


class NoSuchLeapMonth(SajuError):
    """The lunar year repeats another month."""

    field = "isLeapMonth"

    def __init__(self, year: int, month: int, leap_month: int) -> None:
        super().__init__(
            f"Lunar year {year} has no leap month {month}; its leap month is {leap_month}.",
            year=year,
            month=month,
            leap_month=leap_month,
        )


class NoLeapMonth(SajuError):
    """The lunar year repeats no month."""

    field = "isLeapMonth"

    def __init__(self, year: int) -> None:
        super().__init__(f"Lunar year {year} has no leap month.", year=year)


class LeapMonthOfSolarDate(SajuError):
    """A leap month was asked for with a solar date."""

    field = "isLeapMonth"

    def __init__(self) -> None:
        super().__init__("Only a lunar date can be in a leap month.")


class NoSuchTime(SajuError):
    """The wall clock never showed that time: it was set forward over it."""

    field = "birthTime"

    def __init__(self, date: str, time: str, timezone: str, start: str, end: str) -> None:
        super().__init__(
            f"Clocks in {timezone} never showed {time} on {date}: they were set forward from {start} to {end}.",
            date=date,
            time=time,
            timezone=timezone,
            start=start,
            end=end,
        )


class TimeOutOfRange(SajuError):
    """The numbers are no time of a day."""

    field = "birthTime"

    def __init__(self, hour: int, minute: int) -> None:
        time = f"{hour:02}:{minute:02}"
        super().__init__(f"There is no time {time}; times are 00:00 to 23:59.", time=time)


class UnknownTimezone(SajuError):
    """The IANA time zone database has no zone of that name."""

    field = "location.timezone"

    def __init__(self, timezone: str, similar: str) -> None:
        super().__init__(
            f"There is no IANA time zone '{timezone}'; there is {similar}.", timezone=timezone, similar=similar
        )


class MalformedDate(SajuError):
    """A text of a batch is no date."""

    field = "birthDate"

    def __init__(self, text: str) -> None:
        super().__init__("must be a date in the form YYYY-MM-DD, such as 1990-05-15", text=text)


class MalformedTime(SajuError):
    """A text of a batch is no time."""

    field = "birthTime"

    def __init__(self, text: str) -> None:
        super().__init__("must be a time in the form HH:MM from 00:00 to 23:59, such as 14:30", text=text)
