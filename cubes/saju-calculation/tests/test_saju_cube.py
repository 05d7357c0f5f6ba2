"""The cube: request and result in their public form, defaults, declared errors."""

from __future__ import annotations

import json
from typing import Any

import anyio
import pytest
import saju_contract
from cubekit import Invalid
from cubekit.authoring.contracts import contract_of
from pydantic import ValidationError
from saju_contract import Birth, Calendar, Chart

import cubekit_saju
from cubekit_saju.cube import Config, Saju

REQUEST = {"birthDate": "1990-05-15", "birthTime": "14:30", "isLunar": False, "isLeapMonth": False, "gender": "male"}


class Surroundings:
    """As much of a runtime as a calculation needs."""

    def __init__(self, config: Config) -> None:
        self.config = config


def calculate(config: Config | None = None, **changes: Any) -> Chart:
    surroundings: Any = Surroundings(config or Config())
    cube = Saju._create(surroundings, {})
    return anyio.run(cube.calculate, Birth.model_validate(REQUEST | changes))


def test_result_in_json() -> None:
    data = json.loads(calculate().model_dump_json(by_alias=True))
    assert data["sajuPan"] == {
        "year": {"cheon": "경", "ji": "오", "hanja": "庚午", "ganji": 6},
        "month": {"cheon": "신", "ji": "사", "hanja": "辛巳", "ganji": 17},
        "day": {"cheon": "경", "ji": "진", "hanja": "庚辰", "ganji": 16},
        "hour": {"cheon": "계", "ji": "미", "hanja": "癸未", "ganji": 19},
    }
    assert data["sipsin"]["day"] == {"cheon": "일간", "ji": "편인"}
    assert data["daeun"]["startAgeExact"] == 7.2399
    assert data["daeun"]["list"][0]["sipsin"] == {"cheon": "식신", "ji": "정관"}
    assert data["conventions"]["ziHour"] == "split"
    assert data["version"] == cubekit_saju.__version__
    assert set(data) == {
        "sajuPan", "wuxing", "wuxingWeighted", "sipsin", "jijanggan", "saryeong", "sibiunseong", "gongmang", "hapchung",
        "sinsal", "gyeokguk", "oegyeok", "strength", "yongsin", "daeun", "seun", "wolun", "time", "jeolgi",
        "conventions", "warnings", "version",
    }  # fmt: skip


def test_result_survives_the_way_through_json() -> None:
    chart = calculate(birthTime=None)
    assert Chart.model_validate_json(chart.model_dump_json(by_alias=True)) == chart
    assert chart.saju_pan.hour is None


def test_configured_longitude_stands_in_for_a_missing_location() -> None:
    assert calculate(Config(longitude=129.07)).conventions.longitude == 129.07
    place = {"latitude": 33.5, "longitude": 126.53}
    assert calculate(Config(longitude=129.07), location=place).conventions.longitude == 126.53


def test_other_zone() -> None:
    chart = calculate(location={"longitude": -74.0, "timezone": "America/New_York"})
    assert chart.time.offset == -14_400


@pytest.mark.parametrize("longitude", [-181, 180.5, float("nan"), "east"])
def test_configured_longitude_is_checked(longitude: Any) -> None:
    with pytest.raises(ValidationError):
        Config(longitude=longitude)


@pytest.mark.parametrize(
    ("changes", "error", "field"),
    [
        ({"birthDate": "1900-02-29"}, saju_contract.NoSuchDate, "birthDate"),
        ({"birthDate": "1990-13-01"}, saju_contract.NoSuchMonth, "birthDate"),
        (
            {"birthDate": "2011-12-30", "location": {"longitude": -171.8, "timezone": "Pacific/Apia"}},
            saju_contract.SkippedDay,
            "birthDate",
        ),
        (
            {"birthDate": "2018-04-10", "isLunar": True, "isLeapMonth": True},
            saju_contract.NoLeapMonth,
            "isLeapMonth",
        ),
        ({"birthDate": "999999-01-01"}, saju_contract.DateOutOfRange, "birthDate"),
        ({"birthDate": "1300-01-01", "isLunar": True}, saju_contract.LunarDateOutOfRange, "birthDate"),
        ({"birthDate": "1990-01-30", "isLunar": True}, saju_contract.NoSuchLunarDay, "birthDate"),
        (
            {"birthDate": "1990-04-10", "isLunar": True, "isLeapMonth": True},
            saju_contract.NoSuchLeapMonth,
            "isLeapMonth",
        ),
        ({"isLeapMonth": True}, saju_contract.LeapMonthOfSolarDate, "isLeapMonth"),
        ({"birthDate": "1988-05-08", "birthTime": "02:30"}, saju_contract.NoSuchTime, "birthTime"),
        ({"location": {"longitude": 127, "timezone": "Asia/Soul"}}, saju_contract.UnknownTimezone, "location.timezone"),
    ],
)
def test_declared_errors(changes: dict[str, Any], error: type[Invalid], field: str) -> None:
    with pytest.raises(error) as caught:
        calculate(**changes)
    assert caught.value.field == field
    assert str(caught.value) == str(caught.value.__cause__)
    assert "{" not in caught.value.localized("ko")
    declared = contract_of(Calendar)
    assert declared is not None
    assert error in declared.errors


