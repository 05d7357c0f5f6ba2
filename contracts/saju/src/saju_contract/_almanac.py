"""Days, terms and dates of the calendar."""

from __future__ import annotations

from cubekit import Model

from saju_contract._pillars import Pillar


class SolarTerm(Model):
    """A solar term (절기)."""

    index: int
    """0 소한 at 285 degrees ... 23 동지 at 270 degrees."""
    name_ko: str
    name_hanja: str
    longitude: int
    """Apparent longitude of the Sun in degrees that defines it."""
    utc: str
    """Its instant, ISO 8601 with hundredths of a second."""
    kst: str
    """The same in Korean standard time (UTC+9), to the nearest minute, as almanacs print it."""


class TermsOfYear(Model):
    """The 24 solar terms of a year."""

    year: int
    terms: tuple[SolarTerm, ...]


class LunarDate(Model):
    """A date of the Korean lunar calendar."""

    year: int
    month: int
    day: int
    is_leap_month: bool


class Conversion(Model):
    """A day in both calendars."""

    solar: str
    """Civil date, ISO 8601: Julian before 1582-10-15, Gregorian from then on."""
    calendar: str
    """``julian`` or ``gregorian``."""
    lunar: LunarDate
    julian_day_number: int
    ganji: Pillar
    """Pillar of the day (일진)."""
    official: bool
    """False where the lunar date is computed or disputed."""


class CalendarDay(Model):
    """A day of a month of the almanac."""

    date: str
    weekday: int
    """1 Monday ... 7 Sunday."""
    julian_day_number: int
    lunar: LunarDate | None
    """Null outside the lunar years 1391-2100."""
    official: bool
    """False where the lunar date is missing, computed or disputed."""
    day_pillar: Pillar
    month_pillar: Pillar
    """At noon; the month turns at a solar term."""
    year_pillar: Pillar
    term: SolarTerm | None
    """The solar term that falls on the day, by its ``kst``."""


class CalendarMonth(Model):
    """A month of the Gregorian calendar."""

    year: int
    month: int
    days: tuple[CalendarDay, ...]
