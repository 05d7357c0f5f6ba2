"""Day counts of the Gregorian and the Julian calendar. Compiled.

Days are counted from 1970-01-01 (day 0); a Julian day number (JDN) is the same count from another origin.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from cubekit_saju._errors import LeftOutDate, NoSuchDate, NoSuchMonth

if TYPE_CHECKING:
    from mypy_extensions import i64

JDN_OF_1970: Final = 2_440_588
"""Julian day number of 1970-01-01."""

FIRST_GREGORIAN: Final = -141_427
"""1582-10-15, the first day of the Gregorian calendar, in days from 1970-01-01; the day before was 4 October."""

_MONTH_LENGTHS: Final = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]


def days_from_civil(year: i64, month: i64, day: i64) -> i64:
    """Return the days from 1970-01-01 to a Gregorian date.

    The year is taken to begin in March, so that the leap day is its last one (H. Hinnant, "chrono-compatible low-level
    date algorithms").
    """
    if month <= 2:
        year -= 1
        month += 9
    else:
        month -= 3
    era: i64 = year // 400
    year_of_era: i64 = year - era * 400
    day_of_year: i64 = (153 * month + 2) // 5 + day - 1
    return era * 146_097 + year_of_era * 365 + year_of_era // 4 - year_of_era // 100 + day_of_year - 719_468


def civil_from_days(days: i64) -> tuple[int, int, int]:
    """Return year, month and day of the Gregorian date that many days after 1970-01-01: the inverse of
    `days_from_civil`.
    """
    packed: i64 = packed_civil(days)
    return packed >> 9, packed >> 5 & 15, packed & 31


def packed_civil(days: i64) -> i64:
    """Return the date of `civil_from_days` in one integer: the day in the lowest five bits, the month in the next
    four, the year above them.
    """
    shifted: i64 = days + 719_468
    era: i64 = shifted // 146_097
    day_of_era: i64 = shifted - era * 146_097
    year_of_era: i64 = (day_of_era - day_of_era // 1_460 + day_of_era // 36_524 - day_of_era // 146_096) // 365
    day_of_year: i64 = day_of_era - (365 * year_of_era + year_of_era // 4 - year_of_era // 100)
    month: i64 = (5 * day_of_year + 2) // 153
    day: i64 = day_of_year - (153 * month + 2) // 5 + 1
    year: i64 = year_of_era + era * 400
    if month >= 10:
        return year + 1 << 9 | month - 9 << 5 | day
    return year << 9 | month + 3 << 5 | day


def days_in_month(year: i64, month: i64) -> i64:
    """Return the number of days of a Gregorian month; ``month`` is 1-12."""
    if month == 2 and year % 4 == 0 and (year % 100 != 0 or year % 400 == 0):
        return 29
    length: i64 = _MONTH_LENGTHS[month - 1]
    return length


def julian_from_days(days: i64) -> tuple[int, int, int]:
    """Return year, month and day of the Julian date that many days after 1970-01-01 (Gregorian)."""
    # The Julian calendar's March 1 of year 0 is two days before the Gregorian one; its era is four years of 1461 days.
    shifted: i64 = days + 719_470
    era: i64 = shifted // 1_461
    day_of_era: i64 = shifted - era * 1_461
    year_of_era: i64 = (day_of_era - day_of_era // 1_460) // 365
    day_of_year: i64 = day_of_era - 365 * year_of_era
    month: i64 = (5 * day_of_year + 2) // 153
    day: i64 = day_of_year - (153 * month + 2) // 5 + 1
    year: i64 = year_of_era + era * 4
    if month >= 10:
        return year + 1, month - 9, day
    return year, month + 3, day


def days_from_julian(year: i64, month: i64, day: i64) -> i64:
    """Return the days from 1970-01-01 (Gregorian) to a Julian date: the inverse of `julian_from_days`."""
    if month <= 2:
        year -= 1
        month += 9
    else:
        month -= 3
    era: i64 = year // 4
    return era * 1_461 + (year - era * 4) * 365 + (153 * month + 2) // 5 + day - 1 - 719_470


def days_in_julian_month(year: i64, month: i64) -> i64:
    """Return the number of days of a Julian month; ``month`` is 1-12."""
    if month == 2 and year % 4 == 0:
        return 29
    length: i64 = _MONTH_LENGTHS[month - 1]
    return length


def historic_from_days(days: i64) -> tuple[int, int, int]:
    """Return the date by the calendar in force: Julian before 1582-10-15, Gregorian from then on."""
    if days < FIRST_GREGORIAN:
        return julian_from_days(days)
    return civil_from_days(days)


def days_from_historic(year: i64, month: i64, day: i64) -> i64:
    """Return the days from 1970-01-01 to a date by the calendar in force.

    :raises NoSuchMonth: if there is no such month.
    :raises NoSuchDate: if the month has no such day.
    :raises LeftOutDate: if it is one of 5 to 14 October 1582.
    """
    if month < 1 or month > 12:
        raise NoSuchMonth(month)
    julian = year < 1582 or (year == 1582 and (month < 10 or (month == 10 and day <= 4)))
    length: i64 = days_in_julian_month(year, month) if julian else days_in_month(year, month)
    if day < 1 or day > length:
        raise NoSuchDate(year, month, day, length)
    if julian:
        return days_from_julian(year, month, day)
    days: i64 = days_from_civil(year, month, day)
    if days < FIRST_GREGORIAN:
        raise LeftOutDate(year, month, day)
    return days
