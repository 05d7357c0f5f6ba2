"""Every metric that a service with this cube has, under its name: the one place where names stand.

What the runtime measures itself is in `cubekit.authoring.telemetry`; names of processes, the interpreter and GPUs are
those of OpenTelemetry's conventions.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

from cubekit import MetricDefinition, MetricKind
from cubekit.authoring.telemetry import RUNTIME_METRICS
from opentelemetry.metrics import CallbackOptions, Histogram, Meter, Observation

__all__ = ["ALL", "make_histogram", "observe"]

_COUNTER, _GAUGE, _HISTOGRAM = MetricKind
_GPU = ("hw.id", "hw.name")

CPU_TIME = MetricDefinition("process.cpu.time", _COUNTER, "Processor time of the process", ("cpu.mode",), "s")
MEMORY = MetricDefinition("process.memory.usage", _GAUGE, "Physical memory of the process", (), "By")
THREADS = MetricDefinition("process.thread.count", _GAUGE, "Threads of the process")
FILES = MetricDefinition("process.unix.file_descriptor.count", _GAUGE, "Open files and sockets of the process")
GC_COLLECTIONS = MetricDefinition(
    "cpython.gc.collections", _COUNTER, "Runs of the garbage collector", ("cpython.gc.generation",)
)
GC_PAUSE = MetricDefinition(
    "cubekit.gc.pause", _HISTOGRAM, "How long the garbage collector held everything up", ("cpython.gc.generation",), "s"
)

GPU_UTILIZATION = MetricDefinition("hw.gpu.utilization", _GAUGE, "Share of time in which the GPU computed", _GPU, "1")
GPU_MEMORY_USAGE = MetricDefinition("hw.gpu.memory.usage", _GAUGE, "Memory of the GPU in use", _GPU, "By")
GPU_MEMORY_LIMIT = MetricDefinition("hw.gpu.memory.limit", _GAUGE, "Memory of the GPU", _GPU, "By")
GPU_TEMPERATURE = MetricDefinition("hw.gpu.temperature", _GAUGE, "Temperature of the GPU", _GPU, "Cel")

EXPORT_ITEMS = MetricDefinition(
    "cubekit.export.items", _COUNTER, "Metrics, spans and log lines exported or dropped", ("signal", "outcome")
)
EXPORT_FAILING = MetricDefinition("cubekit.export.failing", _GAUGE, "1 while the collector takes nothing", ("signal",))
ALERTS_FIRING = MetricDefinition("cubekit.alerts.firing", _GAUGE, "Alerts that fire", ("alert", "severity"))

WEB_VITAL_TIME = MetricDefinition(
    "browser.web_vital.duration", _HISTOGRAM, "Times that browsers have measured", ("name", "page"), "s"
)
WEB_VITAL_SHIFT = MetricDefinition(
    "browser.web_vital.layout_shift", _HISTOGRAM, "Cumulative layout shift that browsers have measured", ("page",)
)

ALL: Mapping[str, MetricDefinition] = {
    definition.name: definition
    for definition in (
        *RUNTIME_METRICS,
        CPU_TIME,
        MEMORY,
        THREADS,
        FILES,
        GC_COLLECTIONS,
        GC_PAUSE,
        GPU_UTILIZATION,
        GPU_MEMORY_USAGE,
        GPU_MEMORY_LIMIT,
        GPU_TEMPERATURE,
        EXPORT_ITEMS,
        EXPORT_FAILING,
        ALERTS_FIRING,
        WEB_VITAL_TIME,
        WEB_VITAL_SHIFT,
    )
}
"""By name."""

Points = Iterable[tuple[Sequence[str], float]]
"""Values, each with those of the definition's labels."""


def observe(meter: Meter, definition: MetricDefinition, ask: Callable[[], Points]) -> None:
    """Let a meter ask for the values of a counter or gauge whenever somebody reads."""

    def callback(options: CallbackOptions) -> Iterable[Observation]:
        for labels, value in ask():
            yield Observation(value, dict(zip(definition.labels, labels, strict=True)))

    counts = definition.kind is MetricKind.COUNTER
    create = meter.create_observable_counter if counts else meter.create_observable_gauge
    create(definition.name, [callback], definition.unit, definition.description)


def make_histogram(meter: Meter, definition: MetricDefinition, bounds: Sequence[float]) -> Histogram:
    """Return a histogram with these upper bounds."""
    return meter.create_histogram(
        definition.name, definition.unit, definition.description, explicit_bucket_boundaries_advisory=bounds
    )
