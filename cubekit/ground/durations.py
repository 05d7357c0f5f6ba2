"""Durations, sizes and rates as people write them: ``"500ms"``, ``"2GiB"``, ``"100/min"``."""

from __future__ import annotations

import re

__all__ = ["format_duration", "parse_duration", "parse_rate", "parse_size"]

_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0, "d": 86400.0}
_BYTES = {"B": 1, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30, "KB": 10**3, "MB": 10**6, "GB": 10**9}
_NUMBER_AND_UNIT = re.compile(r"\s*([0-9]+(?:\.[0-9]+)?)\s*([A-Za-z]*)\s*")


def parse_duration(value: float | str) -> float:
    """Return seconds. A bare number is seconds; units are ``ms s m min h d``.

    :raises ValueError: if the value is not a positive duration; the message says what is accepted.
    """
    seconds = _scaled(value, _SECONDS, "s", 'a duration such as 30, "500ms", "30s", "5m", "24h"')
    if seconds <= 0:
        raise ValueError(f"a duration must be greater than zero, not {value!r}")
    return seconds


def parse_size(value: int | str) -> int:
    """Return bytes. A bare number is bytes; units are ``B KiB MiB GiB KB MB GB``.

    :raises ValueError: if the value is not a size; the message says what is accepted.
    """
    return int(_scaled(value, _BYTES, "B", 'a size such as 1048576, "512KiB", "2MiB", "1GiB"'))


def parse_rate(value: str) -> tuple[int, float]:
    """Return ``(calls, seconds)`` of a rate such as ``"100/min"`` or ``"5/10s"``.

    :raises ValueError: if the value is not a rate; the message says what is accepted.
    """
    count, slash, period = value.partition("/")
    if not slash or not count.strip().isdecimal() or int(count) < 1:
        raise ValueError(f'expected a rate such as "100/min" or "5/10s", not {value!r}')
    period = period.strip()
    return int(count), parse_duration(period if period[:1].isdigit() else f"1{period}")


def format_duration(seconds: float) -> str:
    """Return a duration for people: ``"250 ms"``, ``"1.5 s"``, ``"2 min"``."""
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms"
    return f"{seconds:.3g} s" if seconds < 120 else f"{seconds / 60:.3g} min"


def _scaled(value: float | str, units: dict[str, float] | dict[str, int], default: str, expected: str) -> float:
    if isinstance(value, bool):
        raise ValueError(f"expected {expected}, not {value!r}")
    if isinstance(value, int | float):
        return float(value) * units[default]
    match = _NUMBER_AND_UNIT.fullmatch(value)
    if match is None or (match[2] or default) not in units:
        raise ValueError(f"expected {expected}, not {value!r}")
    return float(match[1]) * units[match[2] or default]