def test_a_date_that_was_left_out() -> None:
    surroundings: Any = Surroundings(Config())
    cube = Saju._create(surroundings, {})
    with pytest.raises(saju_contract.LeftOutDate) as caught:
        anyio.run(cube.convert, "1582-10-10")
    assert caught.value.field == "date"
    assert "1582년" in caught.value.localized("ko")


@pytest.mark.parametrize(
    ("changes", "place"),
    [
        ({"birthDate": "1990-5-15"}, ("birthDate",)),
        ({"birthDate": " 1990-05-15"}, ("birthDate",)),
        ({"birthDate": "1990-05-15\n"}, ("birthDate",)),
        ({"birthDate": "١٩٩٠-05-15"}, ("birthDate",)),
        ({"birthDate": "1990/05/15"}, ("birthDate",)),
        ({"birthDate": "-990-05-15"}, ("birthDate",)),
        ({"birthDate": "0199000-05-15"}, ("birthDate",)),
        ({"birthDate": ""}, ("birthDate",)),
        ({"birthDate": 19_900_515}, ("birthDate",)),
        ({"birthDate": None}, ("birthDate",)),
        ({"birthTime": "24:00"}, ("birthTime",)),
        ({"birthTime": "14:60"}, ("birthTime",)),
        ({"birthTime": "2:30"}, ("birthTime",)),
        ({"birthTime": "14:30:00"}, ("birthTime",)),
        ({"birthTime": ""}, ("birthTime",)),
        ({"birthTime": "١٤:30"}, ("birthTime",)),
        ({"gender": "m"}, ("gender",)),
        ({"isLunar": "yes"}, ("isLunar",)),
        ({"location": {"longitude": 181}}, ("location", "longitude")),
        ({"location": {"longitude": float("nan")}}, ("location", "longitude")),
        ({"location": {"longitude": "127"}}, ("location", "longitude")),
        ({"location": {}}, ("location", "longitude")),
        ({"location": {"longitude": 127, "latitude": 91}}, ("location", "latitude")),
        ({"options": {"clock": "sundial"}}, ("options", "clock")),
        ({"options": {"fold": 2}}, ("options", "fold")),
    ],
)
def test_malformed_input_names_its_place(changes: dict[str, Any], place: tuple[str, ...]) -> None:
    with pytest.raises(ValidationError) as caught:
        Birth.model_validate(REQUEST | changes)
    assert [error["loc"] for error in caught.value.errors()] == [place]


def test_form_of_dates_is_in_the_schema() -> None:
    schema = Birth.model_json_schema(by_alias=True)["properties"]
    assert schema["birthDate"]["pattern"].startswith("^")
    assert "gender" in Birth.model_json_schema(by_alias=True)["required"]


def test_contract_surface_is_exact() -> None:
    modules = {"annotations"}
    public = {name for name in vars(saju_contract) if not name.startswith("_")} - modules
    assert public == set(saju_contract.__all__)


def test_options_of_contract_and_library_are_the_same() -> None:
    assert set(saju_contract.Options.model_fields) == set(cubekit_saju.Options.__dataclass_fields__)


def test_pure_python_is_said_in_the_log(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    import logging

    surroundings: Any = Surroundings(Config())
    surroundings.log = logging.getLogger("cubekit.cube.saju")
    cube = Saju._create(surroundings, {})
    monkeypatch.setattr(cubekit_saju, "compiled", False)
    anyio.run(cube.start)
    assert "pure Python" in caplog.text
