"""Conversion between the Korean lunar calendar (음력) and Julian day numbers, by table. Compiled.

A table and not astronomy: the civil calendar is what was published. It is not the Chinese one either; the two differ
by a day or a leap month in several years.
"""

from __future__ import annotations

from typing import Final

from cubekit_saju._calendar import lunar_table
from cubekit_saju._errors import LunarDateOutOfRange, NoLeapMonth, NoSuchLeapMonth, NoSuchLunarDay, NoSuchMonth

FIRST_LUNAR_YEAR: Final[int] = lunar_table.FIRST_YEAR
LAST_LUNAR_YEAR: Final[int] = lunar_table.FIRST_YEAR + len(lunar_table.YEARS) // 5 - 1


def _month_starts() -> tuple[list[int], list[int], list[int]]:
    """Unpack the table.

    Three lists: the JDN of every month's first day and of the day after the last month; the place of each year's first
    month among them; each year's leap month.
    """
    starts = [lunar_table.FIRST_JDN]
    first_months: list[int] = []
    leap_months: list[int] = []
    for at in range(0, len(lunar_table.YEARS), 5):
        code = int(lunar_table.YEARS[at : at + 5], 16)
        leap = code >> 13
        first_months.append(len(starts) - 1)
        leap_months.append(leap)
        for position in range(13 if leap else 12):
            starts.append(starts[-1] + 29 + (code >> position & 1))
    first_months.append(len(starts) - 1)
    return starts, first_months, leap_months


FIRST_COMPUTED_YEAR: Final = 2051
"""From this lunar year on the table is computed, not published."""

_DISPUTED: Final = ((1597, 8), (1597, 9))
"""Months whose border is a day later by KASI's own service and by the war diary of that year (亂中日記)."""

_UNPACKED: Final = _month_starts()
_STARTS: Final[list[int]] = _UNPACKED[0]
_FIRST_MONTHS: Final[list[int]] = _UNPACKED[1]
_LEAP_MONTHS: Final[list[int]] = _UNPACKED[2]

FIRST_LUNAR_JDN: Final[int] = _STARTS[0]
"""First day of the table."""
LAST_LUNAR_JDN: Final[int] = _STARTS[-1] - 1
"""Last day of the table."""


def jdn_from_lunar(year: int, month: int, day: int, leap: bool) -> int:
    """Return the Julian day number of a lunar date.

    :param leap: whether the month is the repeated one (윤달).
    :raises LunarDateOutOfRange: if the table does not have the year.
    :raises NoSuchMonth: if the month is not 1-12.
    :raises NoLeapMonth: if the year repeats no month.
    :raises NoSuchLeapMonth: if the year repeats another month.
    :raises NoSuchLunarDay: if the month has no such day.
    """
    if not FIRST_LUNAR_YEAR <= year <= LAST_LUNAR_YEAR:
        raise LunarDateOutOfRange(year, FIRST_LUNAR_YEAR, LAST_LUNAR_YEAR)
    if not 1 <= month <= 12:
        raise NoSuchMonth(month)
    leap_month = leap_month_of(year)
    if leap and month != leap_month:
        raise NoSuchLeapMonth(year, month, leap_month) if leap_month else NoLeapMonth(year)
    position = _FIRST_MONTHS[year - FIRST_LUNAR_YEAR] + month - 1
    if leap or 0 < leap_month < month:
        position += 1
    length = _STARTS[position + 1] - _STARTS[position]
    if not 1 <= day <= length:
        raise NoSuchLunarDay(year, month, day, length)
    return _STARTS[position] + day - 1


def lunar_from_jdn(jdn: int) -> tuple[int, int, int, bool]:
    """Return year, month, day and whether the month is a leap month: the inverse of `jdn_from_lunar`.

    :raises ValueError: if the day is not within the table.
    """
    if not FIRST_LUNAR_JDN <= jdn <= LAST_LUNAR_JDN:
        raise ValueError(f"Julian day {jdn} is outside the table, {FIRST_LUNAR_JDN} to {LAST_LUNAR_JDN}")
    position = _last_at_most(_STARTS, jdn)
    row = _last_at_most(_FIRST_MONTHS, position)
    ordinal = position - _FIRST_MONTHS[row]
    leap_month = _LEAP_MONTHS[row]
    past_leap = 0 < leap_month <= ordinal
    month = ordinal if past_leap else ordinal + 1
    return FIRST_LUNAR_YEAR + row, month, jdn - _STARTS[position] + 1, past_leap and ordinal == leap_month


def is_official(jdn: int) -> bool:
    """Whether the lunar date of a day of the table is the published one: it was computed from 2051 on, and sources
    disagree about 10 October 1597.
    """
    year, month, _, _ = lunar_from_jdn(jdn)
    return year < FIRST_COMPUTED_YEAR and (year, month) not in _DISPUTED


def leap_month_of(year: int) -> int:
    """Return the number of the month that a lunar year of the table repeats, 0 if none."""
    return _LEAP_MONTHS[year - FIRST_LUNAR_YEAR]


def _last_at_most(values: list[int], limit: int) -> int:
    low, high = 0, len(values)
    while low < high:
        middle = (low + high) // 2
        if values[middle] <= limit:
            low = middle + 1
        else:
            high = middle
    return low - 1
