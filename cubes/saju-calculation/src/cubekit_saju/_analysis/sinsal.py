"""Sinsal (신살), by table. Compiled.

A row of a table gives the targets of each basis: stems and branches in Hanja. Targets are kept as sets of bits, a
branch as bit 0-11 and a stem as bit 12-21.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from cubekit_saju._analysis.vocabulary import BRANCHES_HANJA, POSITIONS, STEMS_HANJA
from cubekit_saju.results.pillars import Sinsal

if TYPE_CHECKING:
    from mypy_extensions import i64

TABLES_VERSION: Final = 1
"""Version of all tables below; they vary between schools more than anything else."""

# Each row: id, Hangul, Hanja, targets by basis.
_BY_DAY_STEM: Final = (  # 甲 乙 丙 丁 戊 己 庚 辛 壬 癸
    ("cheoneulGwiin", "천을귀인", "天乙貴人", "丑未 子申 亥酉 亥酉 丑未 子申 丑未 寅午 巳卯 巳卯"),
    ("munchangGwiin", "문창귀인", "文昌貴人", "巳 午 申 酉 申 酉 亥 子 寅 卯"),
    ("hakdangGwiin", "학당귀인", "學堂貴人", "亥 午 寅 酉 寅 酉 巳 子 申 卯"),
    ("geonrok", "건록", "建祿", "寅 卯 巳 午 巳 午 申 酉 亥 子"),
    ("amrok", "암록", "暗祿", "亥 戌 申 未 申 未 巳 辰 寅 丑"),
    ("geumyeo", "금여", "金輿", "辰 巳 未 申 未 申 戌 亥 丑 寅"),
    ("taegeukGwiin", "태극귀인", "太極貴人", "子午 子午 卯酉 卯酉 辰戌丑未 辰戌丑未 寅亥 寅亥 巳申 巳申"),
)
_HONGYEOM: Final = ("hongyeom", "홍염살", "紅艶殺")
_HONGYEOM_SIN: Final = "午 申 寅 未 辰 辰 戌 酉 子 申"
_HONGYEOM_O: Final = "午 午 寅 未 辰 辰 戌 酉 子 申"
_YANGIN: Final = ("yangin", "양인살", "羊刃殺")
_YANGIN_YANG: Final = "卯 - 午 - 午 - 酉 - 子 -"
_YANGIN_ALL: Final = "卯 辰 午 未 午 未 酉 戌 子 丑"
_BY_MONTH_BRANCH: Final = (  # 子 丑 寅 卯 辰 巳 午 未 申 酉 戌 亥
    ("cheondeokGwiin", "천덕귀인", "天德貴人", "巳 庚 丁 申 壬 辛 亥 甲 癸 寅 丙 乙"),
    ("woldeokGwiin", "월덕귀인", "月德貴人", "壬 庚 丙 甲 壬 庚 丙 甲 壬 庚 丙 甲"),
    ("cheonuiseong", "천의성", "天醫星", "亥 子 丑 寅 卯 辰 巳 午 未 申 酉 戌"),
    ("geupgak", "급각살", "急脚殺", "丑辰 丑辰 亥子 亥子 亥子 卯未 卯未 卯未 寅戌 寅戌 寅戌 丑辰"),
)
_BY_YEAR_BRANCH: Final = (
    ("gosin", "고신살", "孤辰殺", "寅 寅 巳 巳 巳 申 申 申 亥 亥 亥 寅"),
    ("gwasuk", "과숙살", "寡宿殺", "戌 戌 丑 丑 丑 辰 辰 辰 未 未 未 戌"),
    ("sangmun", "상문살", "喪門殺", "寅 卯 辰 巳 午 未 申 酉 戌 亥 子 丑"),
    ("jogaek", "조객살", "弔客殺", "戌 亥 子 丑 寅 卯 辰 巳 午 未 申 酉"),
)
_TWELVE: Final = (
    ("geopsal", "겁살", "劫殺"), ("jaesal", "재살", "災殺"), ("cheonsal", "천살", "天殺"), ("jisal", "지살", "地殺"),
    ("yeonsal", "연살(도화살)", "年殺(桃花殺)"), ("wolsal", "월살", "月殺"), ("mangsinsal", "망신살", "亡身殺"),
    ("jangseongsal", "장성살", "將星殺"), ("bananSal", "반안살", "攀鞍殺"), ("yeokmasal", "역마살", "驛馬殺"),
    ("yukhaesal", "육해살", "六害殺"), ("hwagaesal", "화개살", "華蓋殺"),
)  # fmt: skip
_TWELVE_STARTS: Final[list[int]] = [5, 2, 11, 8]
"""Where 겁살 stands for 申子辰, 巳酉丑, 寅午戌, 亥卯未: by branch % 4."""
_BY_PILLAR: Final = (("baekhoDaesal", "백호대살", "白虎大殺", "甲辰 乙未 丙戌 丁丑 戊辰 壬戌 癸丑"),)
_GOEGANG: Final = ("goegang", "괴강살", "魁罡殺")
_GOEGANG_PILLARS: Final = "庚辰 庚戌 壬辰 壬戌 戊戌"
_GOEGANG_WITH_MUJIN: Final = "庚辰 庚戌 壬辰 壬戌 戊戌 戊辰"
_GORAN: Final = ("goran", "고란살", "孤鸞殺", "甲寅 乙巳 丁巳 戊申 辛亥")
"""Of the day pillar only."""
_HYEONCHIM: Final = ("hyeonchim", "현침살", "懸針殺", "甲辛卯午申")
_TOGETHER: Final = (("cheonra", "천라", "天羅", "戌亥"), ("jimang", "지망", "地網", "辰巳"))
"""Both branches have to be there."""

_SAMJAE_STARTS: Final[list[int]] = [2, 11, 8, 5]
"""First of the three branches of misfortune (삼재) for 申子辰, 巳酉丑, 寅午戌, 亥卯未: by branch % 4."""


def _bits(characters: str) -> int:
    found = 0
    for character in characters:
        if character in BRANCHES_HANJA:
            found |= 1 << BRANCHES_HANJA.index(character)
        elif character in STEMS_HANJA:
            found |= 1 << 12 + STEMS_HANJA.index(character)
    return found


def _pillar_set(names: str) -> int:
    found = 0
    for g in range(60):
        if STEMS_HANJA[g % 10] + BRANCHES_HANJA[g % 12] in names.split():
            found |= 1 << g
    return found


def _entries(identity: tuple[str, str, str], basis: str) -> list[Sinsal]:
    """Return one entry for every set of pillars, by the set's four bits."""
    return [
        {
            "id": identity[0],
            "name": identity[1],
            "hanja": identity[2],
            "basis": basis,
            "pillars": [POSITIONS[place] for place in range(4) if places >> place & 1],
        }
        for places in range(16)
    ]


