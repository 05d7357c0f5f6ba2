"""What a cube says of its own health."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

__all__ = ["Health", "Status"]

Status = Literal["pass", "warn", "fail"]


@dataclass(frozen=True, slots=True)
class Health:
    """The answer of ``health_check``, as in the draft ``application/health+json``."""

    status: Status = "pass"
    output: str = ""
    """What is wrong, for the operator; empty if nothing is."""
    observed: Mapping[str, float | int | str | bool] = field(default_factory=dict)
    """Measured values worth showing, by name."""
