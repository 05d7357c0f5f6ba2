"""The result: four pillars and what follows from them. Labels are Hangul, as practitioners read them; indices stand
beside them.
"""

from __future__ import annotations

from typing import Generic, Literal, TypeVar

from cubekit import Model
from pydantic import Field

from saju_contract._birth import AgeBasis, ClockChoice, DaeunRounding, JeoripReference, ZiHour

T = TypeVar("T")

PillarName = Literal["year", "month", "day", "hour"]


class PerPillar(Model, Generic[T]):
    """One value for each pillar; null for the hour when the time of birth is unknown."""

    year: T
    month: T
    day: T
    hour: T | None


class Pillar(Model):
    """A stem over a branch."""

    cheon: str
    """Stem (천간) in Hangul."""
    ji: str
    """Branch (지지) in Hangul."""
    hanja: str
    """Both in Hanja, such as 庚午."""
    ganji: int = Field(ge=0, le=59)
    """Sexagenary index: 0 甲子 … 59 癸亥."""


class SajuPan(PerPillar[Pillar]):
    """The four pillars."""


class Wuxing(Model):
    """How many of the eight characters (six without the hour) belong to each element."""

    wood: int
    fire: int
    earth: int
    metal: int
    water: int


class PillarSipsin(Model):
    """Ten gods of a pillar's stem (일간 for the day stem itself) and, by its main hidden stem, of its branch."""

    cheon: str
    ji: str


class Sipsin(PerPillar[PillarSipsin]):
    """Ten gods (십신) of each pillar, seen from the day stem."""


class HiddenStems(Model):
    """Hidden stems of one branch in Hangul; 자, 묘 and 유 have no middle one."""

    yeogi: str
    junggi: str | None
    jeonggi: str


class Jijanggan(PerPillar[HiddenStems]):
    """Hidden stems (지장간) of each branch, by the month-command table (월률분야)."""


class PillarStages(Model):
    """Twelve stages of one branch."""

    bong: str
    """For the day stem (봉법)."""
    geo: str
    """For the pillar's own stem (거법)."""


class Sibiunseong(PerPillar[PillarStages]):
    """Twelve stages (십이운성) of each branch."""


class Void(Model):
    """The void branches of one pillar's decade."""

    branches: tuple[str, str]
    pillars: tuple[PillarName, ...]
    """Which pillars stand on one of them."""


class Gongmang(Model):
    """Void (공망) by the day pillar, which is the usual reading, and by the year pillar."""

    by_day: Void
    by_year: Void


class DaeunPeriod(Pillar):
    """Ten years of great fortune."""

    age: int
    """Age at its beginning, on the chosen basis."""
    start_date: str
    """Gregorian date of its beginning, from the exact age."""
    sipsin: PillarSipsin
    sibiunseong: str
    """Stage of the day stem in its branch."""


class Daeun(Model):
    """Great fortune (대운)."""

    forward: bool
    """Whether the pillars follow the month's in order (순행) or backwards (역행)."""
    start_age: int
    """대운수, by the chosen rounding and basis."""
    start_age_exact: float
    """Years lived at the first period's beginning."""
    list: tuple[DaeunPeriod, ...]


class Times(Model):
    """The moment on every clock, ISO 8601; durations in seconds. For an unknown time it is noon."""

    local: str
    """Wall clock at the place of birth."""
    utc: str
    offset: int
    """Local minus UTC, daylight saving included."""
    dst: int
    """How much of it is daylight saving."""
    standard: str
    """Wall clock without daylight saving."""
    lmt: str
    """Local mean time of the longitude."""
    apparent: str
    """Apparent solar time (진태양시)."""
    eot: float
    """Equation of time (균시차): apparent minus mean."""


class Term(Model):
    """A solar term."""

    name: str
    hanja: str
    longitude: int
    """Apparent longitude of the Sun that defines it, in degrees."""
    utc: str
    distance: int
    """Seconds between it and the birth."""


class Jeolgi(Model):
    """The month-opening solar terms (절) around the birth."""

    previous: Term
    next: Term


class Conventions(Model):
    """Everything that another school could have decided differently, with the value that was in force."""

    clock: ClockChoice
    zi_hour: ZiHour
    fold: int
    daeun_rounding: DaeunRounding
    age_basis: AgeBasis
    jeorip_reference: JeoripReference
    longitude: float
    timezone: str
    solar_calendar: str
    term_rounding: str
    jijanggan: str
    sibiunseong: str


class ChartWarning(Model):
    """A doubt that a reader of the chart should know of."""

    code: Literal["boundaryWarning", "unknownTime", "ambiguousTime", "longitudeFarFromZone"]
    message: str
    boundary: Literal["jeol", "day", "hour"] | None = None
    """For ``boundaryWarning``: of what."""
    distance: int | None = None
    """For ``boundaryWarning``: seconds between the birth and the boundary."""


class Chart(Model):
    """The chart of a birth."""

    saju_pan: SajuPan
    wuxing: Wuxing
    sipsin: Sipsin
    jijanggan: Jijanggan
    sibiunseong: Sibiunseong
    gongmang: Gongmang
    daeun: Daeun
    time: Times
    jeolgi: Jeolgi
    conventions: Conventions
    warnings: tuple[ChartWarning, ...]
    version: str
    """Version of the calendar that calculated it."""
