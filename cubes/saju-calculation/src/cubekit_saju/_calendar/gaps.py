"""Times that clocks jumped over when they were set forward."""

from __future__ import annotations

from cubekit_saju._calendar import korean_time, zones
from cubekit_saju._calendar.clocks import iso_time
from cubekit_saju._errors import NoSuchTime, SkippedDay

_DAY = 86_400


def gap_at(wall: int, timezone: str) -> tuple[int, int]:
    """Return what a clock was set forward from and to when it jumped over a time.

    :param wall: seconds since 1970-01-01T00:00 of the wall clock, as are the results.
    """
    return korean_time.gap_at(wall) if timezone == korean_time.ZONE else zones.gap_at(wall, timezone)


def is_day(wall: int, gap: tuple[int, int]) -> bool:
    """Whether a gap swallows the whole day of a time."""
    midnight = wall - wall % _DAY
    return gap[0] <= midnight and midnight + _DAY <= gap[1]


def skipped(wall: int, timezone: str) -> NoSuchTime | SkippedDay:
    """Return the error of a time that a clock jumped over."""
    gap = gap_at(wall, timezone)
    date, time = iso_time(wall)[:16].split("T")
    start, end = (iso_time(at).replace("T", " ").removesuffix(":00") for at in gap)
    if is_day(wall, gap):
        return SkippedDay(date, timezone, start, end)
    return NoSuchTime(date, time, timezone, start, end)
