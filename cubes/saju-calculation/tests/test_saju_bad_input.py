"""Births that never were: each error names the field to blame."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import cubekit_saju

CASES = [
    ((1900, 2, 29, 12), {}, "NoSuchDate", "birthDate", "no date 1900-02-29: February 1900 has 28 days"),
    ((1990, 13, 1, 12), {}, "NoSuchMonth", "birthDate", "no month 13; months are 1 to 12"),
    ((1990, 4, 31, 12), {}, "NoSuchDate", "birthDate", "1990-04-31: April 1990 has 30 days"),
    ((1990, 4, 0, 12), {}, "NoSuchDate", "birthDate", "1990-04-00"),
    ((1599, 12, 31, 12), {}, "DateOutOfRange", "birthDate", "1600-01-01 to 2400-12-31"),
    ((2401, 1, 1, 12), {}, "DateOutOfRange", "birthDate", "1600-01-01 to 2400-12-31"),
    ((999_999, 1, 1, 12), {}, "DateOutOfRange", "birthDate", "999999-01-01"),
    ((1390, 1, 1, 12), {"lunar": True}, "LunarDateOutOfRange", "birthDate", "1391 to 2100"),
    ((999_999, 1, 1, 12), {"lunar": True}, "LunarDateOutOfRange", "birthDate", "1391 to 2100"),
    ((1500, 1, 1, 12), {"lunar": True}, "DateOutOfRange", "birthDate", "1600-01-01 to 2400-12-31"),
    ((1990, 13, 1, 12), {"lunar": True}, "NoSuchMonth", "birthDate", "no month 13"),
    ((1990, 1, 31, 12), {"lunar": True}, "NoSuchLunarDay", "birthDate", "lunar year 1990 has 29 days"),
    ((1990, 2, 0, 12), {"lunar": True}, "NoSuchLunarDay", "birthDate", "lunar year 1990 has 30 days"),
    ((1990, 1, 30, 12), {"lunar": True}, "NoSuchLunarDay", "birthDate", "has 29 days"),
    ((1990, 4, 1, 12), {"lunar": True, "leap_month": True}, "NoSuchLeapMonth", "isLeapMonth", "no leap month 4"),
    ((2012, 4, 1, 12), {"lunar": True, "leap_month": True}, "NoSuchLeapMonth", "isLeapMonth", "no leap month 4"),
    ((2017, 3, 1, 12), {"lunar": True, "leap_month": True}, "NoSuchLeapMonth", "isLeapMonth", "its leap month is 5"),
    ((2018, 3, 1, 12), {"lunar": True, "leap_month": True}, "NoLeapMonth", "isLeapMonth", "2018 has no leap month."),
    ((1990, 5, 1, 12), {"leap_month": True}, "LeapMonthOfSolarDate", "isLeapMonth", "Only a lunar date"),
    (
        (1988, 5, 8, 2, 30),
        {},
        "NoSuchTime",
        "birthTime",
        "Clocks in Asia/Seoul never showed 02:30 on 1988-05-08: "
        "they were set forward from 1988-05-08 02:00 to 1988-05-08 03:00.",
    ),
    ((1961, 8, 10, 0, 15), {}, "NoSuchTime", "birthTime", "from 1961-08-10 00:00 to 1961-08-10 00:30"),
    ((1908, 4, 1, 0, 1), {}, "NoSuchTime", "birthTime", "from 1908-04-01 00:00 to 1908-04-01 00:02:08"),
    ((1990, 5, 15, -1, 0), {}, "TimeOutOfRange", "birthTime", "no time -1:00"),
    ((10**30, 5, 15, 12), {}, "DateOutOfRange", "birthDate", "1600-01-01 to 2400-12-31"),
    ((1990, 5, 15, 24, 0), {}, "TimeOutOfRange", "birthTime", "no time 24:00; times are 00:00 to 23:59"),
    ((1990, 5, 15, 12, 60), {}, "TimeOutOfRange", "birthTime", "12:60"),
]


@pytest.mark.parametrize(("moment", "more", "error", "field", "text"), CASES)
def test_refused(
    library: Any, moment: tuple[int, ...], more: dict[str, Any], error: str, field: str, text: str
) -> None:
    with pytest.raises(getattr(library, error)) as caught:
        library.calculate(library.Birth(*moment, male=True, **more))
    assert caught.value.field == field
    assert text in str(caught.value)
    assert all(str(value) in str(caught.value) for value in caught.value.params.values())


def test_gap_in_another_zone(library: Any) -> None:
    birth = library.Birth(2021, 3, 14, 2, 30, male=True, location=library.Location(-74.0, "America/New_York"))
    with pytest.raises(library.NoSuchTime, match="America/New_York never showed 02:30 on 2021-03-14") as caught:
        library.calculate(birth)
    assert "from 2021-03-14 02:00 to 2021-03-14 03:00" in str(caught.value)


@pytest.mark.parametrize("hour", [12, None])
def test_a_day_that_the_zone_skipped(library: Any, hour: int | None) -> None:
    birth = library.Birth(2011, 12, 30, hour, male=True, location=library.Location(-171.8, "Pacific/Apia"))
    with pytest.raises(library.SkippedDay, match="There was no 2011-12-30 in Pacific/Apia") as caught:
        library.calculate(birth)
    assert caught.value.field == "birthDate"
    assert "from 2011-12-30 00:00 to 2011-12-31 00:00" in str(caught.value)


def test_an_unknown_time_is_never_to_blame(library: Any) -> None:
    """Noon stands for it, and gives way where clocks jumped over noon."""
    birth = library.Birth(1967, 6, 3, None, male=True, location=library.Location(-7.6, "Africa/Casablanca"))
    assert library.calculate(birth)["time"]["local"] == "1967-06-03T13:00:00"


@pytest.mark.parametrize(
    "zone", ["Asia/Soul", "asia/seoul", "", "../etc/passwd", "/etc/localtime", "right/Asia/Seoul", "KST", "Asia"]
)
def test_unknown_zone(library: Any, zone: str) -> None:
    with pytest.raises(library.UnknownTimezone) as caught:
        library.calculate(library.Birth(1990, 5, 15, 12, male=True, location=library.Location(127.0, zone)))
    assert caught.value.field == "location.timezone"
    assert "; there is" in str(caught.value)
    assert "Asia/Seoul" in str(caught.value) or zone not in ("Asia/Soul", "asia/seoul", "")


@pytest.mark.parametrize("longitude", [-180.1, 181.0, float("nan"), float("inf")])
def test_longitude_out_of_range(library: Any, longitude: float) -> None:
    with pytest.raises(ValueError, match="longitude must be within -180 and 180"):
        library.Location(longitude)


@pytest.mark.parametrize("longitude", [-180.1, 5_000.0, float("nan")])
def test_fast_path_refuses_a_longitude(library: Any, longitude: float) -> None:
    with pytest.raises(ValueError, match="longitude must be within -180 and 180"):
        library.korean_pillars(1990, 5, 15, 12, 0, longitude)
    with pytest.raises(ValueError, match="longitude must be within -180 and 180"):
        library.korean_pillars_batch([1990], [5], [15], [12], [0], longitude)


@pytest.mark.parametrize("zi_hour", [-1, 3, 9])
def test_fast_path_refuses_a_zi_hour(library: Any, zi_hour: int) -> None:
    with pytest.raises(ValueError, match=f"zi_hour must be .*, not {zi_hour}"):
        library.korean_pillars(1990, 5, 15, 23, 50, 126.978, zi_hour)


@pytest.mark.parametrize("year", [1599, 2401, -5, 10**30])
def test_year_of_the_fortunes(library: Any, year: int) -> None:
    with pytest.raises(library.YearOutOfRange, match="1600 to 2400") as caught:
        library.calculate(library.Birth(1990, 5, 15, 12, male=True, seun_year=year))
    assert caught.value.field == "seunYear"


@pytest.mark.parametrize(
    ("moment", "error"),
    [
        ((1599, 12, 31, 12, 0), "DateOutOfRange"),
        ((1900, 2, 29, 12, 0), "NoSuchDate"),
        ((1990, 1, 1, 24, 0), "TimeOutOfRange"),
        ((1988, 5, 8, 2, 30), "NoSuchTime"),
    ],
)
def test_fast_path_refuses_the_same(library: Any, moment: tuple[int, ...], error: str) -> None:
    with pytest.raises(getattr(library, error)):
        library.korean_pillars(*moment)


numbers = st.one_of(st.integers(-40, 40), st.integers(1_300, 2_500), st.integers())


@given(st.tuples(numbers, numbers, numbers, st.one_of(st.none(), numbers), numbers), st.booleans(), st.booleans())
def test_no_number_breaks_the_library(moment: tuple[Any, ...], lunar: bool, leap: bool) -> None:
    """Whatever is asked for is answered or refused by an error of the library."""
    year, month, day, _, other = moment
    asked: list[Callable[[], object]] = [
        lambda: cubekit_saju.calculate(cubekit_saju.Birth(*moment, male=True, lunar=lunar, leap_month=leap)),
        lambda: cubekit_saju.calculate(cubekit_saju.Birth(1990, 5, 15, 12, male=True, seun_year=other)),
        lambda: cubekit_saju.daily(cubekit_saju.Birth(1990, 5, 15, 12, male=True), year, month, day),
        lambda: cubekit_saju.convert(year, month, day, lunar=lunar, leap_month=leap),
        lambda: cubekit_saju.calendar(year, month),
        lambda: cubekit_saju.solar_terms(year),
    ]
    for ask in asked:
        with suppress(cubekit_saju.SajuError):
            ask()
