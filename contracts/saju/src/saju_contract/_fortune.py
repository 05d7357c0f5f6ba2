"""What charts are to a day and to each other."""

from __future__ import annotations

from cubekit import Model

from saju_contract._chart import Conventions, Notice
from saju_contract._pillars import Pillar, Relation, SajuPan, TenGods, Wuxing


class DayFortune(Model):
    """A day seen from a chart: the basis of a daily fortune, without a judgement."""

    date: str
    day_pillar: Pillar
    month_pillar: Pillar
    year_pillar: Pillar
    sipsin: TenGods
    """What the day's pillar is to the day stem of the birth."""
    sibiunseong: str
    """Stage of the day stem of the birth in the day's branch."""
    gongmang: bool
    """Whether the day's branch is void for the day pillar of the birth."""
    hapchung: tuple[Relation, ...]
    """Between the day's pillar (``luck``) and those of the birth."""
    sinsal: tuple[str, ...]
    """Ids of the sinsal that the day's stem or branch is for the birth."""
    conventions: Conventions


class DayStems(Model):
    """What each day stem is to the other (십신)."""

    first_to_second: str
    """What the second's day stem is, seen from the first's."""
    second_to_first: str


class BothConventions(Model):
    """Those that each chart was made by; what lies between the charts is read by those of the first."""

    first: Conventions
    second: Conventions


class BothWarnings(Model):
    """Doubts about each chart."""

    first: tuple[Notice, ...]
    second: tuple[Notice, ...]


class Compatibility(Model):
    """Two charts side by side and every relation between their pillars; no score, which would be an invention."""

    method: str
    version: int
    first: SajuPan
    second: SajuPan
    day_stems: DayStems
    wuxing: Wuxing
    """Elements of both counted together."""
    hapchung: tuple[Relation, ...]
    """Between a pillar of the first and one of the second, such as ``first.day`` and ``second.year``."""
    conventions: BothConventions
    warnings: BothWarnings
