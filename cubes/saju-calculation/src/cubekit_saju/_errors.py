"""What can be wrong with a birth. Every error names the field of the request that is to blame and carries its
parameters.
"""

from __future__ import annotations

from typing import ClassVar


class SajuError(ValueError):
    """Base of all errors of the library.

    :param params: what the message mentions.
    """

    field: ClassVar[str]
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

    def __init__(self, year: int, first: int, last: int) -> None:
        super().__init__(
            f"Year {year} is outside the supported range {first} to {last}.", year=year, first=first, last=last
        )


class LunarDateOutOfRange(SajuError):
    """The lunar year is outside the table of the Korean lunar calendar."""

    field = "birthDate"

    def __init__(self, year: int, first: int, last: int) -> None:
        super().__init__(
            f"Lunar year {year} is outside the supported range {first} to {last}.", year=year, first=first, last=last
        )


class NoSuchDate(SajuError):
    """The calendar has no such date, such as 29 February 1900 or month 13."""

    field = "birthDate"

    def __init__(self, year: int, month: int, day: int) -> None:
        date = f"{year:04}-{month:02}-{day:02}"
        super().__init__(f"There is no date {date}.", date=date)


class NoSuchLunarDay(SajuError):
    """The lunar month has only 29 days."""

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
    """The lunar year does not repeat that month."""

    field = "isLeapMonth"

    def __init__(self, year: int, month: int) -> None:
        super().__init__(f"Lunar year {year} has no leap month {month}.", year=year, month=month)


class LeapMonthOfSolarDate(SajuError):
    """A leap month was asked for with a solar date."""

    field = "isLeapMonth"

    def __init__(self) -> None:
        super().__init__("Only a lunar date can be in a leap month.")


class NoSuchTime(SajuError):
    """The wall clock never showed that time: it was set forward over it, or it is not a time of day."""

    field = "birthTime"

    def __init__(self, year: int, month: int, day: int, hour: int, minute: int, timezone: str) -> None:
        date, time = f"{year:04}-{month:02}-{day:02}", f"{hour:02}:{minute:02}"
        super().__init__(
            f"Clocks in {timezone} never showed {time} on {date}.", date=date, time=time, timezone=timezone
        )


class UnknownTimezone(SajuError):
    """The IANA time zone database has no zone of that name."""

    field = "location.timezone"

    def __init__(self, timezone: str) -> None:
        super().__init__(f"There is no IANA time zone {timezone!r}.", timezone=timezone)


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
