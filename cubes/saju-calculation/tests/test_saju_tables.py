"""Tables against their sources and against other software."""

from __future__ import annotations

import importlib.util
import random
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from korean_lunar_calendar import KoreanLunarCalendar  # type: ignore[import-untyped]

TOOLS = Path(__file__).resolve().parent.parent / "tools"
EPOCH = datetime(1970, 1, 1)


def seconds(delta: timedelta | None) -> int:
    assert delta is not None
    return int(delta.total_seconds())


def tool(name: str) -> Any:
    spec = importlib.util.spec_from_file_location(name, TOOLS / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class TestKoreanTime:
    """The embedded history against zoneinfo with the tzdata package."""

    def test_around_every_change(self, library: Any) -> None:
        history = library.module("_calendar.korean_time")
        for change in history._CHANGES:
            for offset in (30_472, 30_600, 32_400, 34_200, 36_000):
                for near in (
                    -7_200,
                    -3_601,
                    -3_600,
                    -1_801,
                    -1_800,
                    -129,
                    -1,
                    0,
                    1,
                    127,
                    128,
                    1_799,
                    1_800,
                    3_599,
                    3_600,
                ):
                    self.check(library, change + offset + near)

    def test_at_random(self, library: Any) -> None:
        chance = random.Random(3)
        for _ in range(3_000):
            self.check(library, chance.randint(-2_400_000_000, 4_100_000_000))

    @staticmethod
    def check(library: Any, wall: int) -> None:
        zone = library.module("_calendar.zones").load_zone("Asia/Seoul").info
        history = library.module("_calendar.korean_time")
        first, second = ((EPOCH + timedelta(seconds=wall)).replace(tzinfo=zone, fold=fold) for fold in (0, 1))
        offsets = [seconds(moment.utcoffset()) for moment in (first, second)]
        for fold, moment in enumerate((first, second)):
            span = history.span_at_wall(wall, fold)
            civil = library.module("_calendar.zones").resolve(wall, "Asia/Seoul", fold)
            if offsets[0] < offsets[1]:
                assert span == history.IN_GAP
                assert civil is None
            else:
                assert (history.offset_of(span), history.saving_of(span)) == (offsets[fold], seconds(moment.dst()))
                assert history.is_ambiguous(wall) == (offsets[0] != offsets[1])
                assert (civil.offset, civil.saving) == (offsets[fold], seconds(moment.dst()))


class TestSolarTerms:
    """The generated table."""

    @pytest.mark.parametrize(("first", "last", "allowed"), [(1900, 2100, 0.4), (1600, 1899, 1.6), (2101, 2400, 1.6)])
    def test_an_independent_theory_agrees(self, installed: Any, first: int, last: int, allowed: float) -> None:
        """The table comes from a numerical ephemeris; ERFA's Earth is an analytical theory, made for 1900-2100."""
        generator = tool("generate_terms")
        table = installed.module("_calendar.terms")
        years = range(first, last + 1, 7)
        for year in years:
            other = generator.utc_hundredths(generator.solve(generator.erfa_longitude, year, year))[0]
            row = (year - table.FIRST_YEAR) * 24
            assert max(abs(other - table.HUNDREDTHS[row : row + 24])) / 100 < allowed

    @pytest.mark.parametrize(
        ("year", "kind", "korean_time"),
        [
            (2021, 2, "2021-02-03 23:59"),
            (2024, 2, "2024-02-04 17:27"),
            (2025, 2, "2025-02-03 23:10"),
            (2017, 2, "2017-02-04 00:34"),
            (2023, 23, "2023-12-22 12:27"),
            (2020, 11, "2020-06-21 06:44"),
        ],
    )
    def test_published_minutes(self, library: Any, year: int, kind: int, korean_time: str) -> None:
        table = library.module("_calendar.terms")
        instant = table.TERMS[(year - table.FIRST_YEAR) * 24 + kind]
        published = (datetime.fromisoformat(korean_time) - EPOCH) / timedelta(seconds=1) - 32_400
        assert abs(instant - published) <= 31

    def test_instants_rise_by_half_a_month(self, library: Any) -> None:
        gaps = [after - before for before, after in pairwise(library.module("_calendar.terms").TERMS)]
        assert min(gaps) > 14.6 * 86_400
        assert max(gaps) < 15.9 * 86_400

    def test_lookup_at_every_jeol(self, library: Any) -> None:
        table = library.module("_calendar.terms")
        for number in range(1, len(table.JEOL)):
            instant = table.JEOL[number]
            assert instant == table.TERMS[2 * number]
            assert table.jeol_at(instant, table.JEOL) == number
            assert table.jeol_at(instant - 1, table.JEOL) == number - 1
            assert abs(table.JEOL_MINUTES[number] - instant) <= 31


class TestLunar:
    """The Korean lunar calendar."""

    def test_generator_gives_the_table(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, library: Any) -> None:
        generator = tool("generate_lunar")
        monkeypatch.setattr(generator, "TABLE", tmp_path / "table.py")
        generator.main()
        shipped = Path(library.module("_calendar.lunar_table").__file__)
        assert (tmp_path / "table.py").read_text(encoding="utf-8") == shipped.read_text(encoding="utf-8")

    def test_korean_lunar_calendar_agrees_on_every_month(self, library: Any) -> None:
        other = KoreanLunarCalendar()
        for year in range(1583, 2050):
            leap_month = library.module("_calendar.lunar").leap_month_of(year)
            months = [(month, False) for month in range(1, 13)] + ([(leap_month, True)] if leap_month else [])
            for month, leap in months:
                assert other.setLunarDate(year, month, 1, leap)
                days = library.module("_calendar.lunar").jdn_from_lunar(year, month, 1, leap) - 2_440_588
                assert (EPOCH + timedelta(days=days)).date().isoformat() == other.SolarIsoFormat()

    @pytest.mark.parametrize(
        ("year", "seollal"), [(1997, "1997-02-08"), (2027, "2027-02-07"), (2028, "2028-01-27"), (2024, "2024-02-10")]
    )
    def test_new_year_is_the_korean_one(self, library: Any, year: int, seollal: str) -> None:
        days = library.module("_calendar.lunar").jdn_from_lunar(year, 1, 1, False) - 2_440_588
        assert (EPOCH + timedelta(days=days)).date().isoformat() == seollal

    def test_leap_months_that_differ_from_china(self, library: Any) -> None:
        assert (
            library.module("_calendar.lunar").leap_month_of(2012),
            library.module("_calendar.lunar").leap_month_of(2017),
        ) == (3, 5)

    def test_outside_the_table(self, library: Any) -> None:
        lunar = library.module("_calendar.lunar")
        for day in (lunar.FIRST_LUNAR_JDN - 1, lunar.LAST_LUNAR_JDN + 1):
            with pytest.raises(ValueError, match="outside the table"):
                lunar.lunar_from_jdn(day)


@pytest.mark.parametrize(
    ("date", "seconds"),
    [((2024, 2, 11), -854), ((2024, 11, 3), 987), ((2024, 5, 14), 220), ((2024, 7, 26), -392), ((2024, 4, 15), 0)],
)
def test_equation_of_time(library: Any, date: tuple[int, int, int], seconds: int) -> None:
    noon = int((datetime(*date, 12) - EPOCH).total_seconds())
    assert library.module("_calendar.clocks").equation_of_time(noon) == pytest.approx(seconds, abs=12)
