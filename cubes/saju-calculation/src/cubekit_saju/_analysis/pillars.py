"""The four pillars (四柱) of an instant and a local clock. Compiled: this is the hot core.

Four sexagenary indices (六十甲子, 0 甲子 ... 59 癸亥) travel in one integer, six bits each: year in the lowest, then
month, day, hour.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from cubekit_saju._calendar.clocks import across_date_line, check_longitude, meridian_shift
from cubekit_saju._calendar.days import days_from_civil, days_in_month
from cubekit_saju._calendar.gaps import skipped
from cubekit_saju._calendar.korean_time import NO_TIME, STANDARD_OFFSET, ZONE, utc_of_wall
from cubekit_saju._calendar.terms import FIRST_YEAR, JEOL, LAST_YEAR, jeol_at
from cubekit_saju._errors import DateOutOfRange, NoSuchDate, NoSuchMonth, TimeOutOfRange

if TYPE_CHECKING:
    from mypy_extensions import i64

SPLIT: Final = 0
"""야자시/조자시: the day changes at midnight; 23:00-24:00 takes its hour stem from the next day."""
ZI23: Final = 1
"""정자시: the day changes at 23:00."""
MIDNIGHT: Final = 2
"""The day changes at midnight; 23:00-24:00 takes its hour stem from the same day."""

FIRST_BIRTH_YEAR: Final[int] = FIRST_YEAR + 1
LAST_BIRTH_YEAR: Final[int] = LAST_YEAR - 1
"""Every birth of these years lies between two jeol of the table, in every time zone."""

_BILLION: Final = 1_000_000_000
_YEAR_BEFORE_TABLE: Final[int] = FIRST_YEAR - 1
_NAMES: Final[list[str]] = ["甲乙丙丁戊己庚辛壬癸"[i % 10] + "子丑寅卯辰巳午未申酉戌亥"[i % 12] for i in range(60)]


def packed_pillars(jeol: i64, local: i64, zi_hour: i64) -> i64:
    """Return the packed pillars.

    The year turns at Ipchun and the month at each jeol; 五虎遁 gives the month's stem from the year's, 五鼠遁 the
    hour's from the day's.

    :param jeol: number of the last jeol at or before the birth.
    :param local: the clock of day and hour, seconds since 1970-01-01T00:00 of that clock.
    :param zi_hour: `SPLIT`, `ZI23` or `MIDNIGHT`.
    """
    months: i64 = jeol + 11  # the table's first jeol, Sohan, opens the 12th month (丑) of the year before
    first: i64 = _YEAR_BEFORE_TABLE
    year60: i64 = (first + months // 12 - 4) % 60
    month60: i64 = (year60 % 5 * 12 + 2 + months % 12) % 60
    days: i64 = local // 86_400
    day60: i64 = day_pillar(days)
    branch: i64 = (local - days * 86_400 + 3_600) // 7_200
    counted_from: i64 = day60
    if branch == 12:
        branch = 0
        if zi_hour == ZI23:
            day60 = (day60 + 1) % 60
            counted_from = day60
        elif zi_hour == SPLIT:
            counted_from = day60 + 1
    hour60: i64 = (counted_from % 5 * 12 + branch) % 60
    return year60 | month60 << 6 | day60 << 12 | hour60 << 18


def day_pillar(days: i64) -> i64:
    """Return the pillar (일진) of a day after 1970-01-01, which was 辛巳, index 17."""
    return (days + 17) % 60


def saju_year_of(jeol: i64) -> i64:
    """Return the year, counted from Ipchun, of the month that a jeol opens."""
    before: i64 = _YEAR_BEFORE_TABLE
    return before + (jeol + 11) // 12


def korean_pillars(
    year: i64,
    month: i64,
    day: i64,
    hour: i64,
    minute: i64,
    longitude: float = 126.978,
    zi_hour: i64 = SPLIT,
) -> int:
    """Return the packed pillars of a birth in Korea, read by the local mean time of the birthplace.

    Date and time are Gregorian and by the wall clock of the time; of two equal times the first is meant.

    :param longitude: degrees east of Greenwich.
    :param zi_hour: `SPLIT`, `ZI23` or `MIDNIGHT`.
    :raises ValueError: if ``longitude`` or ``zi_hour`` are out of their range.
    :raises OverflowError: when compiled, for numbers that need more than 64 bits.
    :raises DateOutOfRange: if the year is not within 1600-2400.
    :raises NoSuchMonth: if there is no such month.
    :raises NoSuchDate: if the month has no such day.
    :raises TimeOutOfRange: if there is no such time of a day.
    :raises NoSuchTime: if the clock jumped over it.
    """
    return korean_birth(year, month, day, hour, minute, korean_shift(longitude, zi_hour), zi_hour)


def korean_shift(longitude: float, zi_hour: i64) -> i64:
    """Return local mean time minus UTC, on the calendar day of Korea.

    :raises ValueError: if the longitude is not within -180 and 180, or ``zi_hour`` is none of the three.
    """
    check_longitude(longitude)
    if zi_hour < SPLIT or zi_hour > MIDNIGHT:
        raise ValueError(f"zi_hour must be SPLIT (0), ZI23 (1) or MIDNIGHT (2), not {zi_hour}")
    return meridian_shift(longitude) + across_date_line(longitude, STANDARD_OFFSET)


def korean_birth(year: i64, month: i64, day: i64, hour: i64, minute: i64, shift: i64, zi_hour: i64) -> i64:
    """Return what `korean_pillars` returns; ``shift`` is the `korean_shift` of the longitude."""
    wall: i64 = wall_clock(year, month, day, hour, minute)
    utc: i64 = utc_of_wall(wall)
    if utc == NO_TIME:
        raise skipped(wall, ZONE)
    return packed_pillars(jeol_at(utc, JEOL), utc + shift, zi_hour)


def wall_clock(year: i64, month: i64, day: i64, hour: i64, minute: i64) -> i64:
    """Return a Gregorian date and a time as seconds since 1970-01-01T00:00 of the wall clock.

    :raises DateOutOfRange: if the year is not within 1600-2400.
    :raises NoSuchMonth: if there is no such month.
    :raises NoSuchDate: if the month has no such day.
    :raises TimeOutOfRange: if it is no time of a day.
    """
    if year < FIRST_BIRTH_YEAR or year > LAST_BIRTH_YEAR:
        raise DateOutOfRange(year, month, day)
    if month < 1 or month > 12:
        raise NoSuchMonth(month)
    if day < 1 or (day > 28 and day > days_in_month(year, month)):
        raise NoSuchDate(year, month, day, days_in_month(year, month))
    if hour < 0 or hour > 23 or minute < 0 or minute > 59:
        raise TimeOutOfRange(hour, minute)
    return days_from_civil(year, month, day) * 86_400 + hour * 3_600 + minute * 60


def within_reach(number: int) -> int:
    """Return a number as it is, or the nearest billion if it is far out of every range: what is compiled counts with
    64 bits.
    """
    return max(-_BILLION, min(number, _BILLION))


def ganji_names(packed: i64) -> tuple[str, str, str, str]:
    """Return the Hanja names of packed pillars: year, month, day, hour."""
    return _NAMES[packed & 63], _NAMES[packed >> 6 & 63], _NAMES[packed >> 12 & 63], _NAMES[packed >> 18 & 63]
