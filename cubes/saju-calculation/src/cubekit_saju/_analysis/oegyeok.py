"""Patterns beyond the regular ones (외격), a heuristic by weight. Compiled."""

from __future__ import annotations

from typing import Final

from cubekit_saju._analysis.elements import stem_element
from cubekit_saju._analysis.weights import METHOD, PERCENT, VERSION, share
from cubekit_saju.results.judgements import SpecialPattern

OVERWHELMING: Final = 700
"""Tenths of a percent of the weights from which on a group is said to carry the whole chart."""
_FOLLOWING: Final[list[tuple[str, str]]] = [
    ("종왕격", "從旺格"), ("종아격", "從兒格"), ("종재격", "從財格"), ("종살격", "從殺格"), ("종강격", "從强格"),
]  # fmt: skip
"""By the group of ten gods: 비겁, 식상, 재성, 관성, 인성."""
_ONE_ELEMENT: Final[list[tuple[str, str]]] = [
    ("곡직격", "曲直格"), ("염상격", "炎上格"), ("가색격", "稼穡格"), ("종혁격", "從革格"), ("윤하격", "潤下格"),
]  # fmt: skip
"""일행득기격, by the day's element."""
_ONE_ELEMENT_SHARE: Final = 800


def special_patterns(day_stem: int, weights: list[int]) -> list[SpecialPattern]:
    """Return the patterns that one group of ten gods (종격) or the day's own element (일행득기격) suggests by its mere
    weight.
    """
    found: list[SpecialPattern] = []
    own = stem_element(day_stem)
    for group in range(5):
        weight = weights[(own + group) % 5]
        if share(weight, weights) >= OVERWHELMING:
            name, hanja = _FOLLOWING[group]
            found.append(_special(name, hanja, OVERWHELMING, share(weight, weights)))
    if share(weights[own], weights) >= _ONE_ELEMENT_SHARE:
        name, hanja = _ONE_ELEMENT[own]
        found.append(_special(name, hanja, _ONE_ELEMENT_SHARE, share(weights[own], weights)))
    return found


def _special(name: str, hanja: str, threshold: int, tenths: int) -> SpecialPattern:
    return {
        "name": name,
        "hanja": hanja,
        "school": "weightThreshold",
        "method": METHOD,
        "version": VERSION,
        "threshold": PERCENT[threshold],
        "share": PERCENT[tenths],
    }
