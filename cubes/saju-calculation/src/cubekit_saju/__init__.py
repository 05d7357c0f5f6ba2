"""Korean four-pillars (사주) calculation as a plain library; the cube that offers it to services is
`cubekit_saju.cube`.

Importing this package needs neither cubekit nor pydantic.
"""

from __future__ import annotations

from typing import Final

from cubekit_saju import _pillars
from cubekit_saju._calculate import calculate
from cubekit_saju._chart import (
    Birth,
    Chart,
    Conventions,
    Daeun,
    DaeunPeriod,
    FourPillars,
    Gongmang,
    HiddenStems,
    Jeolgi,
    Location,
    Notice,
    Options,
    Pillar,
    Sipsin,
    Stages,
    Term,
    Times,
    Void,
    Wuxing,
)
from cubekit_saju._errors import (
    DateOutOfRange,
    LeapMonthOfSolarDate,
    LunarDateOutOfRange,
    NoSuchDate,
    NoSuchLeapMonth,
    NoSuchLunarDay,
    NoSuchTime,
    SajuError,
    UnknownTimezone,
)
from cubekit_saju._lunar import jdn_from_lunar, leap_month_of, lunar_from_jdn
from cubekit_saju._pillars import MIDNIGHT, SPLIT, ZI23, ganji_names, korean_pillars
from cubekit_saju._version import VERSION as __version__

__all__ = [
    "MIDNIGHT",
    "SPLIT",
    "ZI23",
    "Birth",
    "Chart",
    "Conventions",
    "Daeun",
    "DaeunPeriod",
    "DateOutOfRange",
    "FourPillars",
    "Gongmang",
    "HiddenStems",
    "Jeolgi",
    "LeapMonthOfSolarDate",
    "Location",
    "LunarDateOutOfRange",
    "NoSuchDate",
    "NoSuchLeapMonth",
    "NoSuchLunarDay",
    "NoSuchTime",
    "Notice",
    "Options",
    "Pillar",
    "SajuError",
    "Sipsin",
    "Stages",
    "Term",
    "Times",
    "UnknownTimezone",
    "Void",
    "Wuxing",
    "__version__",
    "calculate",
    "compiled",
    "ganji_names",
    "jdn_from_lunar",
    "korean_pillars",
    "leap_month_of",
    "lunar_from_jdn",
]

compiled: Final = not (_pillars.__file__ or "").endswith(".py")
"""Whether the calculation runs compiled (mypyc) or as pure Python; the results are the same."""
