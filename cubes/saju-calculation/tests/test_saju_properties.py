"""Algebra of the cycles, and that conversions undo each other."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import cubekit_saju
from cubekit_saju import _calendar_math, _daeun, _lunar, _pillars, _relations, _solar_terms

instants = st.integers(-2_208_988_800, 4_133_980_800)  # 1900 to 2100
births = st.tuples(st.dates(date(1900, 1, 1), date(2100, 12, 31)), st.integers(0, 23), st.integers(0, 59))


@given(st.dates(date(1, 1, 1), date(9999, 12, 31)))
def test_days_and_dates(day: date) -> None:
    days = _calendar_math.days_from_civil(day.year, day.month, day.day)
    assert days == day.toordinal() - date(1970, 1, 1).toordinal()
    assert _calendar_math.civil_from_days(days) == (day.year, day.month, day.day)


@given(st.integers(_lunar.FIRST_LUNAR_JDN, _lunar.LAST_LUNAR_JDN))
def test_lunar_and_back(jdn: int) -> None:
    assert _lunar.jdn_from_lunar(*_lunar.lunar_from_jdn(jdn)) == jdn


@given(st.integers(0, 59))
def test_pillar_index(index: int) -> None:
    assert _relations.pillar_index(index % 10, index % 12) == index


@given(instants, instants, st.integers(0, 2))
def test_pillars_advance_in_step(reference: int, local: int, zi: int) -> None:
    packed = _pillars.four_pillars(reference, local, zi)
    year, month, day, hour = (packed >> shift & 63 for shift in (0, 6, 12, 18))
    assert max(year, month, day, hour) < 60
    assert month % 5 == (year * 12 + (month % 12 - 2) % 12 + 2) % 5 or month % 12 < 2
    tomorrow = _pillars.four_pillars(reference, local + 86_400, zi)
    assert tomorrow >> 12 & 63 == (day + 1) % 60
    assert tomorrow >> 18 & 63 == (hour + 12) % 60
    assert tomorrow & 4_095 == packed & 4_095


@given(st.integers(1, 2_400))
def test_months_follow_each_other(jeol: int) -> None:
    before, after = (_pillars.four_pillars(_solar_terms.jeol_instant(jeol) - late, 0, 0) for late in (1, 0))
    assert after >> 6 & 63 == ((before >> 6 & 63) + 1) % 60
    assert after & 63 == ((before & 63) + (jeol % 12 == 1)) % 60


@given(instants, instants)
def test_lookup_is_monotonic(one: int, other: int) -> None:
    early, late = sorted((one, other))
    assert _solar_terms.jeol_at(early) <= _solar_terms.jeol_at(late)
    assert _solar_terms.jeol_instant(_solar_terms.jeol_at(one)) <= one


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
    pan = cubekit_saju.calculate(cubekit_saju.Birth(*moment, male=True)).saju_pan
    assert pan.hour is not None
    assert names == (pan.year.hanja, pan.month.hanja, pan.day.hanja, pan.hour.hanja)


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
    daeun = chart.daeun
    assert 0 <= daeun.start_age_exact < 10.7
    assert abs(daeun.start_age - daeun.start_age_exact) <= 1
    step = 1 if daeun.forward else -1
    assert [p.ganji for p in daeun.list] == [(chart.saju_pan.month.ganji + step * (i + 1)) % 60 for i in range(10)]
    assert [p.start_date for p in daeun.list] == sorted(p.start_date for p in daeun.list)
    assert daeun.forward == ((chart.saju_pan.year.ganji % 2 == 0) == male)


@given(st.integers(0, 11 * 86_400 * 3))
def test_rounding_rules(distance: int) -> None:
    assert _daeun.rounded_age(distance, "floor") == distance // 259_200
    assert abs(_daeun.rounded_age(distance, "round") - max(1, distance / 259_200)) <= 0.5


@given(st.integers(0, 9), st.integers(0, 9))
def test_ten_gods(day: int, stem: int) -> None:
    god = _relations.ten_god(day, stem)
    assert god // 2 == (stem // 2 - day // 2) % 5
    assert (god % 2 == 0) == (day % 2 == stem % 2)
    assert len({_relations.ten_god(day, other) for other in range(10)}) == 10


@given(st.integers(0, 9))
def test_stages_cover_all_branches(stem: int) -> None:
    stages = [_relations.stage(stem, branch) for branch in range(12)]
    assert sorted(stages) == list(range(12))
    assert (stages[1] - stages[0]) % 12 == (1 if stem % 2 == 0 else 11)


@given(st.integers(0, 59))
def test_void_branches_are_those_the_decade_leaves_out(pillar: int) -> None:
    decade = range(pillar // 10 * 10, pillar // 10 * 10 + 10)
    assert set(_relations.void_branches(pillar)) == set(range(12)) - {index % 12 for index in decade}
