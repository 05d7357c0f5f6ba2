"""What the runtime gives to one life of one instance: the `cubekit.authoring.cubes.Environment`."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING

from anyio.abc import TaskGroup
from pydantic import BaseModel

from cubekit.authoring.cubes import Clock
from cubekit.runtime.bus import Bus

if TYPE_CHECKING:
    from opentelemetry.metrics import Meter
    from opentelemetry.trace import Tracer

    from cubekit.runtime.telemetry import Telemetry

__all__ = ["InstanceEnvironment"]


@dataclass(frozen=True)
class InstanceEnvironment:
    """Implements `Environment`."""

    name: str
    config: BaseModel
    tasks: TaskGroup
    events: Bus
    clock: Clock
    telemetry: Telemetry

    @property
    def log(self) -> logging.Logger:
        """The instance's logger."""
        return logging.getLogger(f"cubekit.cube.{self.name}")

    @property
    def meter(self) -> Meter:
        """The instance's meter."""
        return self.telemetry.meter(self.name)

    @property
    def tracer(self) -> Tracer:
        """The instance's tracer."""
        return self.telemetry.tracer(self.name)
