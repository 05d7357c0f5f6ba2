"""A chart as a whole."""

from __future__ import annotations

from typing import Literal

from cubekit import Model

from saju_contract._birth import (
    AgeBasis,
    ClockChoice,
    DaeunRounding,
    Goegang,
    HapchungRange,
    Hongyeom,
    JeoripReference,
    JijangganTable,
    OmiHap,
    SaryeongDays,
    SibiunseongTable,
    SinsalBasis,
    TermRounding,
    Yangin,
    YinStages,
    ZiHour,
)
from saju_contract._judgements import Gyeokguk, SpecialPattern, Strength, WeightedWuxing, Yongsin
from saju_contract._luck import Daeun, MonthFortune, YearFortune
from saju_contract._pillars import (
    Gongmang,
    Jijanggan,
    Relation,
    SajuPan,
    Saryeong,
    Sibiunseong,
    Sinsal,
    Sipsin,
    Wuxing,
)


class Times(Model):
    """The moment on every clock; ISO 8601, seconds where a number. For an unknown time it is noon."""

    local: str
    """Wall clock at the place of birth."""
    utc: str
    offset: int
    """Local minus UTC, daylight saving included."""
    dst: int
    """Part of it that is daylight saving."""
    standard: str
    """Wall clock without daylight saving."""
    lmt: str
    """Local mean time of the longitude."""
    apparent: str
    """Local mean time plus the equation of time (진태양시)."""
    eot: float
    """Equation of time (균시차)."""


class Term(Model):
    """A solar term."""

    name: str
    hanja: str
    longitude: int
    """Apparent longitude of the Sun in degrees that defines it."""
    utc: str
    """Its instant, rounded up to a second."""
    distance: int
    """Seconds between it and the birth."""


class Jeolgi(Model):
    """The month-opening terms (절) around the birth."""

    previous: Term
    next: Term


class Conventions(Model):
    """Everything that a different school could have decided differently, with the value that was in force."""

    clock: ClockChoice
    zi_hour: ZiHour
    fold: int
    jeorip_reference: JeoripReference
    term_rounding: TermRounding
    daeun_rounding: DaeunRounding
    age_basis: AgeBasis
    jijanggan: JijangganTable
    saryeong: SaryeongDays
    sibiunseong: SibiunseongTable
    yin_stages: YinStages
    hapchung: HapchungRange
    omi_hap: OmiHap
    sinsal_basis: SinsalBasis
    yangin: Yangin
    hongyeom: Hongyeom
    goegang: Goegang
    sinsal_tables: int
    """Version of the tables of sinsal."""
    solar_calendar: str
    longitude: float | None
    """Null in a batch whose births have their own."""
    timezone: str


class Notice(Model):
    """A doubt that a reader of the chart should know of."""

    code: Literal["boundaryWarning", "unknownTime", "ambiguousTime", "longitudeFarFromZone"]
    message: str
    boundary: Literal["jeol", "day", "hour"] | None
    """For ``boundaryWarning``: of what."""
    distance: int | None
    """For ``boundaryWarning``: seconds between the birth and the boundary."""


class Chart(Model):
    """The four pillars of a birth and what follows from them."""

    saju_pan: SajuPan
    wuxing: Wuxing
    wuxing_weighted: WeightedWuxing
    sipsin: Sipsin
    jijanggan: Jijanggan
    saryeong: Saryeong
    sibiunseong: Sibiunseong
    gongmang: Gongmang
    hapchung: tuple[Relation, ...]
    sinsal: tuple[Sinsal, ...]
    gyeokguk: Gyeokguk
    oegyeok: tuple[SpecialPattern, ...]
    strength: Strength
    yongsin: tuple[Yongsin, ...]
    daeun: Daeun
    seun: tuple[YearFortune, ...]
    wolun: tuple[MonthFortune, ...]
    time: Times
    jeolgi: Jeolgi
    conventions: Conventions
    warnings: tuple[Notice, ...]
    version: str
