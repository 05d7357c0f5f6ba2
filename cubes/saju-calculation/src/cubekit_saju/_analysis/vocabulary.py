"""Names of the field, by index, and the parts of charts that are made of them."""

from __future__ import annotations

from typing import Final

from cubekit_saju._analysis.elements import main_stem, ten_god
from cubekit_saju.results.pillars import Pillar, TenGods

STEMS: Final[list[str]] = list("갑을병정무기경신임계")
"""천간, 0 갑 ... 9 계."""
STEMS_HANJA: Final[list[str]] = list("甲乙丙丁戊己庚辛壬癸")
BRANCHES: Final[list[str]] = list("자축인묘진사오미신유술해")
"""지지, 0 자 ... 11 해."""
BRANCHES_HANJA: Final[list[str]] = list("子丑寅卯辰巳午未申酉戌亥")
TEN_GODS: Final[list[str]] = ["비견", "겁재", "식신", "상관", "편재", "정재", "편관", "정관", "편인", "정인"]
"""십신."""
TEN_GODS_HANJA: Final[list[str]] = ["比肩", "劫財", "食神", "傷官", "偏財", "正財", "偏官", "正官", "偏印", "正印"]
DAY_STEM: Final = "일간"
"""Stands for the ten god of the day stem itself."""
STAGES: Final[list[str]] = ["장생", "목욕", "관대", "건록", "제왕", "쇠", "병", "사", "묘", "절", "태", "양"]
"""십이운성."""
ELEMENTS: Final[list[str]] = ["wood", "fire", "earth", "metal", "water"]
"""오행, by the names of the public result."""
POSITIONS: Final[list[str]] = ["year", "month", "day", "hour"]
"""The pillars."""
LUCK: Final = "luck"
"""Stands for a pillar that comes to those of the birth: of a year, a month or a day."""
TERMS: Final[list[str]] = [
    "소한", "대한", "입춘", "우수", "경칩", "춘분", "청명", "곡우", "입하", "소만", "망종", "하지",
    "소서", "대서", "입추", "처서", "백로", "추분", "한로", "상강", "입동", "소설", "대설", "동지",
]  # fmt: skip
"""24절기, 0 소한 at 285 degrees ... 23 동지 at 270 degrees."""
TERMS_HANJA: Final[list[str]] = [
    "小寒", "大寒", "立春", "雨水", "驚蟄", "春分", "淸明", "穀雨", "立夏", "小滿", "芒種", "夏至",
    "小暑", "大暑", "立秋", "處暑", "白露", "秋分", "寒露", "霜降", "立冬", "小雪", "大雪", "冬至",
]  # fmt: skip

PILLARS: Final[list[Pillar]] = [
    {
        "cheon": STEMS[g % 10],
        "ji": BRANCHES[g % 12],
        "hanja": STEMS_HANJA[g % 10] + BRANCHES_HANJA[g % 12],
        "ganji": g,
    }
    for g in range(60)
]
"""60갑자, 0 갑자 ... 59 계해."""

PILLAR_GODS: Final[list[TenGods]] = [
    {"cheon": TEN_GODS[ten_god(day_stem, g % 10)], "ji": TEN_GODS[ten_god(day_stem, main_stem(g % 12))]}
    for day_stem in range(10)
    for g in range(60)
]
"""Ten gods of pillar g for a day stem, at 60 * day_stem + g."""

DAY_PILLAR_GODS: Final[list[TenGods]] = [
    {"cheon": DAY_STEM, "ji": TEN_GODS[ten_god(g % 10, main_stem(g % 12))]} for g in range(60)
]
"""The same of the day pillar itself."""
