"""`Plan`: a composition that can run. Made by `compose`, never by hand."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from pydantic import BaseModel

from cubekit.composition.descriptors import Descriptor
from cubekit.composition.plugins import Plugins
from cubekit.composition.service_file import (
    BreakerSection,
    GroupSection,
    HealthSection,
    HttpSection,
    Limits,
    RecycleSection,
    RetrySection,
    TelemetrySection,
)
from cubekit.ground.colours import Colour
from cubekit.ground.diagnostics import Diagnostic, Place

__all__ = ["LeftOut", "Plan", "PlannedCube"]


@dataclass(frozen=True)
class PlannedCube:
    """One instance of a cube, with all that it will run with."""

    name: str
    descriptor: Descriptor
    config: BaseModel
    path: str
    """First path segment of its operations, after ``/api/v1/``."""
    place: Place
    optional: bool = False
    engine: str = "inline"
    limits: Limits = field(default_factory=Limits)
    breaker: BreakerSection | None = None
    retry: RetrySection | None = None
    start_timeout: float = 30.0
    stop_timeout: float = 10.0
    group: str = "default"
    bindings: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """For each required attribute the instances that provide it, in order of fail-over; none if optional and absent."""

    @property
    def depends_on(self) -> frozenset[str]:
        """Instances that start before this one and stop after it."""
        return frozenset(provider for providers in self.bindings.values() for provider in providers)


@dataclass(frozen=True, slots=True)
class LeftOut:
    """An optional cube that could not become part of the service, with the reasons."""

    name: str
    use: str
    colour: Colour | None
    diagnostics: tuple[Diagnostic, ...]


@dataclass(frozen=True)
class Plan:
    """A service that has been checked and can be run."""

    name: str
    source: str
    http: HttpSection
    recycle: RecycleSection
    telemetry: TelemetrySection
    expose: tuple[str, ...]
    cubes: Mapping[str, PlannedCube]
    """By name, each after those it depends on."""
    groups: Mapping[str, GroupSection]
    health: HealthSection
    ready: frozenset[str]
    """Instances that ``/readyz`` looks at."""
    left_out: tuple[LeftOut, ...] = ()
    warnings: tuple[Diagnostic, ...] = ()
    plugins: Plugins = field(default_factory=Plugins)
