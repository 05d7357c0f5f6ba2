"""The contract itself."""

from __future__ import annotations

from typing import Protocol

from cubekit import contract

from saju_contract._almanac import CalendarMonth, Conversion, TermsOfYear
from saju_contract._batch import PillarColumns
from saju_contract._birth import Birth, BirthColumns, DateText, Month
from saju_contract._chart import Chart
from saju_contract._errors import (
    DateOutOfRange,
    LeapMonthOfSolarDate,
    LeftOutDate,
    LunarDateOutOfRange,
    NoLeapMonth,
    NoSuchDate,
    NoSuchLeapMonth,
    NoSuchLunarDay,
    NoSuchMonth,
    NoSuchTime,
    SkippedDay,
    UnknownTimezone,
    YearOutOfRange,
)
from saju_contract._fortune import Compatibility, DayFortune


@contract(
    "saju.calendar",
    version="0.1",
    errors=(
        DateOutOfRange,
        YearOutOfRange,
        LunarDateOutOfRange,
        NoSuchMonth,
        NoSuchDate,
        LeftOutDate,
        SkippedDay,
        NoSuchLunarDay,
        NoSuchLeapMonth,
        NoLeapMonth,
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

    async def calculate_batch(self, births: BirthColumns) -> PillarColumns:
        """Return the four pillars of many births, and when their great fortune begins."""
        ...

    async def compatibility(self, first: Birth, second: Birth) -> Compatibility:
        """Return two charts side by side, with every relation between their pillars."""
        ...

    async def daily(self, birth: Birth, date: DateText) -> DayFortune:
        """Return what a day is to the chart of a birth.

        :param date: Gregorian, ``YYYY-MM-DD``.
        """
        ...

    async def calendar(self, year: int, month: Month) -> CalendarMonth:
        """Return the days of a Gregorian month with lunar dates, pillars and solar terms."""
        ...

    async def solar_terms(self, year: int) -> TermsOfYear:
        """Return the 24 solar terms of a year."""
        ...

    async def convert(self, date: DateText, is_lunar: bool = False, is_leap_month: bool = False) -> Conversion:
        """Return a day in the solar and the Korean lunar calendar.

        :param date: ``YYYY-MM-DD``: a civil date (Julian before 1582-10-15), or a lunar one.
        :param is_leap_month: whether the lunar month is the repeated one (윤달).
        """
        ...
