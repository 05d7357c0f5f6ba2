"""Stems and branches: elements, ten gods, hidden stems, twelve stages, void. Compiled.

Stems (천간) are 0 甲 ... 9 癸, branches (지지) 0 子 ... 11 亥, pillars 0 甲子 ... 59 癸亥. Elements are 0 wood, 1
fire, 2 earth, 3 metal, 4 water.
"""

from __future__ import annotations

from typing import Final

NONE: Final = -1
"""In a table of hidden stems: a branch without such a stem."""

HIDDEN_STEMS: Final[list[tuple[int, int, int]]] = [
    (8, NONE, 9),  # 子 壬 癸
    (9, 7, 5),  # 丑 癸 辛 己
    (4, 2, 0),  # 寅 戊 丙 甲
    (0, NONE, 1),  # 卯 甲 乙
    (1, 9, 4),  # 辰 乙 癸 戊
    (4, 6, 2),  # 巳 戊 庚 丙
    (2, 5, 3),  # 午 丙 己 丁
    (3, 1, 5),  # 未 丁 乙 己
    (4, 8, 6),  # 申 戊 壬 庚
    (6, NONE, 7),  # 酉 庚 辛
    (7, 3, 4),  # 戌 辛 丁 戊
    (4, 0, 8),  # 亥 戊 甲 壬
]
"""지장간(支藏干) of each branch by the Korean month-command table (월률분야): 여기, 중기, 정기."""

HIDDEN_DAYS: Final[list[tuple[int, int, int]]] = [
    (10, 0, 20), (9, 3, 18), (7, 7, 16), (10, 0, 20), (9, 3, 18), (7, 7, 16),
    (10, 9, 11), (9, 3, 18), (7, 7, 16), (10, 0, 20), (9, 3, 18), (7, 7, 16),
]  # fmt: skip
"""How many of a month's thirty days each hidden stem rules; 0 where there is none."""

_CHINESE: Final = {0: (NONE, NONE, 9), 3: (NONE, NONE, 1), 9: (NONE, NONE, 7), 11: (NONE, 0, 8)}
HIDDEN_STEMS_CHINESE: Final[list[tuple[int, int, int]]] = [
    _CHINESE.get(branch, stems) for branch, stems in enumerate(HIDDEN_STEMS)
]
"""The same as Chinese software has it: 子, 卯 and 酉 hide one stem only, 亥 no 戊."""

HIDDEN_DAYS_CHINESE: Final[list[tuple[int, int, int]]] = [
    (0, 0, 30) if branch in (0, 3, 9) else (0, 7, 23) if branch == 11 else days
    for branch, days in enumerate(HIDDEN_DAYS)
]
"""The days of a stem that is left out are added to the main one."""

_BRANCH_ELEMENTS: Final[list[int]] = [4, 2, 0, 0, 2, 1, 1, 2, 3, 3, 2, 4]
_STAGE_STARTS: Final[list[int]] = [11, 6, 2, 9, 2, 9, 5, 0, 8, 3]


def stem_element(stem: int) -> int:
    """Return the element of a stem."""
    return stem // 2


def branch_element(branch: int) -> int:
    """Return the element of a branch."""
    return _BRANCH_ELEMENTS[branch]


def main_stem(branch: int) -> int:
    """Return the main hidden stem (정기) of a branch; ten gods of a branch are those of this stem."""
    return HIDDEN_STEMS[branch][2]


def ten_god(day_stem: int, stem: int) -> int:
    """Return what a stem is to the day stem (십신).

    0 비견, 1 겁재, 2 식신, 3 상관, 4 편재, 5 정재, 6 편관, 7 정관, 8 편인, 9 정인. The distance of the elements along
    the cycle of generation gives the pair, equal or different polarity the one of the pair.
    """
    return (stem // 2 - day_stem // 2) % 5 * 2 + ((stem ^ day_stem) & 1)


def stage(stem: int, branch: int, earth_with_water: bool = False, yin_forward: bool = False) -> int:
    """Return the stage of a stem in a branch (십이운성), 0 장생 ... 11 양.

    Yang stems go forward, yin stems backward; earth goes with fire (화토동궁).

    :param earth_with_water: earth goes with water instead (수토동궁).
    :param yin_forward: yin stems go with the yang stem of their element (음양동생동사).
    """
    if earth_with_water and stem // 2 == 2:
        stem += 4
    if yin_forward:
        stem -= stem % 2
    if stem % 2 == 0:
        return (branch - _STAGE_STARTS[stem]) % 12
    return (_STAGE_STARTS[stem] - branch) % 12


def void_branches(pillar: int) -> tuple[int, int]:
    """Return the two branches that the decade of a pillar leaves out (공망)."""
    first = (10 - 2 * (pillar // 10)) % 12
    return first, first + 1
