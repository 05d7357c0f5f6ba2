"""Civil time of Korea: the embedded history of Asia/Seoul (IANA tzdata 2025b). Compiled.

Wall-clock times are seconds since 1970-01-01T00:00:00 *of the wall clock*; ``wall - offset`` is UTC. A *span* is the
time between two changes of the offset; span i lies between change i-1 and change i.
"""

from __future__ import annotations

from bisect import bisect_right
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from mypy_extensions import i64

ZONE: Final = "Asia/Seoul"

_HISTORY: Final = (
    # (UTC second of the change, offset after it, of which daylight saving); before the first: local mean time, +8:27:52
    (-1_948_782_472, 30_600, 0),  # 1908-04-01 standard time of 127.5 degrees east
    (-1_830_414_600, 32_400, 0),  # 1912-01-01 Japanese standard time
    (-681_210_000, 36_000, 3_600),  # 1948
    (-672_228_000, 32_400, 0),
    (-654_771_600, 36_000, 3_600),  # 1949
    (-640_864_800, 32_400, 0),
    (-623_408_400, 36_000, 3_600),  # 1950
    (-609_415_200, 32_400, 0),
    (-588_848_400, 36_000, 3_600),  # 1951
    (-577_965_600, 32_400, 0),
    (-498_128_400, 30_600, 0),  # 1954-03-21 127.5 degrees east again
    (-462_702_600, 34_200, 3_600),  # 1955
    (-451_733_400, 30_600, 0),
    (-429_784_200, 34_200, 3_600),  # 1956
    (-418_296_600, 30_600, 0),
    (-399_544_200, 34_200, 3_600),  # 1957
    (-387_451_800, 30_600, 0),
    (-368_094_600, 34_200, 3_600),  # 1958
    (-356_002_200, 30_600, 0),
    (-336_645_000, 34_200, 3_600),  # 1959
    (-324_552_600, 30_600, 0),
    (-305_195_400, 34_200, 3_600),  # 1960
    (-293_103_000, 30_600, 0),
    (-264_933_000, 32_400, 0),  # 1961-08-10 135 degrees east
    (547_578_000, 36_000, 3_600),  # 1987
    (560_883_600, 32_400, 0),
    (579_027_600, 36_000, 3_600),  # 1988
    (592_333_200, 32_400, 0),
)

_OFFSETS: Final[list[int]] = [30_472, *(change[1] for change in _HISTORY)]
_SAVINGS: Final[list[int]] = [0, *(change[2] for change in _HISTORY)]
_CHANGES: Final[list[int]] = [change[0] for change in _HISTORY]
# Between these two wall times of a change the clock shows a time twice (offset falls) or never (offset rises).
_UNCLEAR_FROM: Final[list[int]] = [at + min(_OFFSETS[i], _OFFSETS[i + 1]) for i, at in enumerate(_CHANGES)]
_UNCLEAR_TO: Final[list[int]] = [at + max(_OFFSETS[i], _OFFSETS[i + 1]) for i, at in enumerate(_CHANGES)]
_LAST_CHANGE: Final = 592_333_200 + 36_000
_LAST_SPAN: Final = 28
_FIRST_CHANGE: Final = -1_948_782_472 + 30_472

_STEP: Final = 8_000_000
"""Seconds; no two changes of the history are nearer than this."""
_SPANS: Final[list[int]] = [
    sum(end <= wall for end in _UNCLEAR_TO) for wall in range(_FIRST_CHANGE, _LAST_CHANGE, _STEP)
]
"""The span at the beginning of every step, so that a lookup is one or two comparisons."""

IN_GAP: Final = -1
"""Instead of a span: the wall clock never showed that time."""

NO_TIME: Final = -(1 << 60)
"""Instead of an instant: the same."""

STANDARD_OFFSET: Final = 32_400
"""Korean standard time minus UTC, in seconds, today."""


def utc_of_wall(wall: i64) -> i64:
    """Return the UTC seconds of a wall-clock time, the first of two equal ones, or `NO_TIME` if the clock jumped over
    it.
    """
    if wall >= _LAST_CHANGE:
        return wall - STANDARD_OFFSET
    span: i64 = span_at_wall(wall, 0)
    if span == IN_GAP:
        return NO_TIME
    offset: i64 = _OFFSETS[span]
    return wall - offset


def span_at_wall(wall: i64, fold: i64) -> i64:
    """Return the span that a wall-clock time lies in, or `IN_GAP`.

    :param fold: which of two equal times is meant, 0 the first or 1 the second; without effect on other times.
    """
    if wall >= _LAST_CHANGE:
        return _LAST_SPAN
    low: i64 = 0
    if wall >= _FIRST_CHANGE:
        low = _SPANS[(wall - _FIRST_CHANGE) // _STEP]
        end: i64 = _UNCLEAR_TO[low]
        while end <= wall:
            low += 1
            end = _UNCLEAR_TO[low]
    start: i64 = _UNCLEAR_FROM[low]
    if wall >= start:
        if _OFFSETS[low + 1] > _OFFSETS[low]:
            return IN_GAP
        return low + fold
    return low


def gap_at(wall: int) -> tuple[int, int]:
    """Return the wall times that the clock was set forward from and to when it jumped over a time."""
    span = bisect_right(_UNCLEAR_TO, wall)
    return _UNCLEAR_FROM[span], _UNCLEAR_TO[span]


def offset_of(span: i64) -> i64:
    """Return the offset from UTC in a span, in seconds, daylight saving included."""
    offset: i64 = _OFFSETS[span]
    return offset


def saving_of(span: i64) -> i64:
    """Return how far daylight saving moves the clock in a span, in seconds."""
    saving: i64 = _SAVINGS[span]
    return saving


def is_ambiguous(wall: i64) -> bool:
    """Whether the wall clock showed that time twice."""
    first: i64 = span_at_wall(wall, 0)
    return first != IN_GAP and first != span_at_wall(wall, 1)
