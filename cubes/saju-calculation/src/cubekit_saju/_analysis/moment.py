"""The moment of a birth on every clock. Compiled."""

from __future__ import annotations

from math import floor
from typing import TYPE_CHECKING, Final

from cubekit_saju._analysis.settings import APPARENT, CLOCK, STANDARD, Settings
from cubekit_saju._calendar.clocks import across_date_line, equation_of_time, iso_time, meridian_shift
from cubekit_saju._calendar.gaps import gap_at, is_day, skipped
from cubekit_saju._calendar.korean_time import (
    IN_GAP,
    STANDARD_OFFSET,
    ZONE,
    is_ambiguous,
    offset_of,
    saving_of,
    span_at_wall,
)
from cubekit_saju._calendar.zones import resolve
from cubekit_saju.results.chart import Times

if TYPE_CHECKING:
    from mypy_extensions import i64


class Moment:
    """A birth on every clock, in seconds since 1970-01-01T00:00 of that clock."""

    def __init__(self, wall: i64, offset: i64, saving: i64, ambiguous: bool, longitude: float, meridian: i64) -> None:
        self.wall: Final[i64] = wall
        self.offset: Final[i64] = offset
        self.saving: Final[i64] = saving
        self.ambiguous: Final = ambiguous
        self.meridian: Final[i64] = meridian
        """What an almanac of the place is ahead of UTC."""
        self.utc: Final[i64] = wall - offset
        self.eot: Final = equation_of_time(self.utc)
        same_day: i64 = self.utc + across_date_line(longitude, offset - saving)
        self.lmt: Final[i64] = same_day + meridian_shift(longitude)
        apparent: i64 = floor(longitude * 240.0 + self.eot)
        self.apparent: Final[i64] = same_day + apparent

    def by(self, clock: i64) -> i64:
        """Return the time by one of the clocks that the settings name."""
        if clock == CLOCK:
            return self.wall
        if clock == STANDARD:
            return self.wall - self.saving
        if clock == APPARENT:
            return self.apparent
        return self.lmt

    def reference(self, settings: Settings) -> i64:
        """Return what is compared with the solar terms, UTC seconds."""
        if settings.corrected_jeorip:
            return self.by(settings.clock) - self.meridian
        return self.utc

    def times(self) -> Times:
        """Return every clock as text."""
        return {
            "local": iso_time(self.wall),
            "utc": f"{iso_time(self.utc)}Z",
            "offset": int(self.offset),
            "dst": int(self.saving),
            "standard": iso_time(self.wall - self.saving),
            "lmt": iso_time(self.lmt),
            "apparent": iso_time(self.apparent),
            "eot": float(floor(self.eot * 10.0 + 0.5)) / 10.0,
        }


def moment_of(wall: i64, known: bool, longitude: float, timezone: str, fold: i64) -> Moment:
    """Return what a wall clock showed at a place.

    :param wall: seconds since 1970-01-01T00:00 of the wall clock.
    :param known: whether the time is; otherwise it stands for its day, and gives way where the clock jumped over it.
    :raises NoSuchTime: if the clock jumped over it.
    :raises SkippedDay: if the clock jumped over the whole day.
    :raises UnknownTimezone: if there is no such zone.
    """
    if timezone == ZONE:
        span: i64 = span_at_wall(wall, fold)
        if span != IN_GAP:
            return Moment(wall, offset_of(span), saving_of(span), is_ambiguous(wall), longitude, STANDARD_OFFSET)
    else:
        civil = resolve(int(wall), timezone, int(fold))
        if civil is not None:
            standard: i64 = civil.offset - civil.saving
            return Moment(wall, civil.offset, civil.saving, civil.ambiguous, longitude, standard)
    if not known:
        gap = gap_at(int(wall), timezone)
        if not is_day(int(wall), gap):
            return moment_of(gap[1], known, longitude, timezone, fold)
    raise skipped(int(wall), timezone)
