"""The calendar: solar terms of a year, days of a month, conversion between solar and lunar dates."""

from __future__ import annotations

from cubekit_saju._analysis.pillars import day_pillar, packed_pillars, within_reach
from cubekit_saju._analysis.vocabulary import PILLARS, TERMS, TERMS_HANJA
from cubekit_saju._calendar.clocks import iso_instant, iso_time
from cubekit_saju._calendar.days import (
    FIRST_GREGORIAN,
    JDN_OF_1970,
    days_from_civil,
    days_from_historic,
    days_in_month,
    historic_from_days,
)
from cubekit_saju._calendar.korean_time import STANDARD_OFFSET
from cubekit_saju._calendar.lunar import (
    FIRST_LUNAR_JDN,
    LAST_LUNAR_JDN,
    is_official,
    jdn_from_lunar,
    lunar_from_jdn,
)
from cubekit_saju._calendar.terms import FIRST_YEAR, HUNDREDTHS, JEOL, LAST_YEAR, first_term_of, jeol_at
from cubekit_saju._errors import DateOutOfRange, LeapMonthOfSolarDate, NoSuchMonth, YearOutOfRange
from cubekit_saju.results.almanac import (
    CalendarDay,
    CalendarMonth,
    Conversion,
    LunarDate,
    SolarTerm,
    TermsOfYear,
)

_DAY = 86_400
_NOON = 43_200
FIRST_ALMANAC_YEAR = FIRST_YEAR + 1
LAST_ALMANAC_YEAR = LAST_YEAR - 1


def solar_terms(year: int) -> TermsOfYear:
    """Return the 24 solar terms of a year, from Sohan to Dongji.

    :raises YearOutOfRange: if the year is not within 1600-2400.
    """
    _check_year(year)
    first = first_term_of(year)
    return {"year": year, "terms": [_term(number) for number in range(first, first + 24)]}


def calendar(year: int, month: int) -> CalendarMonth:
    """Return the days of a Gregorian month with lunar dates, pillars and solar terms, all by Korean standard time.

    :raises YearOutOfRange: if the year is not within 1600-2400.
    :raises NoSuchMonth: if there is no such month.
    """
    _check_year(year)
    if not 1 <= month <= 12:
        raise NoSuchMonth(month, "month")
    first = days_from_civil(year, month, 1)
    terms = _terms_by_day(year)
    return {
        "year": year,
        "month": month,
        "days": [_day(days, terms.get(days)) for days in range(first, first + days_in_month(year, month))],
    }


def convert(year: int, month: int, day: int, *, lunar: bool = False, leap_month: bool = False) -> Conversion:
    """Return a day in both calendars.

    :param year: of a civil date (Julian before 1582-10-15), or with ``lunar`` of the Korean lunar calendar.
    :param leap_month: whether the lunar month is the repeated one (윤달).
    :raises SajuError: if there is no such date, or if the lunar years 1391-2100 do not have it.
    """
    if lunar:
        jdn = jdn_from_lunar(year, month, day, leap_month)
    else:
        if leap_month:
            raise LeapMonthOfSolarDate
        jdn = days_from_historic(within_reach(year), within_reach(month), within_reach(day)) + JDN_OF_1970
        if not FIRST_LUNAR_JDN <= jdn <= LAST_LUNAR_JDN:
            raise DateOutOfRange(
                year, month, day, _civil(FIRST_LUNAR_JDN - JDN_OF_1970), _civil(LAST_LUNAR_JDN - JDN_OF_1970)
            )
    days = jdn - JDN_OF_1970
    return {
        "solar": _civil(days),
        "calendar": "julian" if days < FIRST_GREGORIAN else "gregorian",
        "lunar": _lunar(jdn),
        "julianDayNumber": jdn,
        "ganji": PILLARS[day_pillar(days)].copy(),
        "official": is_official(jdn),
    }


def pillars_at_noon(days: int) -> tuple[int, int, int]:
    """Return year, month and day pillar of a day after 1970-01-01, at noon in Korean standard time."""
    local = days * _DAY + _NOON
    packed = packed_pillars(jeol_at(local - STANDARD_OFFSET, JEOL), local, 0)
    return packed & 63, packed >> 6 & 63, packed >> 12 & 63


def _check_year(year: int) -> None:
    if not FIRST_ALMANAC_YEAR <= year <= LAST_ALMANAC_YEAR:
        raise YearOutOfRange(year, FIRST_ALMANAC_YEAR, LAST_ALMANAC_YEAR)


def _term(number: int) -> SolarTerm:
    kind = number % 24
    instant = HUNDREDTHS[number]
    return {
        "index": kind,
        "nameKo": TERMS[kind],
        "nameHanja": TERMS_HANJA[kind],
        "longitude": (285 + 15 * kind) % 360,
        "utc": iso_instant(instant),
        "kst": iso_time(_korean_minute(number))[:-3],
    }


def _korean_minute(number: int) -> int:
    """Return the nearest minute to a term, in seconds since 1970 in Korean standard time."""
    return (HUNDREDTHS[number] + 3_000) // 6_000 * 60 + STANDARD_OFFSET


def _terms_by_day(year: int) -> dict[int, SolarTerm]:
    """Return the terms of a year by their day in Korean standard time, which is that of the minute they are told by."""
    first = first_term_of(year)
    return {_korean_minute(number) // _DAY: _term(number) for number in range(first, first + 24)}


def _day(days: int, term: SolarTerm | None) -> CalendarDay:
    jdn = days + JDN_OF_1970
    known = FIRST_LUNAR_JDN <= jdn <= LAST_LUNAR_JDN
    year, month, day = pillars_at_noon(days)
    return {
        "date": _civil(days),
        "weekday": (days + 3) % 7 + 1,
        "julianDayNumber": jdn,
        "lunar": _lunar(jdn) if known else None,
        "official": known and is_official(jdn),
        "dayPillar": PILLARS[day].copy(),
        "monthPillar": PILLARS[month].copy(),
        "yearPillar": PILLARS[year].copy(),
        "term": term,
    }


def _lunar(jdn: int) -> LunarDate:
    year, month, day, leap = lunar_from_jdn(jdn)
    return {"year": year, "month": month, "day": day, "isLeapMonth": leap}


def _civil(days: int) -> str:
    year, month, day = historic_from_days(days)
    return f"{year:04}-{month:02}-{day:02}"
