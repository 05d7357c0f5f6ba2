"""Day counts of the proleptic Gregorian calendar. Compiled.

Days are counted from 1970-01-01 (day 0); a Julian day number (JDN) is the same count from another origin.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from mypy_extensions import i64

JDN_OF_1970: Final = 2_440_588
"""Julian day number of 1970-01-01."""

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
    shifted: i64 = days + 719_468
    era: i64 = shifted // 146_097
    day_of_era: i64 = shifted - era * 146_097
    year_of_era: i64 = (day_of_era - day_of_era // 1_460 + day_of_era // 36_524 - day_of_era // 146_096) // 365
    day_of_year: i64 = day_of_era - (365 * year_of_era + year_of_era // 4 - year_of_era // 100)
    month: i64 = (5 * day_of_year + 2) // 153
    day: i64 = day_of_year - (153 * month + 2) // 5 + 1
    year: i64 = year_of_era + era * 400
    if month >= 10:
        return year + 1, month - 9, day
    return year, month + 3, day


def days_in_month(year: i64, month: i64) -> i64:
    """Return the number of days of a Gregorian month; ``month`` is 1-12."""
    if month == 2 and year % 4 == 0 and (year % 100 != 0 or year % 400 == 0):
        return 29
    length: i64 = _MONTH_LENGTHS[month - 1]
    return length
