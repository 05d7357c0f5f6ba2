"""Pillars, and what is read from them directly."""

from __future__ import annotations

from cubekit import Model
from pydantic import Field


class Pillar(Model):
    """A stem over a branch."""

    cheon: str
    """Stem in Hangul."""
    ji: str
    """Branch in Hangul."""
    hanja: str
    """Both in Hanja."""
    ganji: int = Field(ge=0, le=59)
    """Sexagenary index, 0 甲子 ... 59 癸亥."""


class SajuPan(Model):
    """The four pillars; no hour when the time of birth is unknown."""

    year: Pillar
    month: Pillar
    day: Pillar
    hour: Pillar | None


class Wuxing(Model):
    """How many of the eight characters (six without the hour) belong to each element."""

    wood: int
    fire: int
    earth: int
    metal: int
    water: int


class TenGods(Model):
    """Ten gods of a pillar's stem and, by its main hidden stem, of its branch."""

    cheon: str
    ji: str


class Sipsin(Model):
    """Ten gods (십신) of each pillar."""

    year: TenGods
    month: TenGods
    day: TenGods
    hour: TenGods | None


class HiddenStems(Model):
    """Hidden stems of a branch in Hangul; null where the table has none."""

    yeogi: str | None
    junggi: str | None
    jeonggi: str


class Jijanggan(Model):
    """Hidden stems (지장간) of each branch."""

    year: HiddenStems
    month: HiddenStems
    day: HiddenStems
    hour: HiddenStems | None


class Saryeong(Model):
    """The hidden stem of the month branch that rules the day of birth (사령)."""

    cheon: str
    position: str
    """``yeogi``, ``junggi`` or ``jeonggi``."""
    days: float
    """Days since the solar term that opened the month, as the convention counts them."""


class Stages(Model):
    """Twelve stages of a pillar's branch: for the day stem (봉법) and for the pillar's own stem (거법)."""

    bong: str
    geo: str


class Sibiunseong(Model):
    """Twelve stages (십이운성) of each branch."""

    year: Stages
    month: Stages
    day: Stages
    hour: Stages | None


class Void(Model):
    """The two void branches of a pillar, and which pillars (``year``, ``month``, ``day``, ``hour``) stand on one."""

    branches: tuple[str, ...]
    pillars: tuple[str, ...]


class Gongmang(Model):
    """Void (공망) by the day pillar, which is the usual reading, and by the year pillar."""

    by_day: Void
    by_year: Void


class Relation(Model):
    """A combination or a clash (합충형파해) of stems or branches."""

    kind: str
    """Such as ``yukhap``; ``docs/tables.md`` of the saju-calculation cube has all."""
    name: str
    """In Hangul."""
    members: tuple[str, ...]
    """Stems or branches in Hangul, in the order of ``pillars``."""
    hanja: str
    element: str | None
    """What they combine to; null where they do not."""
    pillars: tuple[str, ...]
    """Where they stand."""
    adjacent: bool
    """Whether the pillars are neighbours."""


class Sinsal(Model):
    """A sinsal (신살) and where it falls."""

    id: str
    """``docs/tables.md`` of the saju-calculation cube has all, with their targets."""
    name: str
    hanja: str
    basis: str
    """What it is counted from: ``dayStem``, ``monthBranch``, ``yearBranch``, ``dayBranch`` or ``pillar``."""
    pillars: tuple[str, ...]
