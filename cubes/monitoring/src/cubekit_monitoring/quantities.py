"""Durations, sizes and rates in configurations, as people write them: ``"30s"``, ``"4MiB"``, ``"60/min"``."""

from __future__ import annotations

from typing import Annotated, Any

from cubekit.ground.durations import parse_duration, parse_rate, parse_size
from pydantic import BeforeValidator

__all__ = ["Delay", "Duration", "Rate", "Size"]


def _seconds(value: Any) -> Any:
    return parse_duration(value) if isinstance(value, str | int | float) else value


def _seconds_or_none(value: Any) -> Any:
    return 0.0 if value in (0, "0") and value is not False else _seconds(value)


def _bytes(value: Any) -> Any:
    return parse_size(value) if isinstance(value, str | int) else value


def _rate(value: Any) -> Any:
    return parse_rate(value) if isinstance(value, str) else value


Duration = Annotated[float, BeforeValidator(_seconds)]
"""Seconds."""
Delay = Annotated[float, BeforeValidator(_seconds_or_none)]
"""Seconds, or 0 for none."""
Size = Annotated[int, BeforeValidator(_bytes)]
"""Bytes."""
Rate = Annotated[tuple[int, float], BeforeValidator(_rate)]
"""So many within so many seconds."""
