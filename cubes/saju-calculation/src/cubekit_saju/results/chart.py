"""A chart as a whole."""

from __future__ import annotations

from typing import TypedDict

from cubekit_saju.results.judgements import Gyeokguk, SpecialPattern, Strength, WeightedWuxing, Yongsin
from cubekit_saju.results.luck import Daeun, MonthFortune, YearFortune
from cubekit_saju.results.pillars import (
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


class Times(TypedDict):
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


class Term(TypedDict):
    """A solar term."""

    name: str
    hanja: str
    longitude: int
    """Apparent longitude of the Sun in degrees that defines it."""
    utc: str
    """Its instant, rounded up to a second."""
    distance: int
    """Seconds between it and the birth."""


class Jeolgi(TypedDict):
    """The month-opening terms (절) around the birth."""

    previous: Term
    next: Term


class Conventions(TypedDict):
    """Everything that a different school could have decided differently, with the value that was in force."""

    clock: str
    ziHour: str
    fold: int
    jeoripReference: str
    termRounding: str
    daeunRounding: str
    ageBasis: str
    jijanggan: str
    saryeong: str
    sibiunseong: str
    yinStages: str
    hapchung: str
    omiHap: str
    sinsalBasis: str
    yangin: str
    hongyeom: str
    goegang: str
    sinsalTables: int
    """Version of the tables of sinsal."""
    solarCalendar: str
    longitude: float | None
    """None in a batch whose births have their own."""
    timezone: str


class Notice(TypedDict):
    """A doubt that a reader of the chart should know of."""

    code: str
    """``boundaryWarning``, ``unknownTime``, ``ambiguousTime`` or ``longitudeFarFromZone``."""
    message: str
    boundary: str | None
    """For the first: ``jeol``, ``day`` or ``hour``."""
    distance: int | None
    """For the first: seconds between the birth and the boundary."""


class Chart(TypedDict):
    """The four pillars of a birth and what follows from them."""

    sajuPan: SajuPan
    wuxing: Wuxing
    wuxingWeighted: WeightedWuxing
    sipsin: Sipsin
    jijanggan: Jijanggan
    saryeong: Saryeong
    sibiunseong: Sibiunseong
    gongmang: Gongmang
    hapchung: list[Relation]
    sinsal: list[Sinsal]
    gyeokguk: Gyeokguk
    oegyeok: list[SpecialPattern]
    strength: Strength
    yongsin: list[Yongsin]
    daeun: Daeun
    seun: list[YearFortune]
    wolun: list[MonthFortune]
    time: Times
    jeolgi: Jeolgi
    conventions: Conventions
    warnings: list[Notice]
    version: str
