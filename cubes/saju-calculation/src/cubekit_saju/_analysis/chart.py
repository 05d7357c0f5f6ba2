"""From a birth to its chart. Compiled.

Parts of the result come from tables and are shared by all charts; `cubekit_saju.calculate` copies them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from cubekit_saju._analysis.elements import branch_element, stem_element, ten_god, void_branches
from cubekit_saju._analysis.gyeokguk import pattern
from cubekit_saju._analysis.luck import daeun, seun, wolun
from cubekit_saju._analysis.moment import Moment, moment_of
from cubekit_saju._analysis.notices import notices_of
from cubekit_saju._analysis.oegyeok import special_patterns
from cubekit_saju._analysis.pillars import (
    FIRST_BIRTH_YEAR,
    LAST_BIRTH_YEAR,
    packed_pillars,
    saju_year_of,
    wall_clock,
    within_reach,
)
from cubekit_saju._analysis.saryeong import ruling_stem
from cubekit_saju._analysis.settings import Settings
from cubekit_saju._analysis.strength import strength
from cubekit_saju._analysis.vocabulary import (
    BRANCHES,
    DAY_PILLAR_GODS,
    PILLAR_GODS,
    PILLARS,
    POSITIONS,
    STEMS,
    TERMS,
    TERMS_HANJA,
)
from cubekit_saju._analysis.weights import weighted_wuxing
from cubekit_saju._analysis.yongsin import needed_elements
from cubekit_saju._birth import Birth
from cubekit_saju._calendar.clocks import iso_time
from cubekit_saju._calendar.days import JDN_OF_1970, civil_from_days
from cubekit_saju._calendar.lunar import jdn_from_lunar
from cubekit_saju._calendar.terms import jeol_at
from cubekit_saju._errors import LeapMonthOfSolarDate, YearOutOfRange
from cubekit_saju._version import VERSION
from cubekit_saju.results.chart import Chart, Conventions, Jeolgi, Notice, Term
from cubekit_saju.results.pillars import Void, Wuxing

if TYPE_CHECKING:
    from mypy_extensions import i64

_NOON: Final = 12
_COUNTS: Final[list[int]] = [(1 << 4 * stem_element(g % 10)) + (1 << 4 * branch_element(g % 12)) for g in range(60)]
"""How often each element occurs in a pillar, four bits each."""
_VOIDS: Final[list[Void]] = [
    {
        "branches": [BRANCHES[branch] for branch in void_branches(decade * 10)],
        "pillars": [POSITIONS[place] for place in range(4) if places >> place & 1],
    }
    for decade in range(6)
    for places in range(16)
]
"""Void of a decade, by the set of pillars that stand on one of its branches."""
_TERMS: Final[list[Term]] = [
    {"name": TERMS[k], "hanja": TERMS_HANJA[k], "longitude": (285 + 15 * k) % 360, "utc": "", "distance": 0}
    for k in range(0, 24, 2)
]


def calculate_shared(birth: Birth, settings: Settings) -> Chart:
    """Return the chart of a birth by the settings of its options.

    :raises SajuError: if there was no such date or time, or if it is not covered; the error names the field.
    """
    location = birth.location
    seun_year = birth.seun_year
    if seun_year is not None and not FIRST_BIRTH_YEAR <= seun_year <= LAST_BIRTH_YEAR:
        raise YearOutOfRange(seun_year, FIRST_BIRTH_YEAR, LAST_BIRTH_YEAR, "seunYear")
    known = birth.hour is not None
    return chart_of(
        within_reach(birth.year),
        within_reach(birth.month),
        within_reach(birth.day),
        within_reach(birth.hour) if birth.hour is not None else 0,
        within_reach(birth.minute),
        known,
        birth.male,
        birth.lunar,
        birth.leap_month,
        location.longitude,
        location.timezone,
        settings,
        seun_year,
    )


def chart_of(
    year: i64,
    month: i64,
    day: i64,
    hour: i64,
    minute: i64,
    known: bool,
    male: bool,
    lunar: bool,
    leap_month: bool,
    longitude: float,
    timezone: str,
    settings: Settings,
    seun_year: int | None,
) -> Chart:
    """Return the chart of a birth; the parameters are those of `Birth`.

    :param known: whether the time is; otherwise hour and minute do not matter.

    :raises SajuError: if there was no such date or time, or if it is not covered; the error names the field.
    """
    if lunar:
        year, month, day = civil_from_days(jdn_from_lunar(year, month, day, leap_month) - JDN_OF_1970)
    elif leap_month:
        raise LeapMonthOfSolarDate
    if not known:
        hour = _NOON
        minute = 0
    moment = moment_of(wall_clock(year, month, day, hour, minute), known, longitude, timezone, settings.fold)
    local: i64 = moment.by(settings.clock)
    reference: i64 = moment.reference(settings)
    jeol: i64 = jeol_at(reference, settings.jeol)
    previous: i64 = settings.jeol[jeol]
    following: i64 = settings.jeol[jeol + 1]
    packed: i64 = packed_pillars(jeol, local, settings.zi_hour)
    warnings = notices_of(known, moment, reference, previous, following, settings)
    return _chart(
        packed & 63,
        packed >> 6 & 63,
        packed >> 12 & 63,
        packed >> 18 & 63 if known else -1,
        male,
        moment,
        reference,
        jeol,
        previous,
        following,
        settings,
        seun_year,
        settings.conventions_at(longitude, timezone),
        warnings,
    )


def _chart(
    year: i64,
    month: i64,
    day: i64,
    hour: i64,
    male: bool,
    moment: Moment,
    reference: i64,
    jeol: i64,
    previous: i64,
    following: i64,
    settings: Settings,
    seun_year: int | None,
    conventions: Conventions,
    warnings: list[Notice],
) -> Chart:
    known = hour >= 0
    day_stem: i64 = day % 10
    row: i64 = day_stem * 60
    hidden = settings.hidden
    hidden_parts = hidden.parts
    stages = settings.stages
    stage_parts = stages.parts
    forward = (year % 2 == 0) == male
    weights = hidden.weights.of(year, month, day, hour)
    ruling, saryeong = ruling_stem(month % 12, reference - previous, following - previous, settings)
    stems = [int(year % 10), int(month % 10)]
    if known:
        stems.append(int(hour % 10))
    gyeokguk = pattern(int(day_stem), int(month % 12), stems, hidden.stems[month % 12], ruling)
    force = strength(int(year), int(month), int(day), int(hour))
    first_year: i64 = seun_year if seun_year is not None else saju_year_of(jeol)
    return {
        "sajuPan": {
            "year": PILLARS[year],
            "month": PILLARS[month],
            "day": PILLARS[day],
            "hour": PILLARS[hour] if known else None,
        },
        "wuxing": _wuxing(year, month, day, hour),
        "wuxingWeighted": weighted_wuxing(weights),
        "sipsin": {
            "year": PILLAR_GODS[row + year],
            "month": PILLAR_GODS[row + month],
            "day": DAY_PILLAR_GODS[day],
            "hour": PILLAR_GODS[row + hour] if known else None,
        },
        "jijanggan": {
            "year": hidden_parts[year % 12],
            "month": hidden_parts[month % 12],
            "day": hidden_parts[day % 12],
            "hour": hidden_parts[hour % 12] if known else None,
        },
        "saryeong": saryeong,
        "sibiunseong": {
            "year": stage_parts[row + year],
            "month": stage_parts[row + month],
            "day": stage_parts[row + day],
            "hour": stage_parts[row + hour] if known else None,
        },
        "gongmang": {
            "byDay": _void(day, year, month, day, hour),
            "byYear": _void(year, year, month, day, hour),
        },
        "hapchung": settings.hapchung.among(year, month, day, hour),
        "sinsal": settings.sinsal.of(year, month, day, hour),
        "gyeokguk": gyeokguk,
        "oegyeok": special_patterns(int(day_stem), weights),
        "strength": force,
        "yongsin": needed_elements(
            int(day_stem),
            int(month % 12),
            weights,
            force["score"],
            ten_god(int(day_stem), STEMS.index(gyeokguk["basisStem"])),
        ),
        "daeun": daeun(
            stages.periods[day_stem],
            month,
            forward,
            following - reference if forward else reference - previous,
            moment.wall,
            settings.daeun_rounding,
            settings.seneun,
        ),
        "seun": seun(stages.years[day_stem], first_year, settings.hapchung, year, month, day, hour),
        "wolun": wolun(stages.months[day_stem], first_year, settings.hapchung, year, month, day, hour),
        "time": moment.times(),
        "jeolgi": _jeolgi(jeol, previous, following, reference),
        "conventions": conventions,
        "warnings": warnings,
        "version": VERSION,
    }


def _wuxing(year: i64, month: i64, day: i64, hour: i64) -> Wuxing:
    y: i64 = _COUNTS[year]
    m: i64 = _COUNTS[month]
    d: i64 = _COUNTS[day]
    packed: i64 = y + m + d
    if hour >= 0:
        h: i64 = _COUNTS[hour]
        packed += h
    return {
        "wood": int(packed & 15),
        "fire": int(packed >> 4 & 15),
        "earth": int(packed >> 8 & 15),
        "metal": int(packed >> 12 & 15),
        "water": int(packed >> 16),
    }


def _void(counted_from: i64, year: i64, month: i64, day: i64, hour: i64) -> Void:
    decade: i64 = counted_from // 10
    first: i64 = (10 - 2 * decade) % 12
    places: i64 = 0
    if (year % 12 - first) >> 1 == 0:
        places = 1
    if (month % 12 - first) >> 1 == 0:
        places |= 2
    if (day % 12 - first) >> 1 == 0:
        places |= 4
    if hour >= 0 and (hour % 12 - first) >> 1 == 0:
        places |= 8
    return _VOIDS[decade * 16 + places]


def _jeolgi(jeol: i64, previous: i64, following: i64, reference: i64) -> Jeolgi:
    before = _TERMS[jeol % 12].copy()
    before["utc"] = f"{iso_time(previous)}Z"
    before["distance"] = int(reference - previous)
    after = _TERMS[(jeol + 1) % 12].copy()
    after["utc"] = f"{iso_time(following)}Z"
    after["distance"] = int(following - reference)
    return {"previous": before, "next": after}
