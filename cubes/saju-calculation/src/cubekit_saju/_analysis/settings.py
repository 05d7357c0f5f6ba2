"""Options as the calculation reads them: numbers and tables instead of names. Compiled."""

from __future__ import annotations

from typing import Final

from cubekit_saju._analysis.elements import (
    HIDDEN_DAYS,
    HIDDEN_DAYS_CHINESE,
    HIDDEN_STEMS,
    HIDDEN_STEMS_CHINESE,
    NONE,
    stage,
)
from cubekit_saju._analysis.hapchung import Hapchung
from cubekit_saju._analysis.luck import FLOOR, INT_DAYS_REM2_UP, ROUND, month_parts, period_parts, year_parts
from cubekit_saju._analysis.pillars import MIDNIGHT, SPLIT, ZI23
from cubekit_saju._analysis.relations import NO_ELEMENT
from cubekit_saju._analysis.sinsal import TABLES_VERSION, SinsalTables
from cubekit_saju._analysis.vocabulary import STAGES, STEMS
from cubekit_saju._analysis.weights import ElementWeights
from cubekit_saju._birth import Options
from cubekit_saju._calendar.terms import JEOL, JEOL_MINUTES
from cubekit_saju.results.chart import Conventions
from cubekit_saju.results.luck import DaeunPeriod, MonthFortune, YearFortune
from cubekit_saju.results.pillars import HiddenStems, Stages

CLOCK: Final = 0
STANDARD: Final = 1
LMT: Final = 2
APPARENT: Final = 3

_CLOCKS: Final = {"clock": CLOCK, "standard": STANDARD, "lmt": LMT, "apparent": APPARENT}
_ZI_HOURS: Final = {"split": SPLIT, "zi23": ZI23, "midnight": MIDNIGHT}
_ROUNDINGS: Final = {"round": ROUND, "intDaysRem2Up": INT_DAYS_REM2_UP, "floor": FLOOR}
_OMI: Final = {"fire": 1, "earth": 2, "none": NO_ELEMENT}


class HiddenStemTable:
    """One table of hidden stems, with what is made of it."""

    def __init__(self, stems: list[tuple[int, int, int]], days: list[tuple[int, int, int]]) -> None:
        self.stems: Final = stems
        self.days: Final = days
        self.weights: Final = ElementWeights(stems, days)
        self.parts: Final[list[HiddenStems]] = [
            {
                "yeogi": None if yeogi == NONE else STEMS[yeogi],
                "junggi": None if junggi == NONE else STEMS[junggi],
                "jeonggi": STEMS[jeonggi],
            }
            for yeogi, junggi, jeonggi in stems
        ]


class StageTable:
    """The twelve stages by one choice of conventions, with what is made of them."""

    def __init__(self, earth_with_water: bool, yin_forward: bool) -> None:
        self.names: Final[list[list[str]]] = [
            [STAGES[stage(stem, branch, earth_with_water, yin_forward)] for branch in range(12)] for stem in range(10)
        ]
        self.parts: Final[list[Stages]] = [
            {"bong": self.names[day_stem][g % 12], "geo": self.names[g % 10][g % 12]}
            for day_stem in range(10)
            for g in range(60)
        ]
        """Stages of pillar g for a day stem, at 60 * day_stem + g."""
        self.periods: Final[list[list[DaeunPeriod]]] = [
            period_parts(day_stem, self.names[day_stem]) for day_stem in range(10)
        ]
        self.years: Final[list[list[YearFortune]]] = [
            year_parts(day_stem, self.names[day_stem]) for day_stem in range(10)
        ]
        self.months: Final[list[list[MonthFortune]]] = [
            month_parts(day_stem, self.names[day_stem]) for day_stem in range(10)
        ]


