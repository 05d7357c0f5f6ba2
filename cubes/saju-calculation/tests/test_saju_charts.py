"""Whole charts: published ones, every convention, warnings, the edges of the supported years."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import pytest
from pydantic.alias_generators import to_camel

import cubekit_saju


def chart(library: Any, *moment: int | None, longitude: float = 126.978, zone: str = "Asia/Seoul", **more: Any) -> Any:
    """Calculate; keywords that are no field of a birth are options."""
    fields = {name: more.pop(name) for name in ("male", "lunar", "leap_month") if name in more}
    return library.calculate(
        library.Birth(
            *moment,
            **{"male": True} | fields,
            location=library.Location(longitude, zone),
            options=library.Options(**more),
        )
    )


def names(pan: Any) -> str:
    return " ".join(pillar["hanja"] for pillar in (pan["year"], pan["month"], pan["day"], pan["hour"]) if pillar)


PUBLISHED = [
    ((1910, 2, 12, 20, 0), {}, "庚戌 戊寅 戊申 壬戌"),  # 이병철
    ((1915, 11, 25, 2, 30), {}, "乙卯 丁亥 庚申 丁丑"),  # 정주영
    ((1917, 11, 14, 4, 30), {}, "丁巳 辛亥 庚申 戊寅"),  # 박정희
    ((1917, 9, 30, 4, 30), {"lunar": True}, "丁巳 辛亥 庚申 戊寅"),  # the same by the lunar calendar
    ((1946, 9, 1, 8, 0), {}, "丙戌 丙申 戊寅 丙辰"),  # 노무현
    ((1990, 5, 15, 14, 30), {}, "庚午 辛巳 庚辰 癸未"),
    ((1940, 11, 27, 7, 12), {"longitude": -122.42, "zone": "America/Los_Angeles"}, "庚辰 丁亥 甲戌 戊辰"),  # Bruce Lee
    ((1955, 2, 24, 19, 15), {"longitude": -122.42, "zone": "America/Los_Angeles"}, "乙未 戊寅 丙辰 戊戌"),  # Steve Jobs
    ((1955, 10, 28, 22, 0), {"longitude": -122.33, "zone": "America/Los_Angeles"}, "乙未 丙戌 壬戌 辛亥"),  # Bill Gates
]


@pytest.mark.parametrize(("moment", "more", "expected"), PUBLISHED)
def test_published_charts(library: Any, moment: tuple[int, ...], more: dict[str, Any], expected: str) -> None:
    assert names(chart(library, *moment, **more)["sajuPan"]) == expected


@pytest.mark.parametrize(
    ("moment", "male", "age"),
    [((2015, 8, 14, 12, 0), True, 2), ((2015, 8, 14, 12, 0), False, 8), ((1955, 2, 11, 12, 0), True, 2)],
)
def test_published_daeun(library: Any, moment: tuple[int, ...], male: bool, age: int) -> None:
    assert chart(library, *moment, male=male)["daeun"]["startAge"] == age


def test_everything_of_one_chart(library: Any) -> None:
    result = chart(library, 1990, 5, 15, 14, 30)
    year = result["sajuPan"]["year"]
    assert (year["cheon"], year["ji"], year["hanja"], year["ganji"]) == ("경", "오", "庚午", 6)
    wuxing = result["wuxing"]
    assert (wuxing["wood"], wuxing["fire"], wuxing["earth"], wuxing["metal"], wuxing["water"]) == (0, 2, 2, 3, 1)
    assert [
        (god["cheon"], god["ji"])
        for god in (result["sipsin"]["year"], result["sipsin"]["month"], result["sipsin"]["day"])
    ] == [
        ("비견", "정관"),
        ("겁재", "편관"),
        ("일간", "편인"),
    ]
    hidden = result["jijanggan"]["month"]
    assert (hidden["yeogi"], hidden["junggi"], hidden["jeonggi"]) == ("무", "경", "병")
    stages = result["sibiunseong"]["month"]
    assert (stages["bong"], stages["geo"]) == ("장생", "사")
    assert result["gongmang"]["byDay"]["branches"] == ["신", "유"]
    assert result["gongmang"]["byDay"]["pillars"] == []
    assert result["daeun"]["forward"] is True
    assert result["daeun"]["startAgeExact"] == pytest.approx(1_876_578 / 86_400 / 3, abs=1e-4)
    assert [period["hanja"] for period in result["daeun"]["list"][:3]] == ["壬午", "癸未", "甲申"]
    assert [period["age"] for period in result["daeun"]["list"]] == list(range(7, 107, 10))
    assert result["daeun"]["list"][0]["startDate"] == "1997-08-10"
    assert result["time"]["utc"] == "1990-05-15T05:30:00Z"
    assert result["time"]["lmt"] == "1990-05-15T13:57:54"
    assert (result["jeolgi"]["previous"]["name"], result["jeolgi"]["next"]["hanja"]) == ("입하", "芒種")
    assert result["warnings"] == []


def test_void_pillars_are_named(library: Any) -> None:
    result = chart(library, 1917, 11, 14, 4, 30)  # 丁巳 辛亥 庚申 戊寅
    assert result["gongmang"]["byDay"]["branches"] == ["자", "축"]
    result = chart(library, 1915, 11, 25, 2, 30)  # 乙卯 丁亥 庚申 丁丑
    assert result["gongmang"]["byDay"]["pillars"] == ["hour"]


class TestConventions:
    """Each changes what it should and is reported."""

    def test_clock(self, library: Any) -> None:
        hours = {
            clock: chart(library, 1987, 7, 1, 14, 20, clock=clock)["sajuPan"]["hour"]["ji"]
            for clock in ("clock", "standard", "lmt", "apparent")
        }
        assert hours == {"clock": "미", "standard": "미", "lmt": "오", "apparent": "오"}
        result = chart(library, 1987, 7, 1, 14, 20)
        assert (result["time"]["offset"], result["time"]["dst"]) == (36_000, 3_600)
        assert result["time"]["standard"] == "1987-07-01T13:20:00"

    def test_apparent_time_adds_the_equation_of_time(self, library: Any) -> None:
        # 3 November 1999: +16.4 minutes, so that 12:47 by local mean time is past 13:00.
        assert chart(library, 1999, 11, 3, 13, 20)["sajuPan"]["hour"]["ji"] == "오"
        assert chart(library, 1999, 11, 3, 13, 20, clock="apparent")["sajuPan"]["hour"]["ji"] == "미"

    def test_zi_hour(self, library: Any) -> None:
        found = {
            option: (pan["day"]["hanja"], pan["hour"]["hanja"])
            for option in ("split", "zi23", "midnight")
            for pan in [chart(library, 2000, 1, 1, 23, 50, clock="clock", zi_hour=option)["sajuPan"]]
        }
        assert found == {"split": ("戊午", "甲子"), "zi23": ("己未", "甲子"), "midnight": ("戊午", "壬子")}

    def test_zi_hour_after_midnight_is_the_same_for_all(self, library: Any) -> None:
        pans = {
            names(chart(library, 2000, 1, 2, 0, 30, clock="clock", zi_hour=z)["sajuPan"])
            for z in ("split", "zi23", "midnight")
        }
        assert len(pans) == 1

    def test_fold(self, library: Any) -> None:
        first, second = (chart(library, 1988, 10, 9, 2, 30, fold=fold) for fold in (0, 1))
        assert (first["time"]["utc"], second["time"]["utc"]) == ("1988-10-08T16:30:00Z", "1988-10-08T17:30:00Z")
        assert [warning["code"] for warning in first["warnings"]] == ["ambiguousTime"]
        assert "second" in second["warnings"][0]["message"]

    def test_fold_in_another_zone(self, library: Any) -> None:
        place: dict[str, Any] = {"longitude": -74.0, "zone": "America/New_York"}
        first, second = (chart(library, 2020, 11, 1, 1, 30, fold=fold, **place) for fold in (0, 1))
        assert (first["time"]["offset"], second["time"]["offset"]) == (-14_400, -18_000)

    def test_daeun_rounding(self, library: Any) -> None:
        ages = {
            rounding: chart(library, 1955, 10, 28, 22, 0, daeun_rounding=rounding)["daeun"]["startAge"]
            for rounding in ("round", "intDaysRem2Up", "floor")
        }
        exact = chart(library, 1955, 10, 28, 22, 0)["daeun"]["startAgeExact"]
        assert ages == {
            "round": round(exact),
            "intDaysRem2Up": int(exact * 3) // 3 + (int(exact * 3) % 3 == 2),
            "floor": int(exact),
        }

    def test_age_basis(self, library: Any) -> None:
        counted = chart(library, 1990, 5, 15, 14, 30, age_basis="seneun")
        assert counted["daeun"]["startAge"] == 8
        assert counted["daeun"]["list"][0]["startDate"] == "1997-08-10"

    def test_jeorip_reference(self, library: Any) -> None:
        # Ipchun 2024 was at 17:27 KST; corrected by -32 minutes, 17:45 on the clock is still before it.
        assert chart(library, 2024, 2, 4, 17, 45)["sajuPan"]["year"]["hanja"] == "甲辰"
        assert (
            chart(library, 2024, 2, 4, 17, 45, jeorip_reference="correctedClock")["sajuPan"]["year"]["hanja"] == "癸卯"
        )

    def test_jeorip_reference_abroad(self, library: Any) -> None:
        # The same term was at 03:27 in New York; local mean time there is 4 minutes ahead of the standard.
        place: dict[str, Any] = {"longitude": -74.0, "zone": "America/New_York", "jeorip_reference": "correctedClock"}
        years = [chart(library, 2024, 2, 4, 3, minute, **place)["sajuPan"]["year"]["hanja"] for minute in (20, 24, 30)]
        assert years == ["癸卯", "甲辰", "甲辰"]
        summer = chart(library, 2024, 7, 6, 10, 0, clock="standard", **place)  # Soseo was at 10:20, 09:20 by standard
        assert summer["jeolgi"]["next"]["distance"] == pytest.approx(20 * 60, abs=60)

    def test_all_are_reported(self, library: Any) -> None:
        conventions = chart(library, 1990, 5, 15, 14, 30, zi_hour="zi23", longitude=129.07)["conventions"]
        assert conventions["ziHour"] == "zi23"
        assert conventions["longitude"] == 129.07
        assert conventions["solarCalendar"] == "gregorian"
        for name in library.Options.__dataclass_fields__:
            assert to_camel(name) in conventions

    @pytest.mark.parametrize("name", [field.name for field in fields(cubekit_saju.Options)])
    def test_unknown_value(self, library: Any, name: str) -> None:
        with pytest.raises(ValueError, match=name):
            library.Options(**{name: "sometimes"})


class TestWarnings:
    """Doubts are told with their distance."""

    def test_near_a_jeol(self, library: Any) -> None:
        result = chart(library, 2024, 2, 4, 17, 27)  # Ipchun at 17:27:0x
        found = [(warning["boundary"], warning["distance"]) for warning in result["warnings"]]
        assert found[0][0] == "jeol"
        assert found[0][1] == result["jeolgi"]["next"]["distance"] < 60

    def test_near_an_hour(self, library: Any) -> None:
        [warning] = chart(library, 2024, 6, 15, 13, 1, clock="clock")["warnings"]
        assert (warning["code"], warning["boundary"], warning["distance"]) == ("boundaryWarning", "hour", 60)
        assert chart(library, 2024, 6, 15, 13, 2, clock="clock")["warnings"] == []
        [warning] = chart(library, 2024, 6, 15, 12, 59, clock="clock")["warnings"]
        assert "before" in warning["message"]

    @pytest.mark.parametrize(
        ("moment", "zi", "expected"),
        [
            ((0, 1), "split", "day"),
            ((23, 59), "midnight", "day"),
            ((23, 1), "split", "hour"),
            ((22, 59), "zi23", "day"),
        ],
    )
    def test_near_a_day(self, library: Any, moment: tuple[int, int], zi: str, expected: str) -> None:
        [warning] = chart(library, 2024, 6, 15, *moment, clock="clock", zi_hour=zi)["warnings"]
        assert (warning["boundary"], warning["distance"]) == (expected, 60)

    def test_zi23_has_no_boundary_at_midnight(self, library: Any) -> None:
        assert chart(library, 2024, 6, 15, 0, 1, clock="clock", zi_hour="zi23")["warnings"] == []

    def test_longitude_far_from_the_zone(self, library: Any) -> None:
        [warning] = chart(library, 2024, 6, 15, 12, 30, longitude=-122.4)["warnings"]
        assert warning["code"] == "longitudeFarFromZone"


class TestUnknownTime:
    """No hour pillar; the rest is that of noon."""

    def test_hour_is_absent_everywhere(self, library: Any) -> None:
        result = chart(library, 1990, 5, 15, None)
        assert names(result["sajuPan"]) == "庚午 辛巳 庚辰"
        for part in (result["sajuPan"], result["sipsin"], result["jijanggan"], result["sibiunseong"]):
            assert part["hour"] is None
        wuxing = result["wuxing"]
        assert wuxing["wood"] + wuxing["fire"] + wuxing["earth"] + wuxing["metal"] + wuxing["water"] == 6
        assert [warning["code"] for warning in result["warnings"]] == ["unknownTime"]
        assert result["time"]["local"] == "1990-05-15T12:00:00"

    def test_jeol_on_that_day(self, library: Any) -> None:
        codes = [(warning["code"], warning["boundary"]) for warning in chart(library, 2024, 2, 4, None)["warnings"]]
        assert codes == [("unknownTime", None), ("boundaryWarning", "jeol")]


SAVINGS = [
    ((1943, 7, 1), "Europe/London", 7_200, "10:00"),  # double summer time
    ((1943, 1, 10), "Europe/London", 3_600, "11:00"),  # and the winter between two of them
    ((1945, 6, 10), "Europe/Berlin", 7_200, "10:00"),
    ((1943, 7, 1), "Europe/Lisbon", 7_200, "10:00"),
    ((1990, 1, 15), "Europe/Dublin", 0, "12:00"),  # winter time by law, from which nothing is saved
    ((1990, 7, 15), "Europe/London", 3_600, "11:00"),
    ((2019, 5, 15), "Africa/Casablanca", 0, "12:00"),
    ((2000, 7, 1), "Africa/Windhoek", 0, "12:00"),
    ((1947, 1, 1), "Europe/Prague", 0, "12:00"),
    ((2030, 7, 1), "America/New_York", 3_600, "11:00"),  # by the rule for years to come
    ((2030, 1, 15), "Europe/Dublin", 0, "12:00"),
    ((1992, 8, 1), "Europe/Lisbon", 3_600, "11:00"),  # standard time changed as it ended
    ((1991, 7, 1), "Europe/Moscow", 3_600, "11:00"),  # and as it began
    ((1700, 7, 1), "America/New_York", 0, "12:00"),
]


@pytest.mark.parametrize(("date", "zone", "saving", "standard"), SAVINGS)
def test_daylight_saving_of_other_zones(
    library: Any, date: tuple[int, int, int], zone: str, saving: int, standard: str
) -> None:
    time = chart(library, *date, 12, 0, zone=zone)["time"]
    assert (time["dst"], time["standard"][11:16]) == (saving, standard)


DATE_LINE = [
    (-175.2, "Pacific/Tongatapu"),
    (-176.55, "Pacific/Chatham"),
    (-171.76, "Pacific/Apia"),
    (-157.4, "Pacific/Kiritimati"),
    (172.9, "America/Adak"),
    (174.76, "Pacific/Auckland"),
]


@pytest.mark.parametrize("clock", ["lmt", "apparent"])
@pytest.mark.parametrize(("longitude", "zone"), DATE_LINE)
def test_the_day_is_that_of_the_place(library: Any, longitude: float, zone: str, clock: str) -> None:
    """Where the date line bends, zone and longitude lie on opposite sides of 180 degrees."""
    result = chart(library, 2020, 5, 15, 12, 10, longitude=longitude, zone=zone, clock=clock)
    assert result["sajuPan"]["day"]["hanja"] == "戊午"
    assert result["time"][clock][:10] == "2020-05-15"
    assert result["warnings"] == []


def test_fast_path_across_the_date_line(library: Any) -> None:
    packed = library.korean_pillars(2020, 5, 15, 12, 0, -126.978)
    expected = names(chart(library, 2020, 5, 15, 12, 0, longitude=-126.978)["sajuPan"])
    assert " ".join(library.ganji_names(packed)) == expected


@pytest.mark.parametrize("moment", [(1600, 1, 1, 0, 0), (2400, 12, 31, 23, 59)])
@pytest.mark.parametrize("zone", ["Asia/Seoul", "Pacific/Kiritimati", "Pacific/Pago_Pago"])
@pytest.mark.parametrize("reference", ["instant", "correctedClock"])
def test_the_ends_of_the_supported_years(library: Any, moment: tuple[int, ...], zone: str, reference: str) -> None:
    result = chart(library, *moment, longitude=180.0, zone=zone, jeorip_reference=reference)
    assert result["jeolgi"]["previous"]["utc"] < result["jeolgi"]["next"]["utc"]
    assert len(result["daeun"]["list"]) == 10
