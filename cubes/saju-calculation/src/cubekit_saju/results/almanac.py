"""Days, terms and dates of the calendar."""

from __future__ import annotations

from typing import TypedDict

from cubekit_saju.results.pillars import Pillar


class SolarTerm(TypedDict):
    """A solar term (절기)."""

    index: int
    """0 소한 at 285 degrees ... 23 동지 at 270 degrees."""
    nameKo: str
    nameHanja: str
    longitude: int
    """Apparent longitude of the Sun in degrees that defines it."""
    utc: str
    """Its instant, ISO 8601 with hundredths of a second."""
    kst: str
    """The same in Korean standard time (UTC+9), to the nearest minute, as almanacs print it."""


class TermsOfYear(TypedDict):
    """The 24 solar terms of a year."""

    year: int
    terms: list[SolarTerm]


class LunarDate(TypedDict):
    """A date of the Korean lunar calendar."""

    year: int
    month: int
    day: int
    isLeapMonth: bool


class Conversion(TypedDict):
    """A day in both calendars."""

    solar: str
    """Civil date, ISO 8601: Julian before 1582-10-15, Gregorian from then on."""
    calendar: str
    """``julian`` or ``gregorian``."""
    lunar: LunarDate
    julianDayNumber: int
    ganji: Pillar
    """Pillar of the day (일진)."""
    official: bool
    """False where the lunar date is computed or disputed."""


class CalendarDay(TypedDict):
    """A day of a month of the almanac."""

    date: str
    weekday: int
    """1 Monday ... 7 Sunday."""
    julianDayNumber: int
    lunar: LunarDate | None
    """Null outside the lunar years 1391-2100."""
    official: bool
    """False where the lunar date is missing, computed or disputed."""
    dayPillar: Pillar
    monthPillar: Pillar
    """At noon; the month turns at a solar term."""
    yearPillar: Pillar
    term: SolarTerm | None
    """The solar term that falls on the day, by its ``kst``."""


class CalendarMonth(TypedDict):
    """A month of the Gregorian calendar."""

    year: int
    month: int
    days: list[CalendarDay]