class Settings:
    """One choice of conventions."""

    def __init__(self, options: Options) -> None:
        self.clock: Final = _CLOCKS[options.clock]
        self.zi_hour: Final = _ZI_HOURS[options.zi_hour]
        self.fold: Final[int] = options.fold
        self.corrected_jeorip: Final = options.jeorip_reference == "correctedClock"
        self.jeol: Final = JEOL_MINUTES if options.term_rounding == "kasiMinute" else JEOL
        self.daeun_rounding: Final = _ROUNDINGS[options.daeun_rounding]
        self.seneun: Final = options.age_basis == "seneun"
        self.hidden: Final = _hidden_stems(options.jijanggan)
        self.scaled_saryeong: Final = options.saryeong == "scaled"
        self.stages: Final = _stages(options.sibiunseong == "sutoDonggung", options.yin_stages == "forward")
        self.hapchung: Final = _hapchung(options.hapchung == "extended", _OMI[options.omi_hap])
        self.sinsal: Final = _sinsal(
            options.sinsal_basis == "day",
            options.yangin == "all",
            options.hongyeom == "eulO",
            options.goegang == "withMujin",
        )
        self.conventions: Final[Conventions] = {
            "clock": options.clock,
            "ziHour": options.zi_hour,
            "fold": options.fold,
            "jeoripReference": options.jeorip_reference,
            "termRounding": options.term_rounding,
            "daeunRounding": options.daeun_rounding,
            "ageBasis": options.age_basis,
            "jijanggan": options.jijanggan,
            "saryeong": options.saryeong,
            "sibiunseong": options.sibiunseong,
            "yinStages": options.yin_stages,
            "hapchung": options.hapchung,
            "omiHap": options.omi_hap,
            "sinsalBasis": options.sinsal_basis,
            "yangin": options.yangin,
            "hongyeom": options.hongyeom,
            "goegang": options.goegang,
            "sinsalTables": TABLES_VERSION,
            "solarCalendar": "gregorian",
            "longitude": 0.0,
            "timezone": "",
        }
        """To be completed with longitude and zone."""

    def conventions_at(self, longitude: float | None, timezone: str) -> Conventions:
        """Return everything that was in force for births of a place; without a longitude, for those of a zone."""
        conventions = self.conventions.copy()
        conventions["longitude"] = longitude
        conventions["timezone"] = timezone
        return conventions


_KNOWN: Final[dict[Options, Settings]] = {}
_HIDDEN_TABLES: Final[dict[str, HiddenStemTable]] = {}
_STAGE_TABLES: Final[dict[tuple[bool, bool], StageTable]] = {}
_HAPCHUNG_TABLES: Final[dict[tuple[bool, int], Hapchung]] = {}
_SINSAL_TABLES: Final[dict[tuple[bool, bool, bool, bool], SinsalTables]] = {}
_KEPT: Final = 1_024
"""Choices of conventions that are kept; more are made anew each time."""


def settings_of(options: Options) -> Settings:
    """Return the settings of a choice of options; the first time takes some milliseconds."""
    found = _KNOWN.get(options)
    if found is None:
        found = Settings(options)
        if len(_KNOWN) < _KEPT:
            _KNOWN[options] = found
    return found


def _hidden_stems(table: str) -> HiddenStemTable:
    found = _HIDDEN_TABLES.get(table)
    if found is None:
        chinese = table == "chinese"
        found = HiddenStemTable(
            HIDDEN_STEMS_CHINESE if chinese else HIDDEN_STEMS, HIDDEN_DAYS_CHINESE if chinese else HIDDEN_DAYS
        )
        _HIDDEN_TABLES[table] = found
    return found


def _stages(earth_with_water: bool, yin_forward: bool) -> StageTable:
    found = _STAGE_TABLES.get((earth_with_water, yin_forward))
    if found is None:
        found = StageTable(earth_with_water, yin_forward)
        _STAGE_TABLES[(earth_with_water, yin_forward)] = found
    return found


def _hapchung(extended: bool, omi: int) -> Hapchung:
    found = _HAPCHUNG_TABLES.get((extended, omi))
    if found is None:
        found = Hapchung(extended, omi)
        _HAPCHUNG_TABLES[(extended, omi)] = found
    return found


def _sinsal(by_day_branch: bool, yin_has_yangin: bool, hongyeom_at_o: bool, with_mujin: bool) -> SinsalTables:
    key = (by_day_branch, yin_has_yangin, hongyeom_at_o, with_mujin)
    found = _SINSAL_TABLES.get(key)
    if found is None:
        found = SinsalTables(by_day_branch, yin_has_yangin, hongyeom_at_o, with_mujin)
        _SINSAL_TABLES[key] = found
    return found
