"""Solar terms, almanac months, conversion; the lunar table against its source and against the sky."""

from __future__ import annotations

import csv
import importlib.util
from datetime import date, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import erfa  # type: ignore[import-untyped]
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import cubekit_saju

TOOLS = Path(__file__).resolve().parent.parent / "tools"
JDN_OF_1970 = 2_440_588


def months_of_the_source() -> list[dict[str, str]]:
    with (TOOLS / "data" / "korean_lunar_months.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


class TestSolarTerms:
    """The 24 of a year."""

    def test_form(self, library: Any) -> None:
        year = library.solar_terms(1990)
        assert year["year"] == 1990
        assert [term["index"] for term in year["terms"]] == list(range(24))
        assert [term["longitude"] for term in year["terms"]][:3] == [285, 300, 315]
        first = year["terms"][0]
        assert (first["nameKo"], first["nameHanja"]) == ("소한", "小寒")
        assert (first["utc"], first["kst"]) == ("1990-01-05T14:33:13.72Z", "1990-01-05T23:33")

    @pytest.mark.parametrize("year", [1600, 1972, 2400])
    def test_in_order_and_within_the_year(self, library: Any, year: int) -> None:
        instants = [datetime.fromisoformat(term["utc"]) for term in library.solar_terms(year)["terms"]]
        assert all(timedelta(days=14) < after - before < timedelta(days=16) for before, after in pairwise(instants))
        assert {instant.year for instant in instants} == {year}

    @pytest.mark.parametrize("year", [1599, 2401, 0, 999_999])
    def test_outside_the_table(self, library: Any, year: int) -> None:
        with pytest.raises(library.YearOutOfRange, match="1600 to 2400") as caught:
            library.solar_terms(year)
        assert caught.value.field == "year"


class TestCalendar:
    """A month of the almanac."""

    def test_day_of_a_term(self, library: Any) -> None:
        days = library.calendar(2024, 2)["days"]
        assert len(days) == 29
        ipchun = days[3]
        assert (ipchun["date"], ipchun["weekday"], ipchun["term"]["nameKo"]) == ("2024-02-04", 7, "입춘")
        assert ipchun["lunar"] == {"year": 2023, "month": 12, "day": 25, "isLeapMonth": False}
        assert (ipchun["yearPillar"]["hanja"], days[4]["yearPillar"]["hanja"]) == ("癸卯", "甲辰")  # it was at 17:27
        assert [day["date"] for day in days if day["term"]] == ["2024-02-04", "2024-02-19"]
        assert days[9]["lunar"] == {"year": 2024, "month": 1, "day": 1, "isLeapMonth": False}  # Seollal

    @pytest.mark.parametrize(
        ("year", "name", "date"),
        [
            (2030, "우수", "2030-02-19"),
            (1950, "대한", "1950-01-21"),
            (1724, "청명", "1724-04-05"),
            (1892, "소만", "1892-05-21"),
            (2263, "하지", "2263-06-22"),
            (2380, "소만", "2380-05-21"),
        ],
    )
    def test_a_term_that_rounds_to_midnight(self, library: Any, year: int, name: str, date: str) -> None:
        """Almanacs print the minute, and the day goes with it."""
        days = library.calendar(year, int(date[5:7]))["days"]
        [found] = [day for day in days if day["term"] and day["term"]["nameKo"] == name]
        assert (found["date"], found["term"]["kst"]) == (date, f"{date}T00:00")

    def test_days_follow_each_other(self, library: Any) -> None:
        days = [day for month in range(1, 13) for day in library.calendar(2020, month)["days"]]
        assert [day["date"] for day in days] == [str(date(2020, 1, 1) + timedelta(n)) for n in range(366)]
        for before, after in pairwise(days):
            assert after["dayPillar"]["ganji"] == (before["dayPillar"]["ganji"] + 1) % 60
            assert after["weekday"] == before["weekday"] % 7 + 1
            assert after["julianDayNumber"] == before["julianDayNumber"] + 1
        assert sum(day["term"] is not None for day in days) == 24

    def test_without_lunar_dates(self, library: Any) -> None:
        day = library.calendar(2200, 1)["days"][0]
        assert (day["lunar"], day["official"]) == (None, False)

    def test_bad_months(self, library: Any) -> None:
        with pytest.raises(library.NoSuchMonth, match="no month 13; months are 1 to 12") as caught:
            library.calendar(2024, 13)
        assert caught.value.field == "month"
        with pytest.raises(library.YearOutOfRange):
            library.calendar(1599, 1)


class TestConversion:
    """Both ways, and what cannot be."""

    @pytest.mark.parametrize(
        ("lunar", "solar"),
        [
            ((1990, 4, 21, False), "1990-05-15"),
            ((2017, 5, 1, True), "2017-06-24"),
            ((2012, 3, 1, True), "2012-04-21"),
            ((1582, 9, 18, False), "1582-10-04"),
            ((1582, 9, 19, False), "1582-10-15"),
            ((1391, 1, 1, False), "1391-02-05"),
        ],
    )
    def test_known_days(self, library: Any, lunar: tuple[int, int, int, bool], solar: str) -> None:
        year, month, day, leap = lunar
        found = library.convert(year, month, day, lunar=True, leap_month=leap)
        assert found["solar"] == solar
        assert found["calendar"] == ("julian" if solar < "1582-10-15" else "gregorian")
        back = library.convert(*(int(part) for part in solar.split("-")))
        assert back == found
        assert back["lunar"] == {"year": year, "month": month, "day": day, "isLeapMonth": leap}

    @given(st.integers(2_229_156, 2_488_448))
    def test_there_and_back(self, jdn: int) -> None:
        from cubekit_saju._calendar import days

        solar = days.historic_from_days(jdn - JDN_OF_1970)
        found = cubekit_saju.convert(*solar)
        assert found["julianDayNumber"] == jdn
        lunar = found["lunar"]
        again = cubekit_saju.convert(
            lunar["year"], lunar["month"], lunar["day"], lunar=True, leap_month=lunar["isLeapMonth"]
        )
        assert again == found
        assert found["ganji"]["ganji"] == (jdn + 49) % 60

    @pytest.mark.parametrize(
        ("solar", "official"),
        [((1990, 5, 15), True), ((2050, 12, 31), True), ((2051, 6, 1), False), ((1597, 10, 10), False)],
    )
    def test_official(self, library: Any, solar: tuple[int, int, int], official: bool) -> None:
        assert library.convert(*solar)["official"] is official

    @pytest.mark.parametrize(
        ("request_", "more", "error", "text"),
        [
            ((1582, 10, 10), {}, "LeftOutDate", "1582-10-10: 5 to 14 October 1582 were left out"),
            ((1500, 2, 30), {}, "NoSuchDate", "1500-02-30: February 1500 has 29 days"),  # Julian
            ((1900, 2, 29), {}, "NoSuchDate", "1900-02-29: February 1900 has 28 days"),
            ((1990, 0, 1), {}, "NoSuchMonth", "no month 0"),
            ((2017, 5, 31), {"lunar": True}, "NoSuchLunarDay", "Month 5 of lunar year 2017 has 29 days"),
            ((1391, 2, 4), {}, "DateOutOfRange", "1391-02-05 to 2101-01-28"),
            ((2101, 1, 29), {}, "DateOutOfRange", "1391-02-05 to 2101-01-28"),
            ((1390, 1, 1), {"lunar": True}, "LunarDateOutOfRange", "1391 to 2100"),
            ((1990, 4, 1), {"lunar": True, "leap_month": True}, "NoSuchLeapMonth", "no leap month 4"),
            ((1990, 4, 1), {"leap_month": True}, "LeapMonthOfSolarDate", "Only a lunar date"),
        ],
    )
    def test_refused(
        self, library: Any, request_: tuple[int, int, int], more: dict[str, bool], error: str, text: str
    ) -> None:
        with pytest.raises(getattr(library, error)) as caught:
            library.convert(*request_, **more)
        assert text in str(caught.value)

    def test_1500_was_a_leap_year_then(self, library: Any) -> None:
        assert library.convert(1500, 2, 29)["julianDayNumber"] == 2_268_992


class TestLunarTable:
    """The table itself."""

    def test_every_month_is_that_of_the_source(self, library: Any) -> None:
        lunar = library.module("_calendar.lunar")
        rows = months_of_the_source()
        assert len(rows) == 8_781
        for row in rows:
            year, month, leap = int(row["lunar_year"]), int(row["lunar_month"]), row["leap"] == "1"
            first = lunar.jdn_from_lunar(year, month, 1, leap)
            assert first == int(row["start_jdn"])
            last = first + int(row["length"]) - 1
            assert lunar.lunar_from_jdn(last) == (year, month, int(row["length"]), leap)

    def test_months_of_1912_to_2050_begin_at_the_new_moon(self) -> None:
        """New moons by ERFA's Moon (Meeus, ELP-2000/82) and Earth, on the day that they fall on at UTC+9."""
        starts = np.array(
            [int(row["start_jdn"]) for row in months_of_the_source() if 1912 <= int(row["lunar_year"]) <= 2050]
        )
        generator = tool()
        moment = starts - 9 / 24
        for _ in range(8):
            apart = (moon_longitude(moment) - generator.erfa_longitude(moment) + 180) % 360 - 180
            moment = moment - apart * 29.530588 / 360
        korean_days = (generator.utc_hundredths(moment) // 100 + 9 * 3_600) // 86_400 + JDN_OF_1970
        assert len(starts) == 1_719
        assert (korean_days == starts).all()


def moon_longitude(jd_tt: Any) -> Any:
    """Apparent longitude of the Moon in degrees; its light takes 1.28 s."""
    position = erfa.moon98(jd_tt, -1.28 / 86_400)["p"]
    of_date = erfa.rxp(erfa.pnm06a(jd_tt, 0.0), position / np.linalg.norm(position, axis=-1)[..., None])
    _, deps = erfa.nut06a(jd_tt, 0.0)
    turn = erfa.rx(erfa.obl06(jd_tt, 0.0) + deps, np.broadcast_to(np.eye(3), (*jd_tt.shape, 3, 3)))
    ecliptic = erfa.rxp(turn, of_date)
    return np.degrees(np.arctan2(ecliptic[..., 1], ecliptic[..., 0])) % 360


def tool() -> Any:
    spec = importlib.util.spec_from_file_location("generate_terms", TOOLS / "generate_terms.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
