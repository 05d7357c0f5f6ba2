"""What a service measures and records of itself, and how a cube that exports it gets at that: ``self.telemetry``.

`RUNTIME_METRICS` are all metrics that the runtime measures of every service, with the names of OpenTelemetry.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from opentelemetry.sdk.metrics.export import MetricsData
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import SpanProcessor

__all__ = [
    "BUILD_INFO",
    "CUBE_HEALTH",
    "CUBE_RESTARTS",
    "CUBE_STATE",
    "EVENTS_DROPPED",
    "EVENTS_PUBLISHED",
    "EVENT_LOOP_BLOCKED",
    "EVENT_LOOP_BLOCKS",
    "EVENT_LOOP_LAG",
    "HEALING_STEPS",
    "OPERATION_BREAKER_OPEN",
    "OPERATION_CACHE_HITS",
    "OPERATION_CALLS",
    "OPERATION_DURATION",
    "OPERATION_IN_FLIGHT",
    "OPERATION_RETRIES",
    "RUNTIME_METRICS",
    "Distribution",
    "Measured",
    "MetricDefinition",
    "MetricKind",
    "Telemetry",
    "prometheus_name",
]


class MetricKind(StrEnum):
    """What the values of a metric are."""

    COUNTER = "counter"
    """A sum that only grows."""
    GAUGE = "gauge"
    """A value of this moment."""
    HISTOGRAM = "histogram"
    """A `Distribution`."""


@dataclass(frozen=True, slots=True)
class MetricDefinition:
    """A metric: what it is called and what it means."""

    name: str
    """As OpenTelemetry writes it: ``cubekit.operation.duration``."""
    kind: MetricKind
    description: str
    labels: tuple[str, ...] = ()
    unit: str = ""
    """In UCUM's form, as OpenTelemetry asks: ``s``, ``By``, ``1``; empty for a plain count."""

    @property
    def prometheus(self) -> str:
        """Its name in ``/metrics``, without the endings of samples such as ``_total`` and ``_bucket``."""
        return prometheus_name(self.name, self.unit)


class Distribution(NamedTuple):
    """The value of a histogram: how many observations there were, by upper bound."""

    bounds: Sequence[float]
    counts: Sequence[int]
    """One for each bound, and those above all bounds at the end."""
    sum: float


class Measured(NamedTuple):
    """The values of one metric now."""

    definition: MetricDefinition
    points: Sequence[tuple[tuple[str, ...], float | Distribution]]
    """Each with the values of the definition's labels, in their order."""


class Telemetry(Protocol):
    """What the runtime measures and records, for all cubes of the service."""

    @property
    def service(self) -> str:
        """The service's name."""

    @property
    def resource(self) -> Resource:
        """What exports say of their origin: this service, in this process."""

    @property
    def instances(self) -> Sequence[str]:
        """The names of its cubes."""

    async def measured(self) -> Sequence[Measured]:
        """Return the current values of `RUNTIME_METRICS`. Cubes are asked for their health, as for ``/health``."""

    def collected(self) -> MetricsData | None:
        """Return what cubes measure through their own meters; None if none does. In the event loop's thread only."""

    def recording(self, processor: SpanProcessor) -> AbstractContextManager[None]:
        """Hand every span of a sampled call to a processor, for the time of a ``with`` block.

        The processor's ``on_start`` and ``on_end`` are called where the span begins and ends, so they must not wait.
        """


def prometheus_name(name: str, unit: str = "") -> str:
    """Return the name of a metric or label as Prometheus writes it: with underscores, and with its unit at the end."""
    plain = re.sub(r"^(?=\d)", "_", re.sub(r"[^A-Za-z0-9_]", "_", name))
    ending = _UNITS.get(unit, "")
    return plain if not ending or plain.endswith(f"_{ending}") else f"{plain}_{ending}"


_UNITS = {"s": "seconds", "ms": "milliseconds", "By": "bytes", "1": "ratio", "Cel": "celsius", "W": "watts"}

_COUNTER, _GAUGE, _HISTOGRAM = MetricKind
_OPERATION = ("instance", "operation")

OPERATION_CALLS = MetricDefinition(
    "cubekit.operation.calls", _COUNTER, "Calls that ended, by outcome", (*_OPERATION, "outcome")
)
OPERATION_DURATION = MetricDefinition(
    "cubekit.operation.duration", _HISTOGRAM, "How long calls took; streams until their end", _OPERATION, "s"
)
OPERATION_IN_FLIGHT = MetricDefinition("cubekit.operation.in_flight", _GAUGE, "Calls under way", _OPERATION)
OPERATION_CACHE_HITS = MetricDefinition(
    "cubekit.operation.cache_hits", _COUNTER, "Calls answered with a kept result", _OPERATION
)
OPERATION_RETRIES = MetricDefinition(
    "cubekit.operation.retries", _COUNTER, "Further tries of calls that failed", _OPERATION
)
OPERATION_BREAKER_OPEN = MetricDefinition(
    "cubekit.operation.breaker_open", _GAUGE, "1 while a breaker refuses calls", _OPERATION
)
CUBE_STATE = MetricDefinition(
    "cubekit.cube.state",
    _GAUGE,
    "1 for the state that a cube is in, 0 for the others",
    ("instance", "cube", "colour", "state"),
)
CUBE_HEALTH = MetricDefinition(
    "cubekit.cube.health",
    _GAUGE,
    "1 for the status that the health of a cube has, 0 for the others",
    ("instance", "status"),
)
CUBE_RESTARTS = MetricDefinition("cubekit.cube.restarts", _COUNTER, "Restarts after a crash", ("instance",))
HEALING_STEPS = MetricDefinition(
    "cubekit.healing.steps", _COUNTER, "Steps that the service took to heal itself", ("instance", "step")
)
EVENTS_PUBLISHED = MetricDefinition("cubekit.events.published", _COUNTER, "Events published")
EVENTS_DROPPED = MetricDefinition("cubekit.events.dropped", _COUNTER, "Events lost by slow listeners")
EVENT_LOOP_LAG = MetricDefinition("cubekit.event_loop.lag", _GAUGE, "How late the event loop was", (), "s")
EVENT_LOOP_BLOCKS = MetricDefinition("cubekit.event_loop.blocks", _COUNTER, "Times that the event loop was held up")
EVENT_LOOP_BLOCKED = MetricDefinition(
    "cubekit.event_loop.blocked", _COUNTER, "How long the event loop was held up", (), "s"
)
BUILD_INFO = MetricDefinition(
    "cubekit.build.info", _GAUGE, "What runs here; always 1", ("version", "python", "service")
)

RUNTIME_METRICS = (
    OPERATION_CALLS,
    OPERATION_DURATION,
    OPERATION_IN_FLIGHT,
    OPERATION_CACHE_HITS,
    OPERATION_RETRIES,
    OPERATION_BREAKER_OPEN,
    CUBE_STATE,
    CUBE_HEALTH,
    CUBE_RESTARTS,
    HEALING_STEPS,
    EVENTS_PUBLISHED,
    EVENTS_DROPPED,
    EVENT_LOOP_LAG,
    EVENT_LOOP_BLOCKS,
    EVENT_LOOP_BLOCKED,
    BUILD_INFO,
)
