"""What charts are to a day and to each other."""

from __future__ import annotations

from typing import TypedDict

from cubekit_saju.results.chart import Conventions, Notice
from cubekit_saju.results.pillars import Pillar, Relation, SajuPan, TenGods, Wuxing


class DayFortune(TypedDict):
    """A day seen from a chart: the basis of a daily fortune, without a judgement."""

    date: str
    dayPillar: Pillar
    monthPillar: Pillar
    yearPillar: Pillar
    sipsin: TenGods
    """What the day's pillar is to the day stem of the birth."""
    sibiunseong: str
    """Stage of the day stem of the birth in the day's branch."""
    gongmang: bool
    """Whether the day's branch is void for the day pillar of the birth."""
    hapchung: list[Relation]
    """Between the day's pillar (``luck``) and those of the birth."""
    sinsal: list[str]
    """Ids of the sinsal that the day's stem or branch is for the birth."""
    conventions: Conventions


class DayStems(TypedDict):
    """What each day stem is to the other (십신)."""

    firstToSecond: str
    """What the second's day stem is, seen from the first's."""
    secondToFirst: str


class BothConventions(TypedDict):
    """Those that each chart was made by; what lies between the charts is read by those of the first."""

    first: Conventions
    second: Conventions


class BothWarnings(TypedDict):
    """Doubts about each chart."""

    first: list[Notice]
    second: list[Notice]


class Compatibility(TypedDict):
    """Two charts side by side and every relation between their pillars; no score, which would be an invention."""

    method: str
    version: int
    first: SajuPan
    second: SajuPan
    dayStems: DayStems
    wuxing: Wuxing
    """Elements of both counted together."""
    hapchung: list[Relation]
    """Between a pillar of the first and one of the second, such as ``first.day`` and ``second.year``."""
    conventions: BothConventions
    warnings: BothWarnings
