"""Durations, sizes and rates as people write them: ``"500ms"``, ``"2GiB"``, ``"100/min"``."""

from __future__ import annotations

import math
import re

__all__ = ["format_duration", "format_size", "parse_duration", "parse_rate", "parse_size"]

_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0, "d": 86400.0}
_BYTES = {"B": 1, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30, "KB": 10**3, "MB": 10**6, "GB": 10**9}
_RATE = re.compile(r"\s*([0-9]{1,18})\s*/\s*([0-9]+(?:\.[0-9]+)?)?\s*([A-Za-z]+)\s*")
_NUMBER_AND_UNIT = re.compile(r"\s*([0-9]+(?:\.[0-9]+)?)\s*([A-Za-z]*)\s*")


def parse_duration(value: float | str) -> float:
    """Return seconds. A bare number is seconds; units are ``ms s m min h d``.

    :raises ValueError: if the value is not a positive, finite duration; the message says what is accepted.
    """
    seconds = _scaled(value, _SECONDS, "s", 'a duration such as 30, "500ms", "30s", "5m", "24h"')
    if seconds <= 0:
        raise ValueError(f"a duration must be greater than zero, not {value!r}")
    return seconds


def parse_size(value: int | str) -> int:
    """Return bytes. A bare number is bytes; units are ``B KiB MiB GiB KB MB GB``.

    :raises ValueError: if the value is not a size; the message says what is accepted.
    """
    size = int(_scaled(value, _BYTES, "B", 'a size such as 1048576, "512KiB", "2MiB", "1GiB"'))
    if size < 0:
        raise ValueError(f"a size must not be negative, as {value!r} is")
    return size


def parse_rate(value: str) -> tuple[int, float]:
    """Return ``(calls, seconds)`` of a rate such as ``"100/min"`` or ``"5/10s"``.

    :raises ValueError: if the value is not a rate; the message says what is accepted.
    """
    match = _RATE.fullmatch(value)
    if match is None or int(match[1]) < 1 or (match[3] not in _SECONDS):
        raise ValueError(f'expected a rate such as "100/min" or "5/10s", not {value!r}')
    return int(match[1]), parse_duration(f"{match[2] or 1}{match[3]}")


def format_duration(seconds: float) -> str:
    """Return a duration for people: ``"250 ms"``, ``"1.5 s"``, ``"2 min"``, ``"36 h"``, ``"7 d"``."""
    if seconds < 0.9995:
        return f"{seconds * 1000:.3g} ms"
    for name, unit, until in (("s", 1, 120), ("min", 60, 120), ("h", 3600, 48)):
        if seconds < unit * until:
            return f"{seconds / unit:.3g} {name}"
    return f"{round(seconds / 86400, 1):g} d"


def format_size(size: int) -> str:
    """Return bytes as a text such as ``512 MiB``, rounded to whole units."""
    for unit, factor in (("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)):
        if size >= 10 * factor or (factor == 1 << 10 and size >= factor):
            return f"{round(size / factor)} {unit}"
    return f"{size} B"


def _scaled(value: float | str, units: dict[str, float] | dict[str, int], default: str, expected: str) -> float:
    number, unit = value, default
    if isinstance(value, str):
        match = _NUMBER_AND_UNIT.fullmatch(value)
        if match is None or (match[2] or default) not in units:
            raise ValueError(f"expected {expected}, not {value!r}")
        number, unit = match[1], match[2] or default
    try:
        scaled = math.nan if isinstance(number, bool) else float(number) * units[unit]
    except OverflowError:  # an integer that no float holds
        scaled = math.inf
    if not math.isfinite(scaled):
        raise ValueError(f"expected {expected}, not {value!r}")
    return scaled
