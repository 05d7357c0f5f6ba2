"""Names of the field, by index, and the objects made of them."""

from __future__ import annotations

from typing import Final

from cubekit_saju._chart import HiddenStems, Pillar
from cubekit_saju._relations import HIDDEN_STEMS, NONE

STEMS: Final = tuple("갑을병정무기경신임계")
"""천간, 0 갑 ... 9 계."""
STEMS_HANJA: Final = tuple("甲乙丙丁戊己庚辛壬癸")
BRANCHES: Final = tuple("자축인묘진사오미신유술해")
"""지지, 0 자 ... 11 해."""
BRANCHES_HANJA: Final = tuple("子丑寅卯辰巳午未申酉戌亥")
TEN_GODS: Final = ("비견", "겁재", "식신", "상관", "편재", "정재", "편관", "정관", "편인", "정인")
"""십신."""
DAY_STEM: Final = "일간"
"""Stands for the ten god of the day stem itself."""
STAGES: Final = ("장생", "목욕", "관대", "건록", "제왕", "쇠", "병", "사", "묘", "절", "태", "양")
"""십이운성."""
ELEMENTS: Final = ("wood", "fire", "earth", "metal", "water")
"""오행, by the names of the public result."""
TERMS: Final = (
    ("소한", "小寒"), ("대한", "大寒"), ("입춘", "立春"), ("우수", "雨水"), ("경칩", "驚蟄"), ("춘분", "春分"),
    ("청명", "淸明"), ("곡우", "穀雨"), ("입하", "立夏"), ("소만", "小滿"), ("망종", "芒種"), ("하지", "夏至"),
    ("소서", "小暑"), ("대서", "大暑"), ("입추", "立秋"), ("처서", "處暑"), ("백로", "白露"), ("추분", "秋分"),
    ("한로", "寒露"), ("상강", "霜降"), ("입동", "立冬"), ("소설", "小雪"), ("대설", "大雪"), ("동지", "冬至"),
)  # fmt: skip
"""24절기, 0 소한 at 285 degrees ... 23 동지 at 270 degrees: Hangul and Hanja."""

PILLARS: Final = tuple(
    Pillar(STEMS[g % 10], BRANCHES[g % 12], STEMS_HANJA[g % 10] + BRANCHES_HANJA[g % 12], g) for g in range(60)
)
"""60갑자, 0 갑자 ... 59 계해."""
JIJANGGAN: Final = tuple(
    HiddenStems(STEMS[yeogi], None if junggi == NONE else STEMS[junggi], STEMS[jeonggi])
    for yeogi, junggi, jeonggi in HIDDEN_STEMS
)
"""지장간 of each branch."""
