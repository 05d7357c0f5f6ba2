"""Fortunes in time: of ten years (대운), of a year (세운), of a month (월운). Compiled."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from cubekit_saju._analysis.hapchung import Hapchung
from cubekit_saju._analysis.sinsal import is_samjae
from cubekit_saju._analysis.vocabulary import PILLAR_GODS, PILLARS, TERMS
from cubekit_saju._calendar.clocks import iso_date
from cubekit_saju.results.luck import Daeun, DaeunPeriod, MonthFortune, YearFortune

if TYPE_CHECKING:
    from mypy_extensions import i64

ROUND: Final = 0
"""대운수 to the nearest year, at least 1."""
INT_DAYS_REM2_UP: Final = 1
"""대운수 by whole days over three, where two remaining days count as a year more (정운법)."""
FLOOR: Final = 2
"""대운수 in whole years."""

YEARS: Final = 10
"""Year fortunes in a chart."""

_DAY: Final = 86_400
_TROPICAL_YEAR: Final = 31_556_926
"""365.2422 days, in seconds."""
_SECONDS_PER_YEAR_OF_AGE: Final = 259_200
"""Three days between birth and solar term are one year of age (三命通會 卷二 論大運)."""
_PERIODS: Final = 10


def daeun(
    periods: list[DaeunPeriod], month: i64, forward: bool, distance: i64, wall: i64, rounding: i64, seneun: bool
) -> Daeun:
    """Return the great fortune.

    :param periods: `period_parts` of the day stem.
    :param month: sexagenary index of the month pillar.
    :param distance: seconds from the birth to the next jeol if ``forward``, else from the previous one.
    :param wall: wall clock of the birth, seconds since 1970-01-01T00:00.
    :param rounding: `ROUND`, `INT_DAYS_REM2_UP` or `FLOOR`.
    :param seneun: whether ages are counted ones (세는나이), one more than years lived.
    """
    age: i64 = rounded_age(distance, rounding)
    if seneun:
        age += 1
    start_age: i64 = age
    # Rounded to four decimals.
    exact: i64 = (distance * 10_000 + _SECONDS_PER_YEAR_OF_AGE // 2) // _SECONDS_PER_YEAR_OF_AGE
    # Three days are a year of age, so seconds of life are seconds of distance times the days of a third of a year.
    begins: i64 = wall + distance * _TROPICAL_YEAR // _SECONDS_PER_YEAR_OF_AGE
    step: i64 = 1 if forward else 59
    found: list[DaeunPeriod] = []
    for _ in range(_PERIODS):
        month = (month + step) % 60
        period = periods[month].copy()
        period["age"] = int(age)
        period["startDate"] = iso_date(begins // _DAY)
        found.append(period)
        age += 10
        begins += 10 * _TROPICAL_YEAR
    return {
        "forward": forward,
        "startAge": int(start_age),
        "startAgeExact": float(exact) / 10_000.0,
        "list": found,
    }


def rounded_age(distance: i64, rounding: i64) -> i64:
    """Return 대운수 in years lived.

    :param distance: seconds between birth and solar term.
    """
    if rounding == ROUND:
        age: i64 = (2 * distance + _SECONDS_PER_YEAR_OF_AGE) // (2 * _SECONDS_PER_YEAR_OF_AGE)
        return age if age > 0 else 1
    if rounding == FLOOR:
        return distance // _SECONDS_PER_YEAR_OF_AGE
    days: i64 = distance // _DAY
    years: i64 = days // 3
    if days - years * 3 == 2:
        years += 1
    return years


def period_parts(day_stem: int, stages: list[str]) -> list[DaeunPeriod]:
    """Return what the periods of the 60 pillars are for a day stem, to be completed with age and date.

    :param stages: names of the day stem's stage in each branch.
    """
    return [
        {
            "age": 0,
            "startDate": "",
            "cheon": pillar["cheon"],
            "ji": pillar["ji"],
            "hanja": pillar["hanja"],
            "ganji": pillar["ganji"],
            "sipsin": PILLAR_GODS[day_stem * 60 + pillar["ganji"]],
            "sibiunseong": stages[pillar["ganji"] % 12],
        }
        for pillar in PILLARS
    ]


def year_parts(day_stem: int, stages: list[str]) -> list[YearFortune]:
    """Return what years of the 60 pillars are for a day stem, to be completed with the year and the rest.

    :param stages: names of the day stem's stage in each branch.
    """
    return [
        {
            "year": 0,
            "cheon": pillar["cheon"],
            "ji": pillar["ji"],
            "hanja": pillar["hanja"],
            "ganji": pillar["ganji"],
            "sipsin": PILLAR_GODS[day_stem * 60 + pillar["ganji"]],
            "sibiunseong": stages[pillar["ganji"] % 12],
            "samjae": False,
            "hapchung": [],
        }
        for pillar in PILLARS
    ]


def month_parts(day_stem: int, stages: list[str]) -> list[MonthFortune]:
    """Return the same for months, which are complete but for their relations."""
    return [
        {
            "month": (pillar["ganji"] - 2) % 12 + 1,
            "term": TERMS[2 * (pillar["ganji"] - 1) % 24],
            "cheon": pillar["cheon"],
            "ji": pillar["ji"],
            "hanja": pillar["hanja"],
            "ganji": pillar["ganji"],
            "sipsin": PILLAR_GODS[day_stem * 60 + pillar["ganji"]],
            "sibiunseong": stages[pillar["ganji"] % 12],
            "hapchung": [],
        }
        for pillar in PILLARS
    ]


def seun(
    parts: list[YearFortune], first: i64, hapchung: Hapchung, year: i64, month: i64, day: i64, hour: i64
) -> list[YearFortune]:
    """Return the fortunes of ten years from one on.

    :param parts: `year_parts` of the day stem.
    """
    found: list[YearFortune] = []
    number: i64 = first
    while number < first + YEARS:
        luck: i64 = (number - 4) % 60
        fortune = parts[luck].copy()
        fortune["year"] = int(number)
        if is_samjae(year, luck):
            fortune["samjae"] = True
        fortune["hapchung"] = hapchung.with_luck(luck, year, month, day, hour)
        found.append(fortune)
        number += 1
    return found


def wolun(
    parts: list[MonthFortune], of_year: i64, hapchung: Hapchung, year: i64, month: i64, day: i64, hour: i64
) -> list[MonthFortune]:
    """Return the fortunes of a year's twelve months, from Ipchun on.

    :param parts: `month_parts` of the day stem.
    """
    found: list[MonthFortune] = []
    number: i64 = 0
    while number < 12:
        luck: i64 = month_of_year(of_year, number)
        fortune = parts[luck].copy()
        fortune["hapchung"] = hapchung.with_luck(luck, year, month, day, hour)
        found.append(fortune)
        number += 1
    return found


def month_of_year(year: i64, number: i64) -> i64:
    """Return the pillar of the month that is ``number`` after that of Ipchun, by 五虎遁 from the year's stem."""
    return ((year - 4) % 5 * 12 + 2 + number) % 60
