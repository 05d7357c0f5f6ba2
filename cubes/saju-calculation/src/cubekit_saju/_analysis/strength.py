"""Strength of the day stem (신강·신약), a heuristic: no standard exists. Compiled."""

from __future__ import annotations

from typing import Final

from cubekit_saju._analysis.elements import branch_element, stem_element
from cubekit_saju.results.judgements import Strength, StrengthComponent

_POINTS: Final[list[int]] = [30, 15, 10, 13, 10, 10, 12]
_POSITIONS: Final = (
    "monthBranch", "dayBranch", "yearBranch", "monthStem", "yearStem", "hourBranch", "hourStem",
)  # fmt: skip
_COMPONENTS: Final[list[StrengthComponent]] = [
    {"position": position, "points": points, "supports": supports}
    for position, points in zip(_POSITIONS, _POINTS, strict=True)
    for supports in (False, True)
]
_SUPPORTS: Final[list[list[int]]] = [
    [int((own - element) % 5 <= 1) for element in [*map(branch_element, range(12)), *map(stem_element, range(10))]]
    for own in range(5)
]
"""Whether branches (0-11) and stems (12-21) are of an element or of the one that generates it."""
_WITHOUT_HOUR: Final = 78
"""Points of all positions but those of the hour."""
STRONG: Final = 55
WEAK: Final = 45


def strength(year: int, month: int, day: int, hour: int) -> Strength:
    """Return how much of the chart supports the day stem: positions of its element or of the one that generates it.

    Without the hour the score is scaled to the points that there are.

    :param hour: -1 when the time of birth is unknown.
    """
    supports = _SUPPORTS[day % 10 // 2]
    places = [month % 12, day % 12, year % 12, 12 + month % 10, 12 + year % 10]
    if hour >= 0:
        places += (hour % 12, 12 + hour % 10)
    components: list[StrengthComponent] = []
    score = 0
    for number, place in enumerate(places):
        counts = supports[place]
        score += counts * _POINTS[number]
        components.append(_COMPONENTS[2 * number + counts])
    if hour < 0:
        score = (200 * score + _WITHOUT_HOUR) // (2 * _WITHOUT_HOUR)
    return {"method": "positionScore", "version": 1, "score": score, "grade": _grade(score), "components": components}


def _grade(score: int) -> str:
    if score >= 80:
        return "극신강"
    if score >= STRONG:
        return "신강"
    if score >= WEAK:
        return "중화"
    if score >= 20:
        return "신약"
    return "극신약"
