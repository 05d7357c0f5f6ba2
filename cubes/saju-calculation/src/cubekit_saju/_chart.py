"""The values that go into a calculation and come out of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Generic, Literal, TypeVar, get_args

Clock = Literal["lmt", "clock", "standard", "apparent"]
"""Clock of day and hour pillar: local mean time, the wall clock, the wall clock without daylight saving, apparent
solar time.
"""
ZiHour = Literal["split", "zi23", "midnight"]
"""What happens at 23:00: 야자시/조자시 apart, 정자시, or the hour stem of the same day."""
DaeunRounding = Literal["round", "intDaysRem2Up", "floor"]
"""How the exact start age becomes 대운수."""
AgeBasis = Literal["man", "seneun"]
"""만 나이 (years lived) or 세는나이 (one more)."""
JeoripReference = Literal["instant", "correctedClock"]
"""What is compared with a solar term: the instant, or the corrected local clock read as Korean standard time."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Location:
    """Place of birth.

    :param longitude: degrees east of Greenwich, -180 to 180; the default is Seoul.
    :param timezone: IANA name.
    """

    longitude: float = 126.978
    timezone: str = "Asia/Seoul"

    def __post_init__(self) -> None:
        if not -180.0 <= self.longitude <= 180.0:
            raise ValueError(f"longitude must be within -180 and 180 degrees, not {self.longitude}")


@dataclass(frozen=True, slots=True)
class Options:
    """The conventions in which schools differ; the defaults are the Korean mainstream.

    :param fold: which of two equal wall-clock times is meant when clocks are set back: 0 the first, 1 the second.
    """

    clock: Clock = "lmt"
    zi_hour: ZiHour = "split"
    fold: Literal[0, 1] = 0
    daeun_rounding: DaeunRounding = "round"
    age_basis: AgeBasis = "man"
    jeorip_reference: JeoripReference = "instant"

    def __post_init__(self) -> None:
        for name, value, allowed in (
            ("clock", self.clock, get_args(Clock)),
            ("zi_hour", self.zi_hour, get_args(ZiHour)),
            ("fold", self.fold, (0, 1)),
            ("daeun_rounding", self.daeun_rounding, get_args(DaeunRounding)),
            ("age_basis", self.age_basis, get_args(AgeBasis)),
            ("jeorip_reference", self.jeorip_reference, get_args(JeoripReference)),
        ):
            if value not in allowed:
                raise ValueError(f"{name} must be one of {', '.join(map(repr, allowed))}, not {value!r}")


@dataclass(frozen=True, slots=True)
class Birth:
    """A birth by the wall clock of its place. Date and time are checked when the chart is calculated.

    :param year: Gregorian, also before 1582; or a year of the Korean lunar calendar.
    :param hour: 0-23, or None when the time of birth is unknown.
    :param male: sex decides the direction of the great fortune (대운).
    :param lunar: whether the date is one of the Korean lunar calendar.
    :param leap_month: whether the lunar month is the repeated one (윤달).
    """

    year: int
    month: int
    day: int
    hour: int | None
    minute: int = 0
    male: bool = field(kw_only=True)
    lunar: bool = field(default=False, kw_only=True)
    leap_month: bool = field(default=False, kw_only=True)
    location: Location = field(default_factory=Location, kw_only=True)
    options: Options = field(default_factory=Options, kw_only=True)


@dataclass(frozen=True, slots=True)
class FourPillars(Generic[T]):
    """One value for each pillar; none for the hour when the time of birth is unknown."""

    year: T
    month: T
    day: T
    hour: T | None


@dataclass(frozen=True, slots=True)
class Pillar:
    """A stem over a branch.

    :param cheon: stem in Hangul.
    :param ji: branch in Hangul.
    :param hanja: both in Hanja.
    :param ganji: sexagenary index, 0 甲子 ... 59 癸亥.
    """

    cheon: str
    ji: str
    hanja: str
    ganji: int


@dataclass(frozen=True, slots=True)
class Wuxing:
    """How many of the eight characters (six without the hour) belong to each element."""

    wood: int
    fire: int
    earth: int
    metal: int
    water: int


@dataclass(frozen=True, slots=True)
class Sipsin:
    """Ten gods of a pillar's stem and, by its main hidden stem, of its branch."""

    cheon: str
    ji: str


