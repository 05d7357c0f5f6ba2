"""From the wall clock of a place to UTC: Korea from the embedded history, other zones from the ``tzdata`` package.

The package and not the host's database is read, so that a chart does not depend on the machine that calculates it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from importlib.resources import files
from zoneinfo import ZoneInfo

from cubekit_saju._calendar import korean_time
from cubekit_saju._errors import UnknownTimezone

_EPOCH = datetime(1970, 1, 1)
"""Origin of wall clocks, which have no zone."""


@dataclass(frozen=True, slots=True)
class CivilTime:
    """A wall-clock time with its meaning; all in seconds.

    :param offset: wall clock minus UTC.
    :param saving: part of the offset that is daylight saving.
    :param ambiguous: whether the clock showed the time twice.
    """

    wall: int
    offset: int
    saving: int
    ambiguous: bool

    @property
    def utc(self) -> int:
        """Seconds since 1970 in UTC."""
        return self.wall - self.offset


def resolve(wall: int, timezone: str, fold: int) -> CivilTime | None:
    """Return what a wall-clock time of a zone means, or None if the clock jumped over it.

    :param wall: seconds since 1970-01-01T00:00 of the wall clock.
    :raises UnknownTimezone: if there is no such zone.
    """
    if timezone == korean_time.ZONE:
        span = korean_time.span_at_wall(wall, fold)
        if span == korean_time.IN_GAP:
            return None
        return CivilTime(wall, korean_time.offset_of(span), korean_time.saving_of(span), korean_time.is_ambiguous(wall))
    zone = load_zone(timezone)
    first, second = (_aware(wall, zone, which) for which in (0, 1))
    change = _seconds(second.utcoffset()) - _seconds(first.utcoffset())
    if change > 0:
        return None
    meant = second if fold else first
    return CivilTime(wall, _seconds(meant.utcoffset()), _seconds(meant.dst()), change < 0)


def load_zone(timezone: str) -> ZoneInfo:
    """Return a zone of the IANA database; the first call for a zone reads a file.

    :raises UnknownTimezone: if there is no such zone.
    """
    zone = _ZONES.get(timezone)
    if zone is None:
        if timezone not in _zone_names():
            raise UnknownTimezone(timezone)
        with files("tzdata").joinpath("zoneinfo", *timezone.split("/")).open("rb") as file:
            zone = _ZONES[timezone] = ZoneInfo.from_file(file, key=timezone)
    return zone


def is_loaded(timezone: str) -> bool:
    """Whether times of a zone can be resolved without reading a file."""
    return timezone == korean_time.ZONE or timezone in _ZONES


_ZONES: dict[str, ZoneInfo] = {}


@lru_cache(maxsize=1)
def _zone_names() -> frozenset[str]:
    return frozenset(files("tzdata").joinpath("zones").read_text(encoding="ascii").split())


def _aware(wall: int, zone: ZoneInfo, fold: int) -> datetime:
    return (_EPOCH + timedelta(seconds=wall)).replace(tzinfo=zone, fold=fold)


def _seconds(delta: timedelta | None) -> int:
    # A ZoneInfo always knows its offset; the None of the general interface cannot occur.
    return 0 if delta is None else round(delta.total_seconds())
