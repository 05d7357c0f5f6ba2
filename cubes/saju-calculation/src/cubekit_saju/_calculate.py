"""From a birth to its chart."""

from __future__ import annotations

from dataclasses import dataclass
from math import floor
from typing import TypeVar

from cubekit_saju._calendar_math import JDN_OF_1970, civil_from_days, days_from_civil, days_in_month
from cubekit_saju._chart import (
    Birth,
    Chart,
    Conventions,
    FourPillars,
    Gongmang,
    Jeolgi,
    Sipsin,
    Stages,
    Term,
    Times,
    Void,
    Wuxing,
)
from cubekit_saju._civil_time import CivilTime, resolve
from cubekit_saju._daeun import great_fortune
from cubekit_saju._errors import DateOutOfRange, LeapMonthOfSolarDate, NoSuchDate, NoSuchTime
from cubekit_saju._lunar import jdn_from_lunar
from cubekit_saju._notices import notices
from cubekit_saju._pillars import (
    FIRST_BIRTH_YEAR,
    LAST_BIRTH_YEAR,
    MIDNIGHT,
    SPLIT,
    ZI23,
    four_pillars,
    local_mean_time,
)
from cubekit_saju._relations import branch_element, main_stem, stage, stem_element, ten_god, void_branches
from cubekit_saju._solar_terms import jeol_at, jeol_instant
from cubekit_saju._solar_time import equation_of_time, iso_time
from cubekit_saju._version import VERSION
from cubekit_saju._vocabulary import BRANCHES, DAY_STEM, ELEMENTS, JIJANGGAN, PILLARS, STAGES, TEN_GODS, TERMS

T = TypeVar("T")

_ZI_HOUR = {"split": SPLIT, "zi23": ZI23, "midnight": MIDNIGHT}
_NOON = 12
_KOREAN_STANDARD_OFFSET = 32_400
_NAMES = ("year", "month", "day", "hour")


@dataclass(frozen=True, slots=True)
class _Moment:
    """The birth on every clock, in seconds since 1970-01-01T00:00 of that clock."""

    civil: CivilTime
    standard: int
    lmt: int
    apparent: int
    eot: float
    local: int
    """The clock that day and hour are read from."""
    reference: int
    """What is compared with the solar terms."""


def calculate(birth: Birth) -> Chart:
    """Return the chart of a birth.

    :raises SajuError: if there was no such date or time, or if it is not covered; the error names the field.
    """
    moment = _moment(birth)
    packed = four_pillars(moment.reference, moment.local, _ZI_HOUR[birth.options.zi_hour])
    year, month, day = packed & 63, packed >> 6 & 63, packed >> 12 & 63
    hour = None if birth.hour is None else packed >> 18 & 63
    pillars = [index for index in (year, month, day, hour) if index is not None]
    day_stem = day % 10
    jeol = jeol_at(moment.reference)
    previous, following = jeol_instant(jeol), jeol_instant(jeol + 1)
    forward = (year % 2 == 0) == birth.male
    return Chart(
        saju_pan=_per_pillar([PILLARS[index] for index in pillars]),
        wuxing=_wuxing(pillars),
        sipsin=_per_pillar([_sipsin(day_stem, index, position == 2) for position, index in enumerate(pillars)]),
        jijanggan=_per_pillar([JIJANGGAN[index % 12] for index in pillars]),
        sibiunseong=_per_pillar(
            [Stages(STAGES[stage(day_stem, index % 12)], STAGES[stage(index % 10, index % 12)]) for index in pillars]
        ),
        gongmang=Gongmang(by_day=_void(day, pillars), by_year=_void(year, pillars)),
        daeun=great_fortune(
            month=month,
            day_stem=day_stem,
            forward=forward,
            distance=following - moment.reference if forward else moment.reference - previous,
            born_wall=moment.civil.wall,
            options=birth.options,
        ),
        time=_times(moment),
        jeolgi=Jeolgi(_term(jeol, previous, moment.reference), _term(jeol + 1, following, moment.reference)),
        conventions=_conventions(birth),
        warnings=notices(
            birth,
            civil=moment.civil,
            lmt=moment.lmt,
            local=moment.local,
            reference=moment.reference,
            jeol=(previous, following),
        ),
        version=VERSION,
    )


