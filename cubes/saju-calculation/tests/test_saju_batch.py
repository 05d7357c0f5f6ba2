"""Many births at once: the same as one by one, and no birth that is wrong fails another."""

from __future__ import annotations

import random
from typing import Any

import anyio
import pytest
from pydantic import ValidationError
from saju_contract import Birth, BirthColumns, Chart, PillarColumns, UnknownTimezone

import cubekit_saju
from cubekit_saju.cube import Config, Saju


class Surroundings:
    """As much of a runtime as a calculation needs."""

    config = Config()


def batch(**columns: Any) -> PillarColumns:
    surroundings: Any = Surroundings()
    return anyio.run(Saju._create(surroundings, {}).calculate_batch, BirthColumns.model_validate(columns))


def single(**request: Any) -> Chart:
    surroundings: Any = Surroundings()
    birth = Birth.model_validate({"gender": "male", **request})
    return anyio.run(Saju._create(surroundings, {}).calculate, birth)


def moments(number: int) -> list[tuple[int, int, int, int, int]]:
    chance = random.Random(5)
    return [
        (chance.randint(1600, 2400), chance.randint(1, 12), chance.randint(1, 28), chance.randint(0, 23), 30)
        for _ in range(number)
    ]


def test_bare_pillars(library: Any) -> None:
    births = moments(500)
    columns = [list(column) for column in zip(*births, strict=True)]
    found = library.korean_pillars_batch(*columns, 129.07, library.ZI23)
    assert found == [library.korean_pillars(*birth, 129.07, library.ZI23) for birth in births]


def test_bare_pillars_refuse(library: Any) -> None:
    with pytest.raises(library.NoSuchDate, match="1990-02-30"):
        library.korean_pillars_batch([1990, 1990], [1, 2], [1, 30], [0, 0], [0, 0])
    with pytest.raises(ValueError, match="equally long"):
        library.korean_pillars_batch([1990, 1990], [1], [1], [0], [0])


def test_as_one_by_one() -> None:
    births = moments(300)
    male = [index % 2 == 0 for index in range(len(births))]
    found = batch(
        birthDate=[f"{year}-{month:02}-{day:02}" for year, month, day, _, _ in births],
        birthTime=[f"{hour:02}:{minute:02}" for _, _, _, hour, minute in births],
        gender=["male" if one else "female" for one in male],
        options={"daeunRounding": "floor", "ageBasis": "seneun"},
    )
    options = cubekit_saju.Options(daeun_rounding="floor", age_basis="seneun")
    for index, birth in enumerate(births):
        chart = cubekit_saju.calculate(cubekit_saju.Birth(*birth, male=male[index], options=options))
        pan, daeun = chart["sajuPan"], chart["daeun"]
        assert pan["hour"] is not None
        assert [pan["year"]["ganji"], pan["month"]["ganji"], pan["day"]["ganji"], pan["hour"]["ganji"]] == [
            column[index] for column in (found.year, found.month, found.day, found.hour)
        ]
        assert (daeun["forward"], daeun["startAge"]) == (found.daeun_forward[index], found.daeun_start_age[index])
    assert found.errors == ()


def test_wrong_births_are_named_and_harm_nobody() -> None:
    found = batch(
        birthDate=["1990-05-15", "1990-02-30", "15.5.1990", "1990-05-15", "2017-05-01", "1990-05-15", "1990-05-15"],
        birthTime=["14:30", "14:30", "14:30", "24:00", None, "14:30", "14:3x"],
        gender=["male"] * 7,
        isLunar=[False, False, False, False, True, False, False],
        isLeapMonth=[False, False, False, False, True, True, False],
    )
    assert found.year == (6, None, None, None, 33, None, None)
    assert found.hour == (19, None, None, None, None, None, None)
    assert [(error.index, error.field) for error in found.errors] == [
        (1, "birthDate"),
        (2, "birthDate"),
        (3, "birthTime"),
        (5, "isLeapMonth"),
        (6, "birthTime"),
    ]
    assert "YYYY-MM-DD" in found.errors[1].message


def test_places() -> None:
    rows: dict[str, Any] = {"birthDate": ["1990-05-15"] * 2, "birthTime": ["12:50"] * 2, "gender": ["male"] * 2}
    assert batch(**rows, longitude=[126.978, 140.0]).hour == (18, 19)
    assert batch(**rows, longitude=[-74.0, -74.0], timezone="America/New_York").errors == ()
    assert batch(**rows, longitude=[-176.55, 179.0], timezone="Pacific/Chatham").day == (16, 16)


def test_conventions_and_warnings_are_those_of_the_charts() -> None:
    dates, times = ["1990-05-15", "1990-05-15", "1988-10-09", "2024-02-04"], ["14:30", None, "02:30", "17:27"]
    rows: dict[str, Any] = {"birthDate": dates, "birthTime": times, "gender": ["male"] * 4}
    found = batch(**rows, options={"ziHour": "zi23"})
    charts = [
        single(birthDate=date, birthTime=time, options={"ziHour": "zi23"})
        for date, time in zip(dates, times, strict=True)
    ]
    assert found.conventions == charts[0].conventions
    assert [(warning.index, warning.code) for warning in found.warnings] == [
        (index, warning.code) for index, chart in enumerate(charts) for warning in chart.warnings
    ]
    assert {warning.code for warning in found.warnings} == {"unknownTime", "ambiguousTime", "boundaryWarning"}
    assert batch(**rows, longitude=[127.0] * 4).conventions.longitude is None


def test_unknown_zone() -> None:
    rows: dict[str, Any] = {"birthDate": ["1990-05-15"], "birthTime": ["12:50"], "gender": ["male"]}
    with pytest.raises(UnknownTimezone, match="there is Asia/Seoul") as caught:
        batch(**rows, timezone="Asia/Soul")
    assert caught.value.field == "timezone"


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"birthTime": ["14:30"]}, "birthTime has 1 rows and birthDate has 2"),
        ({"gender": ["male", "x"]}, "'male' or 'female'"),
        ({"isLunar": [True]}, "isLunar has 1 rows"),
        ({"longitude": [0.0, float("nan")]}, "finite number"),
        ({"birthDate": []}, "at least 1 item"),
        ({"birthDate": ["1990-05-15"] * 100_001}, "at most 100000 items"),
    ],
)
def test_malformed_columns(changes: dict[str, Any], text: str) -> None:
    columns = {"birthDate": ["1990-05-15"] * 2, "birthTime": ["14:30"] * 2, "gender": ["male"] * 2, **changes}
    with pytest.raises(ValidationError, match=text):
        BirthColumns.model_validate(columns)
