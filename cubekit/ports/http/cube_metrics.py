"""What cubes measure through OpenTelemetry, as Prometheus metrics."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import accumulate
from typing import TYPE_CHECKING, Any

from prometheus_client.metrics_core import Metric
from prometheus_client.utils import floatToGoString

from cubekit.authoring.telemetry import prometheus_name

if TYPE_CHECKING:
    from opentelemetry.sdk.metrics.export import HistogramDataPoint, MetricsData
    from opentelemetry.sdk.metrics.export import Metric as Measured

__all__ = ["cube_metrics"]


def cube_metrics(measured: MetricsData) -> list[Metric]:
    """Return the metrics of all cubes. Each sample carries the instance's name, which is the name of its meter."""
    families: dict[str, Metric] = {}
    for resource in measured.resource_metrics:
        for scope in resource.scope_metrics:
            for metric in scope.metrics:
                _add(families, metric, scope.scope.name)
    return list(families.values())


def _add(families: dict[str, Metric], metric: Measured, instance: str) -> None:
    kind = _kind(metric.data)
    name = prometheus_name(metric.name, metric.unit or "").removesuffix("_total")
    if name in families and families[name].type != kind:
        name = f"{name}_{kind}"  # two cubes use one name for different things
    family = families.setdefault(name, Metric(name, metric.description or metric.name, kind))
    for point in metric.data.data_points:
        labels = {prometheus_name(key): str(value) for key, value in (point.attributes or {}).items()}
        labels["instance"] = instance
        for suffix, more, value in _samples(kind, point):
            family.add_sample(name + suffix, {**labels, **more}, value)


def _kind(data: Any) -> str:
    """Prometheus's name for a kind of OpenTelemetry data; a sum that can fall is a gauge."""
    if hasattr(data, "is_monotonic"):
        return "counter" if data.is_monotonic else "gauge"
    return "histogram" if hasattr(data, "aggregation_temporality") else "gauge"


def _samples(kind: str, point: Any) -> Iterator[tuple[str, Mapping[str, str], float]]:
    if kind == "histogram":
        yield from _buckets(point)
    else:
        yield ("_total" if kind == "counter" else ""), {}, point.value


def _buckets(point: HistogramDataPoint) -> Iterator[tuple[str, Mapping[str, str], float]]:
    bounds = [*map(floatToGoString, point.explicit_bounds), "+Inf"]
    for bound, count in zip(bounds, accumulate(point.bucket_counts), strict=True):
        yield "_bucket", {"le": bound}, count
    yield "_count", {}, point.count
    yield "_sum", {}, point.sum