class _Row:
    """A sinsal with its targets by basis."""

    def __init__(self, identity: tuple[str, str, str], basis: str, targets: list[int]) -> None:
        self.entries: Final = _entries(identity, basis)
        self.targets: Final = targets


def _rows(table: tuple[tuple[str, str, str, str], ...], basis: str) -> list[_Row]:
    return [_Row((row[0], row[1], row[2]), basis, [_bits(group) for group in row[3].split()]) for row in table]


def _twelve(basis: str) -> list[_Row]:
    return [
        _Row(identity, basis, [1 << (_TWELVE_STARTS[branch % 4] + number) % 12 for branch in range(12)])
        for number, identity in enumerate(_TWELVE)
    ]


class SinsalTables:
    """The sinsal of a birth by one choice of conventions."""

    def __init__(self, by_day_branch: bool, yin_has_yangin: bool, hongyeom_at_o: bool, with_mujin: bool) -> None:
        yangin = _YANGIN_ALL if yin_has_yangin else _YANGIN_YANG
        hongyeom = _HONGYEOM_O if hongyeom_at_o else _HONGYEOM_SIN
        goegang = _GOEGANG_WITH_MUJIN if with_mujin else _GOEGANG_PILLARS
        self._by_day_branch: Final = by_day_branch
        self._day_stem: Final = [
            *_rows(_BY_DAY_STEM, "dayStem"),
            _Row(_HONGYEOM, "dayStem", [_bits(group) for group in hongyeom.split()]),
            _Row(_YANGIN, "dayStem", [_bits(group) for group in yangin.split()]),
        ]
        self._month_branch: Final = _rows(_BY_MONTH_BRANCH, "monthBranch")
        self._year_branch: Final = _rows(_BY_YEAR_BRANCH, "yearBranch")
        self._twelve: Final = _twelve("dayBranch" if by_day_branch else "yearBranch")
        self._pillars: Final = [
            *[_Row((row[0], row[1], row[2]), "pillar", [_pillar_set(row[3])]) for row in _BY_PILLAR],
            _Row(_GOEGANG, "pillar", [_pillar_set(goegang)]),
        ]
        self._goran: Final = _Row((_GORAN[0], _GORAN[1], _GORAN[2]), "pillar", [_pillar_set(_GORAN[3])])
        self._hyeonchim: Final = _Row((_HYEONCHIM[0], _HYEONCHIM[1], _HYEONCHIM[2]), "pillar", [_bits(_HYEONCHIM[3])])
        self._together: Final = [_Row((row[0], row[1], row[2]), "pillar", [_bits(row[3])]) for row in _TOGETHER]

    def of(self, year: i64, month: i64, day: i64, hour: i64) -> list[Sinsal]:
        """Return the sinsal of a birth, each with the pillars where it falls.

        :param hour: -1 when the time of birth is unknown.
        """
        return self._found(year, month, day, _place(year), _place(month), _place(day), _place(hour))

    def of_luck(self, luck: i64, year: i64, month: i64, day: i64) -> list[str]:
        """Return the ids of the sinsal that the stem or branch of a luck pillar is for a birth."""
        at: i64 = _place(luck)
        return [entry["id"] for entry in self._found(year, month, day, at, 0, 0, 0) if entry["basis"] != "pillar"]

    def _found(self, year: i64, month: i64, day: i64, p0: i64, p1: i64, p2: i64, p3: i64) -> list[Sinsal]:
        found: list[Sinsal] = []
        _collect(found, self._day_stem, day % 10, p0, p1, p2, p3)
        _collect(found, self._month_branch, month % 12, p0, p1, p2, p3)
        _collect(found, self._year_branch, year % 12, p0, p1, p2, p3)
        _collect(found, self._twelve, day % 12 if self._by_day_branch else year % 12, p0, p1, p2, p3)
        for row in self._pillars:
            names: i64 = row.targets[0]
            places: i64 = _among(names, p0) | _among(names, p1) << 1 | _among(names, p2) << 2 | _among(names, p3) << 3
            if places:
                found.append(row.entries[places])
        goran: i64 = self._goran.targets[0]
        if _among(goran, p2):
            found.append(self._goran.entries[4])
        _append(found, self._hyeonchim, 0, p0, p1, p2, p3)
        together: i64 = (p0 | p1 | p2 | p3) & 4_095
        for row in self._together:
            both: i64 = row.targets[0]
            if together & both == both:
                _append(found, row, 0, p0, p1, p2, p3)
        return found


