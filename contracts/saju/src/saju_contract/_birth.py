"""The request: a birth and the conventions to read it by."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from cubekit import Model
from pydantic import AfterValidator, ConfigDict, Field, StrictBool, WithJsonSchema
from pydantic_core import PydanticCustomError

ClockChoice = Literal["lmt", "clock", "standard", "apparent"]
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
TimeText = Annotated[
    str,
    Field(strict=True),
    AfterValidator(_time),
    WithJsonSchema({"type": "string", "pattern": f"^{_TIME.pattern}$", "examples": ["14:30"]}),
]


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
    daeun_rounding: DaeunRounding = "round"
    age_basis: AgeBasis = "man"
    jeorip_reference: JeoripReference = "instant"


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
    gender: Literal["male", "female"]
    """Decides the direction of the great fortune (대운)."""
    name: str | None = Field(default=None, max_length=100)
    """Whose birth it is; does not enter the calculation."""
    location: Location | None = None
    """Where; without it the calendar's own default is used, which is Seoul unless it was configured otherwise."""
    options: Options = Options()
