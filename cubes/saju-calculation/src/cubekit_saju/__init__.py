"""Korean four-pillars (사주) calculation as a plain library; the cube that offers it to services is
`cubekit_saju.cube`.

Results are plain data (dicts, lists, strings, numbers) with the names of the public JSON; their types are in
`cubekit_saju.results`. Importing this package needs neither cubekit nor pydantic.
"""

from __future__ import annotations

from typing import Final

from cubekit_saju._almanac import calendar, convert, solar_terms
from cubekit_saju._analysis import pillars as _pillars
from cubekit_saju._analysis.batch import korean_pillars_batch
from cubekit_saju._analysis.pillars import MIDNIGHT, SPLIT, ZI23, ganji_names, korean_pillars
from cubekit_saju._birth import Birth, Location, Options
from cubekit_saju._calculate import calculate
from cubekit_saju._errors import (
    DateOutOfRange,
    LeapMonthOfSolarDate,
    LeftOutDate,
    LunarDateOutOfRange,
    MalformedDate,
    MalformedTime,
    NoLeapMonth,
    NoSuchDate,
    NoSuchLeapMonth,
    NoSuchLunarDay,
    NoSuchMonth,
    NoSuchTime,
    SajuError,
    SkippedDay,
    TimeOutOfRange,
    UnknownTimezone,
    YearOutOfRange,
)
from cubekit_saju._fortune import compatibility, daily
from cubekit_saju._table import table
from cubekit_saju._version import VERSION as __version__
from cubekit_saju.results.chart import Chart

__all__ = [
    "MIDNIGHT",
    "SPLIT",
    "ZI23",
    "Birth",
    "Chart",
    "DateOutOfRange",
    "LeapMonthOfSolarDate",
    "LeftOutDate",
    "Location",
    "LunarDateOutOfRange",
    "MalformedDate",
    "MalformedTime",
    "NoLeapMonth",
    "NoSuchDate",
    "NoSuchLeapMonth",
    "NoSuchLunarDay",
    "NoSuchMonth",
    "NoSuchTime",
    "Options",
    "SajuError",
    "SkippedDay",
    "TimeOutOfRange",
    "UnknownTimezone",
    "YearOutOfRange",
    "__version__",
    "calculate",
    "calendar",
    "compatibility",
    "compiled",
    "convert",
    "daily",
    "ganji_names",
    "korean_pillars",
    "korean_pillars_batch",
    "solar_terms",
    "table",
]

compiled: Final = not (_pillars.__file__ or "").endswith(".py")
"""Whether the calculation runs compiled (mypyc) or as pure Python; the results are the same."""
