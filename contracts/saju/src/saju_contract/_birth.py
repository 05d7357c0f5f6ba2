"""The request: a birth and the conventions to read it by."""

from __future__ import annotations

import re
from typing import Annotated, Literal, Self

from cubekit import Model
from pydantic import AfterValidator, ConfigDict, Field, StrictBool, WithJsonSchema, model_validator
from pydantic.alias_generators import to_camel
from pydantic_core import PydanticCustomError

ClockChoice = Literal["lmt", "clock", "standard", "apparent"]
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

_DATE = re.compile(r"(?:[0-9]{4}|[1-9][0-9]{4,5})-[0-9]{2}-[0-9]{2}")
_TIME = re.compile(r"(?:[01][0-9]|2[0-3]):[0-5][0-9]")


def _date(value: str) -> str:
    if _DATE.fullmatch(value) is None:
        raise PydanticCustomError("birth_date", "must be a date in the form YYYY-MM-DD, such as 1990-05-15")
    return value


def _time(value: str) -> str:
    if _TIME.fullmatch(value) is None:
        raise PydanticCustomError("birth_time", "must be a time in the form HH:MM from 00:00 to 23:59, such as 14:30")
    return value


DateText = Annotated[
    str,
    Field(strict=True),
    AfterValidator(_date),
    WithJsonSchema({"type": "string", "pattern": f"^{_DATE.pattern}$", "examples": ["1990-05-15"]}),
]
"""A date as ``YYYY-MM-DD``; whether there is such a day is for the calendar to say."""
TimeText = Annotated[
    str,
    Field(strict=True),
    AfterValidator(_time),
    WithJsonSchema({"type": "string", "pattern": f"^{_TIME.pattern}$", "examples": ["14:30"]}),
]
"""A time of day as ``HH:MM``, from 00:00 to 23:59."""
Gender = Literal["male", "female"]
"""Sex, which decides the direction of the great fortune (대운)."""
Month = Annotated[int, Field(ge=1, le=12)]
"""A month of the Gregorian calendar, 1-12."""


class Location(Model):
    """Place of birth."""

    latitude: float | None = Field(default=None, ge=-90, le=90, allow_inf_nan=False, strict=True)
    """Degrees north; does not enter the calculation."""
    longitude: float = Field(ge=-180, le=180, allow_inf_nan=False, strict=True)
    """Degrees east of Greenwich."""
    timezone: str = Field(default="Asia/Seoul", max_length=64)
    """IANA name of the zone whose wall clock the birth is given by."""


class Options(Model):
    """The conventions in which schools differ; the defaults are the Korean mainstream."""

    clock: ClockChoice = "lmt"
    zi_hour: ZiHour = "split"
    fold: Literal[0, 1] = 0
    """Which of two equal wall-clock times is meant when clocks were set back: 0 the first, 1 the second."""
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


class Birth(Model):
    """A birth by the wall clock of its place."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"birthDate": "1990-05-15", "birthTime": "14:30", "isLunar": False, "gender": "male"}]
        }
    )

    birth_date: DateText
    """``YYYY-MM-DD``: Gregorian, or with ``isLunar`` year, month and day of the Korean lunar calendar."""
    birth_time: TimeText | None = None
    """``HH:MM``; null when it is unknown."""
    is_lunar: StrictBool = False
    is_leap_month: StrictBool = False
    """Whether the lunar month is the repeated one (윤달)."""
    gender: Gender
    """Decides the direction of the great fortune (대운)."""
    name: str | None = Field(default=None, max_length=100)
    """Whose birth it is; does not enter the calculation."""
    location: Location | None = None
    """Where; without it the calendar's own default is used, which is Seoul unless it was configured otherwise."""
    options: Options = Options()
    seun_year: int | None = Field(default=None, ge=1600, le=2400, strict=True)
    """First year of the year fortunes (세운) and the year of the month fortunes (월운); by default the year of the
    year pillar.
    """


MOST_BIRTHS = 100_000
"""Births in one batch."""


class BirthColumns(Model):
    """Many births, column by column; row i of every column is birth i, and all columns are equally long."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"birthDate": ["1990-05-15", "1992-03-01"], "birthTime": ["14:30", None], "gender": ["male", "female"]}
            ]
        }
    )

    birth_date: list[Annotated[str, Field(strict=True)]] = Field(min_length=1, max_length=MOST_BIRTHS)
    """``YYYY-MM-DD``."""
    birth_time: list[Annotated[str, Field(strict=True)] | None]
    """``HH:MM``; null where it is unknown."""
    gender: list[Gender]
    is_lunar: list[StrictBool] | None = None
    """Without it no date is lunar."""
    is_leap_month: list[StrictBool] | None = None
    longitude: list[Annotated[float, Field(ge=-180, le=180, allow_inf_nan=False, strict=True)]] | None = None
    """Degrees east of Greenwich; without it the calendar's own default holds for all."""
    timezone: str = Field(default="Asia/Seoul", max_length=64)
    """IANA name, of all births."""
    options: Options = Options()
    """Of all births."""

    @model_validator(mode="after")
    def _equally_long(self) -> Self:
        rows = len(self.birth_date)
        for name in ("birth_time", "gender", "is_lunar", "is_leap_month", "longitude"):
            column = getattr(self, name)
            if column is not None and len(column) != rows:
                raise PydanticCustomError(
                    "column_length",
                    "{column} has {length} rows and birthDate has {rows}; all columns must be equally long",
                    {"column": to_camel(name), "length": len(column), "rows": rows},
                )
        return self