def is_samjae(year: i64, luck: i64) -> bool:
    """Whether the year of a luck pillar is one of the three years of misfortune (삼재) of a year pillar."""
    first: i64 = _SAMJAE_STARTS[year % 4]
    return (luck - first) % 12 < 3


def _place(pillar: i64) -> i64:
    """Return a pillar's stem and branch as bits, with the pillar itself above them; 0 for none."""
    if pillar < 0:
        return 0
    one: i64 = 1
    return one << pillar % 12 | one << 12 + pillar % 10 | (pillar + 1) << 22


def _among(names: i64, place: i64) -> i64:
    if place == 0:
        return 0
    return names >> (place >> 22) - 1 & 1


def _collect(found: list[Sinsal], rows: list[_Row], basis: i64, p0: i64, p1: i64, p2: i64, p3: i64) -> None:
    for row in rows:
        _append(found, row, basis, p0, p1, p2, p3)


def _append(found: list[Sinsal], row: _Row, basis: i64, p0: i64, p1: i64, p2: i64, p3: i64) -> None:
    targets: i64 = row.targets[basis]
    places: i64 = 0
    if p0 & targets:
        places = 1
    if p1 & targets:
        places |= 2
    if p2 & targets:
        places |= 4
    if p3 & targets:
        places |= 8
    if places:
        found.append(row.entries[places])
