"""The element that a chart needs (용신), by six methods, each a heuristic of its own. Compiled."""

from __future__ import annotations

from typing import Final

from cubekit_saju._analysis.elements import stem_element
from cubekit_saju._analysis.oegyeok import OVERWHELMING
from cubekit_saju._analysis.strength import STRONG, WEAK
from cubekit_saju._analysis.vocabulary import ELEMENTS, STEMS
from cubekit_saju._analysis.weights import share
from cubekit_saju.results.judgements import Yongsin

_JOHU: Final = (  # 窮通寶鑑 (造化元鑰), months 寅 ... 丑; the first stem is the principal one
    "丙癸|庚丙丁戊己|庚丁壬|癸丁庚|癸丁庚|癸丁庚|庚丁壬|庚丁丙|庚甲丁壬癸|庚丁丙戊|丁庚丙|丁庚丙",
    "丙癸|丙癸|癸丙戊|癸|癸丙|癸丙|丙癸己|癸丙丁|癸辛|丙戊|丙|丙",
    "壬庚|壬己|壬甲|壬庚癸|壬庚|壬庚|壬戊|壬癸|甲壬|甲戊庚壬|壬戊己|壬甲",
    "甲庚|庚甲|甲庚|甲庚|壬庚癸|甲壬庚|甲庚丙戊|甲庚丙戊|甲庚戊|甲庚|甲庚|甲庚",
    "丙甲癸|丙甲癸|甲丙癸|甲丙癸|壬甲丙|癸丙甲|丙癸甲|丙癸|甲丙癸|甲丙|丙甲|丙甲",
    "丙庚甲|甲癸丙|丙癸甲|癸丙|癸丙|癸丙|丙癸|丙癸|甲丙癸|丙甲戊|丙甲戊|丙甲戊",
    "戊甲壬丙丁|丁甲庚丙|甲丁壬癸|壬戊丙丁|壬癸|丁甲|丁甲|丁甲丙|甲壬|丁丙|丁甲丙|丙丁甲",
    "己壬庚|壬甲|壬甲|壬甲癸|壬己癸|壬庚甲|壬甲戊|壬甲|壬甲|壬丙|丙戊壬甲|丙壬戊己",
    "庚丙戊|戊辛庚|甲庚|壬辛庚癸|癸庚辛|辛甲|戊丁|甲庚|甲丙|戊丙庚|戊丙|丙丁甲",
    "辛丙|庚辛|丙辛甲|辛|庚壬癸|庚辛壬癸|丁|辛丙|辛甲壬癸|庚辛戊丁|丙辛|丙丁",
)
_HANJA: Final = "甲乙丙丁戊己庚辛壬癸"
_METHODS: Final = {
    "eokbu": "억부", "johu": "조후", "tonggwan": "통관", "byeongyak": "병약", "jeonwang": "전왕", "gyeokguk": "격국",
}  # fmt: skip
_OPPOSED: Final = 350
"""Tenths of a percent that each of two elements in conflict has, for a mediator (통관) to be needed."""
_EXCESS: Final = 400
"""Tenths of a percent from which on an element is an illness (병)."""

_PARTNERS: Final[list[int]] = [3, 3, 2, 4, 1, 1, 1, 4, 3, 3]
"""Group of ten gods that completes a pattern (상신), by the ten god of the pattern: 건록 and 양인 want an official,
식신 wealth, 상관 a seal, wealth and 편관 an output, 정관 a seal, seals an official."""


def _yongsin(method: str, element: int, reason: str, stems: list[str]) -> Yongsin:
    known = element >= 0
    return {
        "method": method,
        "name": _METHODS[method],
        "version": 1,
        "element": ELEMENTS[element] if known else None,
        "stems": stems,
        "reason": reason,
        "huisin": ELEMENTS[(element + 4) % 5] if known else None,
        "gisin": ELEMENTS[(element + 3) % 5] if known else None,
        "gusin": ELEMENTS[(element + 2) % 5] if known else None,
        "hansin": ELEMENTS[(element + 1) % 5] if known else None,
    }


def _by_element(method: str, reason: str, otherwise: str) -> list[Yongsin]:
    """Return the answers of a method for the five elements and, last, for none."""
    return [_yongsin(method, element, reason, []) for element in range(5)] + [_yongsin(method, -1, otherwise, [])]


_NO_ANSWER: Final = 5
_EOKBU_STRONG: Final = _by_element("eokbu", "strong", "balanced")
_EOKBU_WEAK: Final = _by_element("eokbu", "weak", "balanced")
_TONGGWAN: Final = _by_element("tonggwan", "mediates", "noConflict")
_BYEONGYAK: Final = _by_element("byeongyak", "controlsExcess", "noExcess")
_JEONWANG: Final = _by_element("jeonwang", "followsDominant", "noDominant")
_SANGSIN: Final = _by_element("gyeokguk", "completesPattern", "noPattern")
_JOHU_BY_MONTH: Final[list[list[Yongsin]]] = [
    [
        _yongsin(
            "johu", _HANJA.index(stems[0]) // 2, "climate", [STEMS[_HANJA.index(character)] for character in stems]
        )
        for stems in row.split("|")
    ]
    for row in _JOHU
]


def needed_elements(
    day_stem: int, month_branch: int, weights: list[int], score: int, pattern_god: int
) -> list[Yongsin]:
    """Return the element needed (용신) by six methods, each for itself.

    억부 drains or controls a strong day stem and supports a weak one, against the group that weighs most; 조후 looks
    at the season; 통관 mediates between two heavy elements in conflict; 병약 controls an excess; 전왕 follows an
    element that carries the chart; 격국 completes the pattern (상신).

    :param score: of the strength, 0-100.
    :param pattern_god: ten god that the pattern is named for; for 건록격, 양인격 and 월겁격 that of the main stem.
    """
    own = stem_element(day_stem)
    heaviest = 0
    for element in range(1, 5):
        if weights[element] > weights[heaviest]:
            heaviest = element
    if score >= STRONG:
        peers, seals = weights[own], weights[(own + 4) % 5]
        eokbu = _EOKBU_STRONG[(own + (3 if peers >= seals else 2)) % 5]
    elif score < WEAK:
        output, wealth, office = (weights[(own + group) % 5] for group in (1, 2, 3))
        eokbu = _EOKBU_WEAK[own if wealth > output and wealth > office else (own + 4) % 5]
    else:
        eokbu = _EOKBU_STRONG[_NO_ANSWER]
    mediator = _NO_ANSWER
    for element in range(5):
        against = (element + 2) % 5
        if share(weights[element], weights) >= _OPPOSED and share(weights[against], weights) >= _OPPOSED:
            mediator = (element + 1) % 5
    heavy = share(weights[heaviest], weights)
    return [
        eokbu,
        _JOHU_BY_MONTH[day_stem][(month_branch + 10) % 12],
        _TONGGWAN[mediator],
        _BYEONGYAK[(heaviest + 3) % 5 if heavy >= _EXCESS else _NO_ANSWER],
        _JEONWANG[heaviest if heavy >= OVERWHELMING else _NO_ANSWER],
        _SANGSIN[(own + _PARTNERS[pattern_god]) % 5],
    ]