def _moment(birth: Birth) -> _Moment:
    """Resolve date, time and zone, and read every clock."""
    days = _solar_days(birth)
    hour, minute = (_NOON, 0) if birth.hour is None else (birth.hour, birth.minute)
    if not (0 <= hour <= 23 and 0 <= minute <= 59):
        raise NoSuchTime(*civil_from_days(days), hour, minute, birth.location.timezone)
    civil = resolve(days * 86_400 + hour * 3_600 + minute * 60, birth.location.timezone, birth.options.fold)
    if civil is None:
        raise NoSuchTime(*civil_from_days(days), hour, minute, birth.location.timezone)
    eot = equation_of_time(civil.utc)
    clocks = {
        "clock": civil.wall,
        "standard": civil.wall - civil.saving,
        "lmt": local_mean_time(civil.utc, birth.location.longitude),
        "apparent": floor(civil.utc + birth.location.longitude * 240.0 + eot),
    }
    local = clocks[birth.options.clock]
    reference = civil.utc if birth.options.jeorip_reference == "instant" else local - _KOREAN_STANDARD_OFFSET
    return _Moment(civil, clocks["standard"], clocks["lmt"], clocks["apparent"], eot, local, reference)


def _solar_days(birth: Birth) -> int:
    """Return the date as days since 1970-01-01, solar or lunar, if there was such a date and it is covered."""
    if birth.lunar:
        days = jdn_from_lunar(birth.year, birth.month, birth.day, birth.leap_month) - JDN_OF_1970
        year, month, day = civil_from_days(days)
    else:
        if birth.leap_month:
            raise LeapMonthOfSolarDate
        year, month, day = birth.year, birth.month, birth.day
    if not FIRST_BIRTH_YEAR <= year <= LAST_BIRTH_YEAR:
        raise DateOutOfRange(year, month, day)
    if not (1 <= month <= 12 and 1 <= day <= days_in_month(year, month)):
        raise NoSuchDate(year, month, day)
    return days_from_civil(year, month, day)


def _per_pillar(values: list[T]) -> FourPillars[T]:
    return FourPillars(values[0], values[1], values[2], values[3] if len(values) == 4 else None)


def _wuxing(pillars: list[int]) -> Wuxing:
    elements = [stem_element(index % 10) for index in pillars] + [branch_element(index % 12) for index in pillars]
    return Wuxing(**{name: elements.count(number) for number, name in enumerate(ELEMENTS)})


def _sipsin(day_stem: int, index: int, is_day: bool) -> Sipsin:
    stem = DAY_STEM if is_day else TEN_GODS[ten_god(day_stem, index % 10)]
    return Sipsin(stem, TEN_GODS[ten_god(day_stem, main_stem(index % 12))])


def _void(counted_from: int, pillars: list[int]) -> Void:
    void = void_branches(counted_from)
    standing = tuple(name for name, index in zip(_NAMES, pillars, strict=False) if index % 12 in void)
    return Void((BRANCHES[void[0]], BRANCHES[void[1]]), standing)


def _term(jeol: int, instant: int, reference: int) -> Term:
    kind = 2 * jeol % 24
    name, hanja = TERMS[kind]
    return Term(name, hanja, (285 + 15 * kind) % 360, f"{iso_time(instant)}Z", abs(reference - instant))


def _times(moment: _Moment) -> Times:
    return Times(
        local=iso_time(moment.civil.wall),
        utc=f"{iso_time(moment.civil.utc)}Z",
        offset=moment.civil.offset,
        dst=moment.civil.saving,
        standard=iso_time(moment.standard),
        lmt=iso_time(moment.lmt),
        apparent=iso_time(moment.apparent),
        eot=round(moment.eot, 1),
    )


def _conventions(birth: Birth) -> Conventions:
    return Conventions(
        clock=birth.options.clock,
        zi_hour=birth.options.zi_hour,
        fold=birth.options.fold,
        daeun_rounding=birth.options.daeun_rounding,
        age_basis=birth.options.age_basis,
        jeorip_reference=birth.options.jeorip_reference,
        longitude=birth.location.longitude,
        timezone=birth.location.timezone,
    )
