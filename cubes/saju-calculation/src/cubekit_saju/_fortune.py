"""Charts against a day and against each other."""

from __future__ import annotations

from typing import cast

from cubekit_saju._almanac import pillars_at_noon
from cubekit_saju._analysis.chart import calculate_shared
from cubekit_saju._analysis.copying import fresh
from cubekit_saju._analysis.elements import ten_god, void_branches
from cubekit_saju._analysis.pillars import wall_clock, within_reach
from cubekit_saju._analysis.settings import Settings, settings_of
from cubekit_saju._analysis.vocabulary import PILLAR_GODS, PILLARS, POSITIONS, TEN_GODS
from cubekit_saju._birth import Birth
from cubekit_saju._calendar.clocks import iso_date
from cubekit_saju.results.chart import Chart
from cubekit_saju.results.fortune import Compatibility, DayFortune
from cubekit_saju.results.pillars import Wuxing


def daily(birth: Birth, year: int, month: int, day: int) -> DayFortune:
    """Return what a day is to a chart: the basis of a daily fortune, without a judgement.

    :param year: of the day, Gregorian; its pillars are those of noon in Korean standard time.
    :raises SajuError: if birth or day are no dates or are not covered.
    """
    settings = settings_of(birth.options)
    return day_against_chart(calculate_shared(birth, settings), settings, year, month, day)


def compatibility(first: Birth, second: Birth) -> Compatibility:
    """Return two charts side by side with every relation between their pillars.

    Each chart is made by the options of its birth; the relations are those that the first birth's options know.

    :raises SajuError: if one of the births is no date or is not covered.
    """
    settings = settings_of(first.options)
    return chart_against_chart(
        calculate_shared(first, settings), calculate_shared(second, settings_of(second.options)), settings
    )


def day_against_chart(chart: Chart, settings: Settings, year: int, month: int, day: int) -> DayFortune:
    """Return what `daily` returns, of a chart and the settings that it was made by."""
    born = _indices(chart)
    days = wall_clock(within_reach(year), within_reach(month), within_reach(day), 0, 0) // 86_400
    year_pillar, month_pillar, luck = pillars_at_noon(days)
    found: DayFortune = {
        "date": iso_date(days),
        "dayPillar": PILLARS[luck],
        "monthPillar": PILLARS[month_pillar],
        "yearPillar": PILLARS[year_pillar],
        "sipsin": PILLAR_GODS[born[2] % 10 * 60 + luck],
        "sibiunseong": settings.stages.names[born[2] % 10][luck % 12],
        "gongmang": luck % 12 in void_branches(born[2]),
        "hapchung": settings.hapchung.with_luck(luck, *born),
        "sinsal": settings.sinsal.of_luck(luck, *born[:3]),
        "conventions": chart["conventions"],
    }
    return cast(DayFortune, fresh(found))


def chart_against_chart(first: Chart, second: Chart, settings: Settings) -> Compatibility:
    """Return what `compatibility` returns, of two charts and the settings that the first was made by."""
    stems = [_indices(chart)[2] % 10 for chart in (first, second)]
    found: Compatibility = {
        "method": "relations",
        "version": 1,
        "first": first["sajuPan"],
        "second": second["sajuPan"],
        "dayStems": {
            "firstToSecond": TEN_GODS[ten_god(stems[0], stems[1])],
            "secondToFirst": TEN_GODS[ten_god(stems[1], stems[0])],
        },
        "wuxing": _together(first["wuxing"], second["wuxing"]),
        "hapchung": settings.hapchung.between(_named(first, "first."), _named(second, "second.")),
        "conventions": {"first": first["conventions"], "second": second["conventions"]},
        "warnings": {"first": first["warnings"], "second": second["warnings"]},
    }
    return cast(Compatibility, fresh(found))


def _indices(chart: Chart) -> tuple[int, int, int, int]:
    """Return the pillars of a chart; -1 for an hour that is unknown."""
    pan = chart["sajuPan"]
    hour = pan["hour"]
    return pan["year"]["ganji"], pan["month"]["ganji"], pan["day"]["ganji"], -1 if hour is None else hour["ganji"]


def _named(chart: Chart, prefix: str) -> dict[str, int]:
    """Return the pillars of a chart that are known, by name."""
    return {prefix + name: pillar for name, pillar in zip(POSITIONS, _indices(chart), strict=True) if pillar >= 0}


def _together(first: Wuxing, second: Wuxing) -> Wuxing:
    return {
        "wood": first["wood"] + second["wood"],
        "fire": first["fire"] + second["fire"],
        "earth": first["earth"] + second["earth"],
        "metal": first["metal"] + second["metal"],
        "water": first["water"] + second["water"],
    }
