"""Overrides by ``--set`` and by environment variables."""

from __future__ import annotations

import datetime
import tomllib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cubekit.ground.diagnostics import CubekitError, Place
from cubekit.ground.settings import Override, apply_overrides, environment_overrides, parse_override

DOCUMENT = tomllib.loads(
    """
    [service]
    name = "saju"
    expose = ["rest"]
    [cubes.saju-one.config]
    birthPlace = "Seoul"
    [ambiguous]
    a-b = 1
    a_b = 2
    """
)


@pytest.mark.parametrize(
    ("text", "keys", "value"),
    [
        ("http.port=9000", ("http", "port"), 9000),
        ("cubes.saju.config.longitude=127.5", ("cubes", "saju", "config", "longitude"), 127.5),
        ("a = true", ("a",), True),
        ('a="true"', ("a",), "true"),
        ("a=Seoul", ("a",), "Seoul"),
        ("a=", ("a",), ""),
        ("a=b=c", ("a",), "b=c"),
        ("a=pass#word", ("a",), "pass#word"),
        ("a=1 # one", ("a",), "1 # one"),
        ("a=1, b = 2", ("a",), "1, b = 2"),
        ("a=1\nb=2", ("a",), "1\nb=2"),
        ("a=1}\nx={value=2", ("a",), "1}\nx={value=2"),
        ("a=[1, 2]", ("a",), [1, 2]),
        ("a={ b = 1, c.d = 'x' }", ("a",), {"b": 1, "c": {"d": "x"}}),
        ("a=2026-01-02", ("a",), datetime.date(2026, 1, 2)),
        ("a=127.0.0.1", ("a",), "127.0.0.1"),
        ("a=" + "[" * 9999, ("a",), "[" * 9999),
        ("a=" + "1" * 9999, ("a",), "1" * 9999),
        ('a."b.c=d".e=1', ("a", "b.c=d", "e"), 1),
        (r'"a\"=\\"=1', ('a"=\\',), 1),
        ("'a=\\'=1", ("a=\\",), 1),
        ("a . b = 1", ("a", "b"), 1),
    ],
)
def test_set_takes_a_dotted_key_and_a_toml_value_or_a_string(text: str, keys: tuple[str, ...], value: Any) -> None:
    override = parse_override(text)
    assert (override.keys, override.value) == (keys, value)


def test_the_place_of_a_setting_does_not_hold_its_value() -> None:
    assert parse_override("cubes.saju.config.key=hunter2").place == Place("--set cubes.saju.config.key")


@pytest.mark.parametrize("text", ["", "a", "=1", "a.=1", ".a=1", "a b=1", "[a]=1", "# a=1", "a\nb=1", '"a=1', "a..b=1"])
def test_what_is_no_setting_is_refused(text: str) -> None:
    with pytest.raises(CubekitError, match="CK106") as caught:
        parse_override(text)
    (problem,) = caught.value.diagnostics
    assert problem.needed == "KEY=VALUE, such as --set http.port=9000"
    assert problem.place is not None
    assert problem.place.source.startswith("--set")


@given(st.text())
def test_any_text_is_a_setting_or_refused(text: str) -> None:
    try:
        found = len(parse_override(text).keys)
    except CubekitError as error:
        found = len(error.diagnostics)
    assert found > 0


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_a_value_never_becomes_more_than_one_key(text: str) -> None:
    override = parse_override(f"a.b={text}")
    document: dict[str, Any] = {}
    apply_overrides(document, [override])
    assert document == {"a": {"b": override.value}}


def test_environment_names_match_the_keys_of_the_document() -> None:
    environ = {
        "CUBEKIT__CUBES__SAJU_ONE__CONFIG__BIRTHPLACE": "Busan",
        "CUBEKIT__HTTP__MAX_BODY": "1024",
        "CUBEKIT__service__name": "other",
        "CUBEKIT_CACHE_DIR": "/somewhere",
        "CUBEKIT": "x",
        "HOME": "/home",
    }
    assert environment_overrides(environ, DOCUMENT) == (
        Override(
            ("cubes", "saju-one", "config", "birthPlace"),
            "Busan",
            Place("environment CUBEKIT__CUBES__SAJU_ONE__CONFIG__BIRTHPLACE"),
            "Busan",
        ),
        Override(("http", "max_body"), 1024, Place("environment CUBEKIT__HTTP__MAX_BODY"), "1024"),
        Override(("service", "name"), "other", Place("environment CUBEKIT__service__name"), "other"),
    )


def test_bad_environment_names_are_reported_together() -> None:
    environ = {"CUBEKIT__": "1", "CUBEKIT__A____B": "1", "CUBEKIT__AMBIGUOUS__A_B": "1", "CUBEKIT__FINE": "1"}
    with pytest.raises(CubekitError) as caught:
        environment_overrides(environ, DOCUMENT)
    problems = caught.value.diagnostics
    assert [(problem.code, str(problem.place)) for problem in problems] == [
        ("CK106", "environment CUBEKIT__"),
        ("CK106", "environment CUBEKIT__AMBIGUOUS__A_B"),
        ("CK106", "environment CUBEKIT__A____B"),
    ]
    assert "any of: a-b, a_b" in problems[1].message
    assert all(problem.fix for problem in problems)


def test_overrides_set_values_in_order_and_create_tables() -> None:
    document: dict[str, Any] = {"http": {"port": 8000, "host": "::1"}}
    overrides = [parse_override(text) for text in ("http.port=1", "http.port=2", "a.b={ c = [10] }", "a.b.d=3")]
    places = apply_overrides(document, overrides)
    assert document == {"http": {"port": 2, "host": "::1"}, "a": {"b": {"c": [10], "d": 3}}}
    assert {keys: place.source for keys, place in places.items()} == {
        ("http", "port"): "--set http.port",
        ("a",): "--set a.b",
        ("a", "b"): "--set a.b",
        ("a", "b", "c"): "--set a.b",
        ("a", "b", "c", 0): "--set a.b",
        ("a", "b", "d"): "--set a.b.d",
    }
    assert overrides[2].value == {"c": [10]}, "the override itself is not changed"


def test_an_override_through_something_that_is_no_table_is_refused_and_the_others_are_set() -> None:
    document: dict[str, Any] = {"service": {"expose": ["rest"]}}
    overrides = [parse_override(text) for text in ("service.expose.0=sse", "service.name=x", "service.name.y=1")]
    with pytest.raises(CubekitError) as caught:
        apply_overrides(document, overrides)
    assert [problem.message for problem in caught.value.diagnostics] == [
        '"service.expose.0" cannot be set, because "service.expose" is no table',
        '"service.name.y" cannot be set, because "service.name" is no table',
    ]
    assert all(problem.code == "CK106" and problem.fix for problem in caught.value.diagnostics)
    assert document == {"service": {"expose": ["rest"], "name": "x"}}
