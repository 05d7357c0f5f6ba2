"""Great fortune (대운): ten-year periods that run from the month pillar."""

from __future__ import annotations

from cubekit_saju._chart import Daeun, DaeunPeriod, DaeunRounding, Options, Sipsin
from cubekit_saju._relations import main_stem, stage, ten_god
from cubekit_saju._solar_time import iso_date
from cubekit_saju._vocabulary import PILLARS, STAGES, TEN_GODS

_DAY = 86_400
_TROPICAL_YEAR = 365.2422 * _DAY
_SECONDS_PER_YEAR_OF_AGE = 3 * _DAY
"""Three days between birth and solar term are one year of age (三命通會 卷二 論大運)."""
_PERIODS = 10


def great_fortune(
    *, month: int, day_stem: int, forward: bool, distance: int, born_wall: int, options: Options
) -> Daeun:
    """Return the periods.

    :param month: sexagenary index of the month pillar.
    :param distance: seconds from the birth to the next jeol if ``forward``, else from the previous one.
    :param born_wall: wall clock of the birth, seconds since 1970-01-01T00:00.
    """
    start_age = rounded_age(distance, options.daeun_rounding) + (options.age_basis == "seneun")
    exact = distance / _SECONDS_PER_YEAR_OF_AGE
    periods = []
    for i in range(_PERIODS):
        pillar = PILLARS[(month + (i + 1 if forward else -i - 1)) % 60]
        stem, branch = pillar.ganji % 10, pillar.ganji % 12
        periods.append(
            DaeunPeriod(
                age=start_age + 10 * i,
                start_date=iso_date(born_wall + int((exact + 10 * i) * _TROPICAL_YEAR)),
                cheon=pillar.cheon,
                ji=pillar.ji,
                hanja=pillar.hanja,
                ganji=pillar.ganji,
                sipsin=Sipsin(TEN_GODS[ten_god(day_stem, stem)], TEN_GODS[ten_god(day_stem, main_stem(branch))]),
                sibiunseong=STAGES[stage(day_stem, branch)],
            )
        )
    return Daeun(forward, start_age, round(exact, 4), tuple(periods))


def rounded_age(distance: int, rounding: DaeunRounding) -> int:
    """Return 대운수 in years lived.

    ``round``: to the nearest year, at least 1. ``floor``: whole years. ``intDaysRem2Up``: whole days over three, where
    two remaining days count as a year more (정운법).

    :param distance: seconds between birth and solar term.
    """
    if rounding == "round":
        return max(1, (2 * distance + _SECONDS_PER_YEAR_OF_AGE) // (2 * _SECONDS_PER_YEAR_OF_AGE))
    if rounding == "floor":
        return distance // _SECONDS_PER_YEAR_OF_AGE
    years, remaining = divmod(distance // _DAY, 3)
    return years + (remaining == 2)
