"""Algebra of the cycles, and that conversions undo each other."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import cubekit_saju
from cubekit_saju._analysis import elements, luck, pillars
from cubekit_saju._calendar import days as calendar_days
from cubekit_saju._calendar import lunar, terms

instants = st.integers(-11_676_096_000, 13_601_087_999)  # 1600 to 2400
births = st.tuples(st.dates(date(1600, 1, 1), date(2400, 12, 31)), st.integers(0, 23), st.integers(0, 59))


@given(st.dates(date(1, 1, 1), date(9999, 12, 31)))
def test_days_and_dates(day: date) -> None:
    days = calendar_days.days_from_civil(day.year, day.month, day.day)
    assert days == day.toordinal() - date(1970, 1, 1).toordinal()
    assert calendar_days.civil_from_days(days) == (day.year, day.month, day.day)


@given(st.integers(lunar.FIRST_LUNAR_JDN, lunar.LAST_LUNAR_JDN))
def test_lunar_and_back(jdn: int) -> None:
    assert lunar.jdn_from_lunar(*lunar.lunar_from_jdn(jdn)) == jdn


@given(st.integers(0, 9_600), instants, st.integers(0, 2))
def test_pillars_advance_in_step(jeol: int, local: int, zi: int) -> None:
    packed = pillars.packed_pillars(jeol, local, zi)
    year, month, day, hour = (packed >> shift & 63 for shift in (0, 6, 12, 18))
    assert max(year, month, day, hour) < 60
    assert month % 12 == (jeol + 1) % 12  # the table begins with the month of 丑
    assert month % 10 == (year % 5 * 2 + 2 + (month % 12 - 2) % 12) % 10
    tomorrow = pillars.packed_pillars(jeol, local + 86_400, zi)
    assert tomorrow >> 12 & 63 == (day + 1) % 60
    assert tomorrow >> 18 & 63 == (hour + 12) % 60
    assert tomorrow & 4_095 == packed & 4_095


@given(st.integers(1, 9_600))
def test_months_follow_each_other(jeol: int) -> None:
    before, after = (pillars.packed_pillars(number, 0, 0) for number in (jeol - 1, jeol))
    assert after >> 6 & 63 == ((before >> 6 & 63) + 1) % 60
    assert after & 63 == ((before & 63) + (jeol % 12 == 1)) % 60
    assert pillars.saju_year_of(jeol) % 60 == ((after & 63) + 4) % 60


@given(instants, instants, st.sampled_from([terms.JEOL, terms.JEOL_MINUTES]))
def test_lookup_is_monotonic(one: int, other: int, jeol: list[int]) -> None:
    early, late = sorted((one, other))
    assert terms.jeol_at(early, jeol) <= terms.jeol_at(late, jeol)
    assert jeol[terms.jeol_at(one, jeol)] <= one < jeol[terms.jeol_at(one, jeol) + 1]


@given(st.integers(-1_000_000, 1_000_000))
def test_julian_days_and_dates(days: int) -> None:
    year, month, day = calendar_days.julian_from_days(days)
    assert calendar_days.days_from_julian(year, month, day) == days
    assert 1 <= day <= calendar_days.days_in_julian_month(year, month)
    assert calendar_days.days_from_historic(*calendar_days.historic_from_days(days)) == days


@given(births)
@settings(max_examples=200)
def test_fast_path_is_the_chart(birth: tuple[date, int, int]) -> None:
    day, hour, minute = birth
    moment = (day.year, day.month, day.day, hour, minute)
    try:
        names = cubekit_saju.ganji_names(cubekit_saju.korean_pillars(*moment))
    except cubekit_saju.NoSuchTime:
        with pytest.raises(cubekit_saju.NoSuchTime):
            cubekit_saju.calculate(cubekit_saju.Birth(*moment, male=True))
        return
    pan = cubekit_saju.calculate(cubekit_saju.Birth(*moment, male=True))["sajuPan"]
    assert pan["hour"] is not None
    assert names == (pan["year"]["hanja"], pan["month"]["hanja"], pan["day"]["hanja"], pan["hour"]["hanja"])


@given(births, st.booleans(), st.sampled_from(["round", "intDaysRem2Up", "floor"]))
@settings(max_examples=200)
def test_daeun(birth: tuple[date, int, int], male: bool, rounding: Any) -> None:
    day, hour, minute = birth
    options = cubekit_saju.Options(daeun_rounding=rounding)
    try:
        chart = cubekit_saju.calculate(
            cubekit_saju.Birth(day.year, day.month, day.day, hour, minute, male=male, options=options)
        )
    except cubekit_saju.NoSuchTime:
        return
    daeun = chart["daeun"]
    assert 0 <= daeun["startAgeExact"] < 10.7
    assert abs(daeun["startAge"] - daeun["startAgeExact"]) <= 1
    step = 1 if daeun["forward"] else -1
    assert [p["ganji"] for p in daeun["list"]] == [
        (chart["sajuPan"]["month"]["ganji"] + step * (i + 1)) % 60 for i in range(10)
    ]
    assert [p["startDate"] for p in daeun["list"]] == sorted(p["startDate"] for p in daeun["list"])
    assert daeun["forward"] == ((chart["sajuPan"]["year"]["ganji"] % 2 == 0) == male)


@given(st.integers(0, 11 * 86_400 * 3))
def test_rounding_rules(distance: int) -> None:
    assert luck.rounded_age(distance, luck.FLOOR) == distance // 259_200
    assert abs(int(luck.rounded_age(distance, luck.ROUND)) - max(1, distance / 259_200)) <= 0.5
    days = distance // 86_400
    assert luck.rounded_age(distance, luck.INT_DAYS_REM2_UP) == days // 3 + (days % 3 == 2)


@given(st.integers(0, 9), st.integers(0, 9))
def test_ten_gods(day: int, stem: int) -> None:
    god = elements.ten_god(day, stem)
    assert god // 2 == (stem // 2 - day // 2) % 5
    assert (god % 2 == 0) == (day % 2 == stem % 2)
    assert len({elements.ten_god(day, other) for other in range(10)}) == 10


@given(st.integers(0, 9))
def test_stages_cover_all_branches(stem: int) -> None:
    stages = [elements.stage(stem, branch) for branch in range(12)]
    assert sorted(stages) == list(range(12))
    assert (stages[1] - stages[0]) % 12 == (1 if stem % 2 == 0 else 11)


@given(st.integers(0, 59))
def test_void_branches_are_those_the_decade_leaves_out(pillar: int) -> None:
    decade = range(pillar // 10 * 10, pillar // 10 * 10 + 10)
    assert set(elements.void_branches(pillar)) == set(range(12)) - {index % 12 for index in decade}
