"""What goes into a calculation."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, get_args

from cubekit_saju._calendar.clocks import check_longitude

Clock = Literal["lmt", "clock", "standard", "apparent"]
"""Clock of day and hour pillar: local mean time, the wall clock, the wall clock without daylight saving, apparent
solar time.
"""
ZiHour = Literal["split", "zi23", "midnight"]
"""What happens at 23:00: 야자시/조자시 apart, 정자시, or the hour stem of the same day."""
JeoripReference = Literal["instant", "correctedClock"]
"""What is compared with a solar term: the instant, or the corrected local clock read as its standard time."""
TermRounding = Literal["second", "kasiMinute"]
"""Solar terms to the second, or to the nearest minute, as the Korean almanac prints them."""
DaeunRounding = Literal["round", "intDaysRem2Up", "floor"]
"""How the exact start age becomes 대운수."""
AgeBasis = Literal["man", "seneun"]
"""만 나이 (years lived) or 세는나이 (one more)."""
JijangganTable = Literal["wollyulBunya", "chinese"]
"""Hidden stems by the Korean month-command table (월률분야), or without 여기 in 子卯酉 and 戊 in 亥."""
SaryeongDays = Literal["real", "scaled"]
"""How days since the solar term are counted for 사령: as they are, or scaled to a month of thirty."""
SibiunseongTable = Literal["hwatoDonggung", "sutoDonggung"]
"""Whether earth shares the twelve stages of fire or of water."""
YinStages = Literal["backward", "forward"]
"""Whether yin stems run backward through the stages, or with their yang stem (음양동생동사)."""
HapchungRange = Literal["standard", "extended"]
"""Relations that all schools know, or also 천간극, 가합, 준방합 and 암합."""
OmiHap = Literal["fire", "earth", "none"]
"""What 午 and 未 combine to."""
SinsalBasis = Literal["year", "day"]
"""Whose branch the twelve sinsal (12신살) are counted from."""
Yangin = Literal["yangOnly", "all"]
"""Whether yin day stems have a 양인."""
Hongyeom = Literal["eulSin", "eulO"]
"""Whether the 홍염 of 乙 is 申 or 午."""
Goegang = Literal["withoutMujin", "withMujin"]
"""Whether 戊辰 is a 괴강."""


@dataclass(frozen=True, slots=True)
class Location:
    """Place of birth.

    :param longitude: degrees east of Greenwich, -180 to 180; the default is Seoul.
    :param timezone: IANA name.
    """

    longitude: float = 126.978
    timezone: str = "Asia/Seoul"

    def __post_init__(self) -> None:
        check_longitude(self.longitude)


@dataclass(frozen=True, slots=True)
class Options:
    """The conventions in which schools differ; the defaults are the Korean mainstream.

    :param fold: which of two equal wall-clock times is meant when clocks are set back: 0 the first, 1 the second.
    """

    clock: Clock = "lmt"
    zi_hour: ZiHour = "split"
    fold: Literal[0, 1] = 0
    jeorip_reference: JeoripReference = "instant"
    term_rounding: TermRounding = "second"
    daeun_rounding: DaeunRounding = "round"
    age_basis: AgeBasis = "man"
    jijanggan: JijangganTable = "wollyulBunya"
    saryeong: SaryeongDays = "real"
    sibiunseong: SibiunseongTable = "hwatoDonggung"
    yin_stages: YinStages = "backward"
    hapchung: HapchungRange = "standard"
    omi_hap: OmiHap = "fire"
    sinsal_basis: SinsalBasis = "year"
    yangin: Yangin = "yangOnly"
    hongyeom: Hongyeom = "eulSin"
    goegang: Goegang = "withoutMujin"

    def __post_init__(self) -> None:
        for name, allowed in OPTION_VALUES.items():
            value = getattr(self, name)
            if value not in allowed:
                raise ValueError(f"{name} must be one of {', '.join(map(repr, allowed))}, not {value!r}")


OPTION_VALUES: dict[str, tuple[str | int, ...]] = {
    "clock": get_args(Clock),
    "zi_hour": get_args(ZiHour),
    "fold": (0, 1),
    "jeorip_reference": get_args(JeoripReference),
    "term_rounding": get_args(TermRounding),
    "daeun_rounding": get_args(DaeunRounding),
    "age_basis": get_args(AgeBasis),
    "jijanggan": get_args(JijangganTable),
    "saryeong": get_args(SaryeongDays),
    "sibiunseong": get_args(SibiunseongTable),
    "yin_stages": get_args(YinStages),
    "hapchung": get_args(HapchungRange),
    "omi_hap": get_args(OmiHap),
    "sinsal_basis": get_args(SinsalBasis),
    "yangin": get_args(Yangin),
    "hongyeom": get_args(Hongyeom),
    "goegang": get_args(Goegang),
}
"""The values of each option, the default first."""


@dataclass(frozen=True, slots=True)
class Birth:
    """A birth by the wall clock of its place. Date and time are checked when the chart is calculated.

    :param year: Gregorian, or a year of the Korean lunar calendar.
    :param hour: 0-23, or None when the time of birth is unknown.
    :param male: sex decides the direction of the great fortune (대운).
    :param lunar: whether the date is one of the Korean lunar calendar.
    :param leap_month: whether the lunar month is the repeated one (윤달).
    :param seun_year: first year of the year fortunes (세운) and the year of the month fortunes (월운); by default the
        year of the year pillar. It is within 1600-2400.
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
    seun_year: int | None = field(default=None, kw_only=True)
