"""The contract itself."""

from __future__ import annotations

from typing import Protocol

from cubekit import contract

from saju_contract._birth import Birth
from saju_contract._chart import Chart
from saju_contract._errors import (
    DateOutOfRange,
    LeapMonthOfSolarDate,
    LunarDateOutOfRange,
    NoSuchDate,
    NoSuchLeapMonth,
    NoSuchLunarDay,
    NoSuchTime,
    UnknownTimezone,
)


@contract(
    "saju.calendar",
    version="0.1",
    errors=(
        DateOutOfRange,
        LunarDateOutOfRange,
        NoSuchDate,
        NoSuchLunarDay,
        NoSuchLeapMonth,
        LeapMonthOfSolarDate,
        NoSuchTime,
        UnknownTimezone,
    ),
)
class Calendar(Protocol):
    """A calendar that knows the four pillars of a birth."""

    async def calculate(self, birth: Birth) -> Chart:
        """Return the chart of a birth."""
        ...
