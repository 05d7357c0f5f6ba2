"""From the wall clock of a place outside Korea to UTC, by the ``tzdata`` package.

The package and not the host's database is read, so that a chart does not depend on the machine that calculates it.
"""

from __future__ import annotations

import struct
from bisect import bisect_right
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from difflib import get_close_matches
from functools import lru_cache
from importlib.resources import files
from io import BytesIO
from zoneinfo import ZoneInfo

from cubekit_saju._calendar import korean_time
from cubekit_saju._errors import UnknownTimezone

_EPOCH = datetime(1970, 1, 1)
"""Origin of wall clocks, which have no zone."""


@dataclass(frozen=True, slots=True)
class CivilTime:
    """What a wall-clock time means; in seconds.

    :param offset: wall clock minus UTC.
    :param saving: part of the offset that is daylight saving.
    :param ambiguous: whether the clock showed the time twice.
    """

    offset: int
    saving: int
    ambiguous: bool


@dataclass(frozen=True, slots=True)
class Zone:
    """A zone of the IANA database.

    :param info: its offsets.
    :param changes: UTC seconds of every change on record; the rule for later years is known to ``info`` only.
    :param savings: daylight saving before the first change, and after each.
    """

    info: ZoneInfo
    changes: list[int]
    savings: list[int]

    def saving(self, meant: datetime, utc: int) -> int:
        """Return how far daylight saving moves the clock, in seconds; never negative."""
        if self.changes and utc < self.changes[-1]:
            return self.savings[bisect_right(self.changes, utc)]
        return max(0, _seconds(meant.dst()))


def resolve(wall: int, timezone: str, fold: int) -> CivilTime | None:
    """Return what a wall-clock time of a zone means, or None if the clock jumped over it.

    :param wall: seconds since 1970-01-01T00:00 of the wall clock.
    :raises UnknownTimezone: if there is no such zone.
    """
    zone = load_zone(timezone)
    first, second = (_aware(wall, zone.info, which) for which in (0, 1))
    change = _seconds(second.utcoffset()) - _seconds(first.utcoffset())
    if change > 0:
        return None
    meant = second if fold else first
    offset = _seconds(meant.utcoffset())
    return CivilTime(offset, zone.saving(meant, wall - offset), change < 0)


def gap_at(wall: int, timezone: str) -> tuple[int, int]:
    """Return the wall times that a clock was set forward from and to when it jumped over a time."""
    zone = load_zone(timezone).info
    before, after = (_seconds(_aware(wall, zone, fold).utcoffset()) for fold in (0, 1))
    early, late = wall - after, wall - before  # UTC seconds before the change, and at it or after
    while late - early > 1:
        middle = (early + late) // 2
        moment = (_EPOCH + timedelta(seconds=middle)).replace(tzinfo=UTC)
        if _seconds(moment.astimezone(zone).utcoffset()) == before:
            early = middle
        else:
            late = middle
    return late + before, late + after


def load_zone(timezone: str) -> Zone:
    """Return a zone of the IANA database; the first call for a zone reads a file.

    :raises UnknownTimezone: if there is no such zone.
    """
    zone = _ZONES.get(timezone)
    if zone is None:
        if timezone not in _zone_names():
            raise UnknownTimezone(timezone, _similar(timezone))
        data = files("tzdata").joinpath("zoneinfo", *timezone.split("/")).read_bytes()
        zone = Zone(ZoneInfo.from_file(BytesIO(data), key=timezone), *_history(data))
        _ZONES[timezone] = zone
    return zone


def is_loaded(timezone: str) -> bool:
    """Whether times of a zone can be resolved without reading a file."""
    return timezone == korean_time.ZONE or timezone in _ZONES


_ZONES: dict[str, Zone] = {}


@lru_cache(maxsize=1)
def _zone_names() -> frozenset[str]:
    return frozenset(files("tzdata").joinpath("zones").read_text(encoding="ascii").split())


def _similar(timezone: str) -> str:
    """Return the names that a wrong one may have been meant for, or that of Korea as an example."""
    names = {name.lower(): name for name in _zone_names()}
    return ", ".join(names[found] for found in get_close_matches(timezone.lower(), names)) or korean_time.ZONE


_HEADER = struct.Struct(">20x6l")
_TYPE = struct.Struct(">l?x")


def _history(data: bytes) -> tuple[list[int], list[int]]:
    """Return the changes of a TZif file (RFC 9636) and the saving before the first and after each.

    `ZoneInfo.dst` will not do: it takes the clock of the neighbouring period for standard time, also where that is
    daylight saving itself (double summer time), and is negative where law calls summer time the standard.
    """
    isutcs, isstds, leaps, times, types, characters = _HEADER.unpack_from(data)
    at = _HEADER.size + times * 5 + types * 6 + characters + leaps * 8 + isstds + isutcs  # past the 32-bit block
    _, _, _, times, types, _ = _HEADER.unpack_from(data, at)
    at += _HEADER.size
    changes = list(struct.unpack_from(f">{times}q", data, at))
    kinds = [0, *data[at + 8 * times : at + 9 * times]]
    table = list(_TYPE.iter_unpack(data[at + 9 * times : at + 9 * times + 6 * types]))
    return changes, _savings(changes, [table[kind] for kind in kinds])


def _savings(changes: list[int], periods: list[tuple[int, bool]]) -> list[int]:
    """Return the saving of each period: its offset less that of the nearest one that is standard time.

    :param periods: offset and whether it is daylight saving, before the first change and after each.
    """
    found: list[int] = []
    for number, (offset, is_saving) in enumerate(periods):
        if not is_saving:
            found.append(0)
            continue
        before = next(i for i in range(number, -1, -1) if not periods[i][1])
        nearest = [(changes[number - 1] - changes[before], offset - periods[before][0])]
        after = next((i for i in range(number, len(periods)) if not periods[i][1]), None)
        if after is not None:
            nearest.append((changes[after - 1] - changes[number], offset - periods[after][0]))
        # A zone may change its standard time with the clock; the side that explains the advance counts.
        found.append(next((saving for _, saving in sorted(nearest) if saving > 0), 0))
    return found


def _aware(wall: int, zone: ZoneInfo, fold: int) -> datetime:
    return (_EPOCH + timedelta(seconds=wall)).replace(tzinfo=zone, fold=fold)


def _seconds(delta: timedelta | None) -> int:
    # A ZoneInfo always knows its offset; the None of the general interface cannot occur.
    return 0 if delta is None else round(delta.total_seconds())
