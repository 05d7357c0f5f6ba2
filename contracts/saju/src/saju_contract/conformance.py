"""What every provider of ``saju.calendar`` answers: the conformance suite, run by `cubekit test` (needs pytest)."""

from __future__ import annotations

import pytest
from cubekit import Failure
from pydantic import TypeAdapter

from saju_contract import (
    Birth,
    BirthColumns,
    Calendar,
    NoSuchDate,
    NoSuchLeapMonth,
    NoSuchLunarDay,
    NoSuchTime,
    UnknownTimezone,
)

CONTRACT = Calendar
pytestmark = pytest.mark.anyio

BIRTH = {"birthDate": "1990-05-15", "birthTime": "14:30", "gender": "male"}


def birth(**changes: object) -> Birth:
    """The birth of all examples, with changes by JSON name."""
    return TypeAdapter(Birth).validate_python({**BIRTH, **changes})


async def test_the_four_pillars_of_a_birth(provider: Calendar) -> None:
    pan = (await provider.calculate(birth())).saju_pan
    assert pan.hour is not None
    assert [pillar.hanja for pillar in (pan.year, pan.month, pan.day, pan.hour)] == ["庚午", "辛巳", "庚辰", "癸未"]


async def test_an_unknown_time_leaves_the_hour_open(provider: Calendar) -> None:
    pan = (await provider.calculate(birth(birthTime=None))).saju_pan
    assert pan.hour is None
    assert pan.day.hanja == "庚辰"


async def test_a_lunar_birth_is_the_solar_one_of_the_same_day(provider: Calendar) -> None:
    solar = await provider.calculate(birth())
    lunar = await provider.calculate(birth(birthDate="1990-04-21", isLunar=True))
    assert lunar.saju_pan == solar.saju_pan


@pytest.mark.parametrize(
    ("solar", "lunar", "leap"),
    [
        ("2024-02-10", "2024-01-01", False),
        ("1990-05-15", "1990-04-21", False),
        ("2017-06-24", "2017-05-01", True),
        ("2023-03-22", "2023-02-01", True),
    ],
)
async def test_a_day_in_both_calendars(provider: Calendar, solar: str, lunar: str, leap: bool) -> None:
    there = await provider.convert(solar)
    said = there.lunar
    assert (f"{said.year:04}-{said.month:02}-{said.day:02}", said.is_leap_month) == (lunar, leap)
    assert await provider.convert(lunar, is_lunar=True, is_leap_month=leap) == there


async def test_the_terms_of_a_year(provider: Calendar) -> None:
    terms = (await provider.solar_terms(2024)).terms
    assert [term.index for term in terms] == list(range(24))
    assert [term.longitude for term in terms] == [(285 + 15 * index) % 360 for index in range(24)]
    assert [term.utc for term in terms] == sorted(term.utc for term in terms)
    assert terms[2].kst.startswith("2024-02-04T17:27")  # 입춘, as the almanac of KASI prints it


async def test_the_days_of_a_month_follow_each_other(provider: Calendar) -> None:
    days = (await provider.calendar(2024, 2)).days
    assert [day.date for day in days] == [f"2024-02-{number:02}" for number in range(1, 30)]
    pillars = [day.day_pillar.ganji for day in days]
    assert pillars == [(pillars[0] + number) % 60 for number in range(29)]
    assert [day.term.name_ko for day in days if day.term] == ["입춘", "우수"]


async def test_a_batch_says_what_single_births_say(provider: Calendar) -> None:
    columns = {
        "birthDate": ["1990-05-15", "1990-02-30", "1990-05-15"],
        "birthTime": ["14:30", "14:30", None],
        "gender": ["male", "male", "male"],
    }
    rows = await provider.calculate_batch(TypeAdapter(BirthColumns).validate_python(columns))
    chart = await provider.calculate(birth())
    pan = chart.saju_pan
    assert pan.hour is not None
    assert rows.day == (pan.day.ganji, None, pan.day.ganji)
    assert rows.hour == (pan.hour.ganji, None, None)
    assert rows.daeun_start_age[0] == chart.daeun.start_age
    assert [(error.index, error.field) for error in rows.errors] == [(1, "birthDate")]


async def test_two_charts_side_by_side(provider: Calendar) -> None:
    other = birth(birthDate="1992-03-01", gender="female")
    both = await provider.compatibility(birth(), other)
    assert both.first == (await provider.calculate(birth())).saju_pan
    assert both.second == (await provider.calculate(other)).saju_pan


async def test_a_day_is_that_of_the_almanac(provider: Calendar) -> None:
    fortune = await provider.daily(birth(), "2024-02-10")
    day = (await provider.calendar(2024, 2)).days[9]
    assert (fortune.date, fortune.day_pillar) == (day.date, day.day_pillar)


@pytest.mark.parametrize(
    ("changes", "failure", "field"),
    [
        ({"birthDate": "1900-02-29"}, NoSuchDate, "birthDate"),
        ({"birthDate": "1990-01-30", "isLunar": True}, NoSuchLunarDay, "birthDate"),
        ({"birthDate": "1990-04-10", "isLunar": True, "isLeapMonth": True}, NoSuchLeapMonth, "isLeapMonth"),
        ({"birthDate": "1988-05-08", "birthTime": "02:30"}, NoSuchTime, "birthTime"),
        ({"location": {"longitude": 127, "timezone": "Asia/Soul"}}, UnknownTimezone, "location.timezone"),
    ],
)
async def test_what_is_wrong_is_declared_and_named(
    provider: Calendar, changes: dict[str, object], failure: type[Failure], field: str
) -> None:
    with pytest.raises(failure) as caught:
        await provider.calculate(birth(**changes))
    assert caught.value.field == field
