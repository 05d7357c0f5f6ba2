"""Elements by weight, a heuristic. Compiled.

Weights are in thirtieths of a stem: a stem counts 30 for its element, a branch spreads 30 over the elements of its
hidden stems by their days, and the month branch counts twice.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from cubekit_saju._analysis.elements import stem_element
from cubekit_saju.results.judgements import WeightedWuxing, WuxingWeights

if TYPE_CHECKING:
    from mypy_extensions import i64

_STEM_WEIGHT: Final = 30
_MONTH_FACTOR: Final = 2
_WEIGHTS: Final[WuxingWeights] = {"stem": 1, "branch": 1, "monthBranch": _MONTH_FACTOR}

METHOD: Final = "hiddenDays"
VERSION: Final = 1

PERCENT: Final[list[float]] = [tenth / 10 for tenth in range(1_001)]
"""Tenths of a percent as percent."""


class ElementWeights:
    """Weights of pillars by one table of hidden stems; five numbers packed in one, twelve bits each."""

    def __init__(self, stems: list[tuple[int, int, int]], days: list[tuple[int, int, int]]) -> None:
        branches: list[int] = []
        for branch in range(12):
            packed = 0
            for stem, ruled in zip(stems[branch], days[branch], strict=True):
                if ruled:
                    packed += ruled << 12 * stem_element(stem)
            branches.append(packed)
        self._branches: Final = branches
        self._pillars: Final = [(_STEM_WEIGHT << 12 * stem_element(g % 10)) + branches[g % 12] for g in range(60)]

    def of(self, year: i64, month: i64, day: i64, hour: i64) -> list[int]:
        """Return the weight of each element.

        :param hour: -1 when the time of birth is unknown.
        """
        extra: i64 = self._branches[month % 12]
        y: i64 = self._pillars[year]
        m: i64 = self._pillars[month]
        d: i64 = self._pillars[day]
        packed: i64 = extra * (_MONTH_FACTOR - 1) + y + m + d
        if hour >= 0:
            h: i64 = self._pillars[hour]
            packed += h
        return [
            int(packed & 4_095),
            int(packed >> 12 & 4_095),
            int(packed >> 24 & 4_095),
            int(packed >> 36 & 4_095),
            int(packed >> 48),
        ]


def share(weight: int, weights: list[int]) -> int:
    """Return a weight as tenths of a percent of all, rounded down."""
    return weight * 1_000 // (weights[0] + weights[1] + weights[2] + weights[3] + weights[4])


def weighted_wuxing(weights: list[int]) -> WeightedWuxing:
    """Return the weights in percent, which add up to 100 by the method of the largest remainder."""
    total: i64 = weights[0] + weights[1] + weights[2] + weights[3] + weights[4]
    tenths: list[int] = []
    left: i64 = 1_000
    for weight in weights:
        part: i64 = weight
        part = part * 1_000 // total
        tenths.append(int(part))
        left -= part
    while left > 0:
        best = 0
        largest: i64 = -1
        for place in range(5):
            remainder: i64 = weights[place] * 1_000 - tenths[place] * int(total)
            if remainder > largest:
                largest = remainder
                best = place
        tenths[best] += 1
        left -= 1
    return {
        "method": METHOD,
        "version": VERSION,
        "weights": _WEIGHTS,
        "percent": {
            "wood": PERCENT[tenths[0]],
            "fire": PERCENT[tenths[1]],
            "earth": PERCENT[tenths[2]],
            "metal": PERCENT[tenths[3]],
            "water": PERCENT[tenths[4]],
        },
    }
