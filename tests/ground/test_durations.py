"""Durations, sizes and rates as people write them."""

from __future__ import annotations

import math
from typing import Any

import pytest

from cubekit.ground.durations import format_duration, parse_duration, parse_rate, parse_size


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        (30, 30.0),
        (0.5, 0.5),
        ("30", 30.0),
        ("500ms", 0.5),
        ("1.5s", 1.5),
        ("5m", 300.0),
        (" 5 min ", 300.0),
        ("24h", 86400.0),
        ("7d", 604800.0),
    ],
)
def test_durations_are_seconds(value: float | str, seconds: float) -> None:
    assert parse_duration(value) == seconds


@pytest.mark.parametrize(
    "value",
    [
        0,
        "0s",
        -1,
        "-1s",
        True,
        "",
        "s",
        "5 parsecs",
        "5M",
        "1e3",
        "٣s",
        "1s 2ms",
        math.nan,
        math.inf,
        10**400,
        "9" * 400,
    ],
)
def test_what_is_no_duration_is_refused(value: Any) -> None:
    with pytest.raises(ValueError, match="duration"):
        parse_duration(value)


@pytest.mark.parametrize(
    ("value", "size"),
    [(0, 0), (1024, 1024), ("10", 10), ("512KiB", 524288), ("2MiB", 2097152), ("1.5 GiB", 1610612736), ("1MB", 10**6)],
)
def test_sizes_are_bytes(value: int | str, size: int) -> None:
    assert parse_size(value) == size


@pytest.mark.parametrize("value", [-1, True, "", "GiB", "2gib", "1TiB", math.inf, math.nan, 10**400, "9" * 400])
def test_what_is_no_size_is_refused(value: Any) -> None:
    with pytest.raises(ValueError, match="a size"):
        parse_size(value)


@pytest.mark.parametrize(
    ("value", "rate"),
    [
        ("100/min", (100, 60.0)),
        ("5/10s", (5, 10.0)),
        (" 1 / h ", (1, 3600.0)),
        ("2/0.5s", (2, 0.5)),
        ("3/d", (3, 86400.0)),
    ],
)
def test_rates_are_calls_and_seconds(value: str, rate: tuple[int, float]) -> None:
    assert parse_rate(value) == rate


@pytest.mark.parametrize(
    "value", ["", "100", "100/", "/s", "0/s", "-1/s", "1.5/s", "5/x", "5/10", "5//s", "٣/s", "9" * 5000 + "/s"]
)
def test_what_is_no_rate_is_refused(value: str) -> None:
    with pytest.raises(ValueError, match="expected a rate"):
        parse_rate(value)


def test_a_rate_within_no_time_is_refused() -> None:
    with pytest.raises(ValueError, match="greater than zero"):
        parse_rate("5/0s")


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.0004, "0.4 ms"),
        (0.25, "250 ms"),
        (0.9996, "1 s"),
        (1.5, "1.5 s"),
        (119, "119 s"),
        (120, "2 min"),
        (5400, "90 min"),
        (7200, "2 h"),
        (86400, "24 h"),
        (604800, "7 d"),
        (86400 * 12345.5, "12345.5 d"),
    ],
)
def test_durations_are_written_for_people(seconds: float, text: str) -> None:
    assert format_duration(seconds) == text