@dataclass(frozen=True, slots=True)
class HiddenStems:
    """Hidden stems (지장간) of a branch in Hangul; 자, 묘 and 유 have no middle one."""

    yeogi: str
    junggi: str | None
    jeonggi: str


@dataclass(frozen=True, slots=True)
class Stages:
    """Twelve stages of a pillar's branch: for the day stem (봉법) and for the pillar's own stem (거법)."""

    bong: str
    geo: str


@dataclass(frozen=True, slots=True)
class Void:
    """The two void branches of a pillar, and which pillars (``year``, ``month``, ``day``, ``hour``) stand on one."""

    branches: tuple[str, str]
    pillars: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Gongmang:
    """Void by the day pillar, which is the usual reading, and by the year pillar."""

    by_day: Void
    by_year: Void


@dataclass(frozen=True, slots=True)
class DaeunPeriod:
    """Ten years of great fortune.

    :param age: age at its beginning, on the chosen basis.
    :param start_date: Gregorian date (ISO 8601) of its beginning, from the exact age.
    :param sipsin: what its pillar is to the day stem.
    :param sibiunseong: stage of the day stem in its branch.
    """

    age: int
    start_date: str
    cheon: str
    ji: str
    hanja: str
    ganji: int
    sipsin: Sipsin
    sibiunseong: str


@dataclass(frozen=True, slots=True)
class Daeun:
    """Great fortune (대운).

    :param forward: whether the pillars follow the month's in order (순행) or backwards (역행).
    :param start_age: 대운수 by the chosen rounding and basis.
    :param start_age_exact: years lived at the first period's beginning; three days to the solar term are one year.
    """

    forward: bool
    start_age: int
    start_age_exact: float
    list: tuple[DaeunPeriod, ...]


@dataclass(frozen=True, slots=True)
class Times:
    """The moment on every clock; ISO 8601, seconds where a number. For an unknown time it is noon.

    :param local: wall clock at the place of birth.
    :param offset: local minus UTC, daylight saving included.
    :param dst: part of it that is daylight saving.
    :param standard: wall clock without daylight saving.
    :param lmt: local mean time of the longitude.
    :param apparent: local mean time plus the equation of time (진태양시).
    :param eot: equation of time (균시차).
    """

    local: str
    utc: str
    offset: int
    dst: int
    standard: str
    lmt: str
    apparent: str
    eot: float


@dataclass(frozen=True, slots=True)
class Term:
    """A solar term.

    :param longitude: apparent longitude of the Sun in degrees that defines it.
    :param utc: its instant, ISO 8601, rounded up to a second.
    :param distance: seconds between it and the birth.
    """

    name: str
    hanja: str
    longitude: int
    utc: str
    distance: int


@dataclass(frozen=True, slots=True)
class Jeolgi:
    """The month-opening terms (절) around the birth."""

    previous: Term
    next: Term


@dataclass(frozen=True, slots=True)
class Conventions:
    """Everything that a different school could have decided differently, with the value that was in force."""

    clock: Clock
    zi_hour: ZiHour
    fold: int
    daeun_rounding: DaeunRounding
    age_basis: AgeBasis
    jeorip_reference: JeoripReference
    longitude: float
    timezone: str
    solar_calendar: Literal["gregorian"] = "gregorian"
    term_rounding: Literal["second"] = "second"
    jijanggan: Literal["wollyulBunya"] = "wollyulBunya"
    sibiunseong: Literal["hwatoDonggung"] = "hwatoDonggung"


@dataclass(frozen=True, slots=True)
class Notice:
    """A doubt that a reader of the chart should know of.

    :param code: ``boundaryWarning``, ``unknownTime``, ``ambiguousTime`` or ``longitudeFarFromZone``.
    :param boundary: for the first: ``jeol``, ``day`` or ``hour``.
    :param distance: for the first: seconds between the birth and the boundary.
    """

    code: str
    message: str
    boundary: str | None = None
    distance: int | None = None


@dataclass(frozen=True, slots=True)
class Chart:
    """The four pillars of a birth and what follows from them."""

    saju_pan: FourPillars[Pillar]
    wuxing: Wuxing
    sipsin: FourPillars[Sipsin]
    jijanggan: FourPillars[HiddenStems]
    sibiunseong: FourPillars[Stages]
    gongmang: Gongmang
    daeun: Daeun
    time: Times
    jeolgi: Jeolgi
    conventions: Conventions
    warnings: tuple[Notice, ...]
    version: str
