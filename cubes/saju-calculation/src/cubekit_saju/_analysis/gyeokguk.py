"""The pattern of the month (격국), by the rules of 子平眞詮. Compiled."""

from __future__ import annotations

from typing import Final

from cubekit_saju._analysis.elements import stage, ten_god
from cubekit_saju._analysis.vocabulary import STEMS, TEN_GODS, TEN_GODS_HANJA
from cubekit_saju.results.judgements import Gyeokguk

SCHOOL: Final = "japyeongJinjeon"
PEER: Final = 0
"""비견."""
ROBBER: Final = 1
"""겁재."""

_SEAT: Final = 3
"""건록, among the twelve stages."""
_PEAK: Final = 4
"""제왕."""
_BASES: Final[list[str]] = ["jeonggi", "junggi", "yeogi"]
_NAMES: Final[list[str]] = [f"{god}격" for god in TEN_GODS]
_NAMES_HANJA: Final[list[str]] = [f"{god}格" for god in TEN_GODS_HANJA]


def pattern(day_stem: int, branch: int, stems: list[int], hidden: tuple[int, int, int], ruling: int) -> Gyeokguk:
    """Return the pattern.

    A month that is the seat (건록) or the peak (제왕) of the day stem gives the pattern its name. Any other is named
    for one of its hidden stems: the main one where the branch is cardinal (왕지); one that also stands in year, month
    or hour (투출) where it is a growing one (생지) or a store (고지), else the main one. One of the day's own element
    makes no pattern: if there is no other, the main one gives its name to a pattern that is not established.

    :param branch: of the month.
    :param stems: those of year, month and, if known, hour.
    :param hidden: the month's 여기, 중기, 정기.
    :param ruling: the hidden stem that rules the day of birth (사령).
    """
    yeogi, junggi, jeonggi = hidden
    yang = day_stem % 2 == 0
    at = stage(day_stem, branch)
    if at == _SEAT:
        return _named("건록격", "建祿格", jeonggi, "jeonggi", stems, "geonrok")
    if yang and at == _PEAK:
        return _named("양인격", "羊刃格", jeonggi, "jeonggi", stems, "yangin")
    if not yang and ten_god(day_stem, jeonggi) == ROBBER:
        return _named("월겁격", "月劫格", jeonggi, "jeonggi", stems, "wolgeop")
    if branch == 6:
        rule = "wangji"
        order = [junggi, jeonggi] if junggi in stems and jeonggi not in stems else [jeonggi]
    elif branch % 3 == 0:
        rule, order = "wangji", [jeonggi]
    elif branch % 3 == 2:
        rule, order = "saengji", [stem for stem in (jeonggi, junggi) if stem in stems]
    else:
        rule, order = "goji", [stem for stem in (jeonggi, ruling, yeogi, junggi) if stem in stems]
    for stem in order or [jeonggi]:
        god = ten_god(day_stem, stem)
        if god != PEER and god != ROBBER:
            basis = _BASES[(jeonggi, junggi, yeogi).index(stem)]
            return _named(_NAMES[god], _NAMES_HANJA[god], stem, basis, stems, rule)
    god = ten_god(day_stem, jeonggi)
    return _named(_NAMES[god], _NAMES_HANJA[god], jeonggi, "jeonggi", stems, rule, established=False)


def _named(
    name: str, hanja: str, stem: int, basis: str, stems: list[int], rule: str, *, established: bool = True
) -> Gyeokguk:
    return {
        "name": name,
        "hanja": hanja,
        "basisStem": STEMS[stem],
        "basis": basis,
        "tuchul": stem in stems,
        "established": established,
        "rule": rule,
        "school": SCHOOL,
    }
