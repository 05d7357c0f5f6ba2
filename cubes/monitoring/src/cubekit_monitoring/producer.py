"""`Producer`: everything that the service measures, in OpenTelemetry's form. It reads and counts nothing itself."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import psutil
from anyio import to_thread
from cubekit import Distribution, Measured, MetricKind, Telemetry
from opentelemetry.sdk.metrics.export import (
    AggregationTemporality,
    Gauge,
    Histogram,
    HistogramDataPoint,
    Metric,
    MetricsData,
    NumberDataPoint,
    ResourceMetrics,
    ScopeMetrics,
    Sum,
)
from opentelemetry.sdk.util.instrumentation import InstrumentationScope

__all__ = ["Producer"]

_OVERFLOW = "otel.metric.overflow"
"""The label of what the SDK adds up because a metric has too many sets of labels."""

_UNKNOWN: Any = None
"""Smallest and largest value: nobody has noted them, and OTLP can do without."""


class Producer:
    """Reads the metrics of all cubes; a `cubekit_monitoring.exporting.Source` of them."""

    dropped = 0
    """Nothing is lost: the values are sums since the start, and the next ones include them."""

    def __init__(self, telemetry: Telemetry, log: logging.Logger) -> None:
        self._telemetry = telemetry
        self._log = log
        self._start = 0
        self._given = False
        self._overflowing: set[tuple[str, str]] = set()
        self._too_large: set[tuple[str, str]] = set()

    async def prepare(self) -> None:
        """Look up when the process began, in a thread: what is counted survives restarts of this cube."""
        self._start = await to_thread.run_sync(_start_of_process)

    async def read(self) -> MetricsData:
        """Return the current values."""
        measured = await self._telemetry.measured()
        now = time.time_ns()
        own = [_metric(one, self._start, now) for one in measured]
        scopes = [ScopeMetrics(InstrumentationScope("cubekit"), [metric for metric in own if metric], "")]
        collected = self._telemetry.collected()
        for resource in collected.resource_metrics if collected else ():
            scopes += resource.scope_metrics
        self._warn_of_overflow(scopes[1:])
        return MetricsData([ResourceMetrics(self._telemetry.resource, scopes, "")])

    async def take(self) -> list[MetricsData]:
        """Return the current values, once for each export."""
        self._given = not self._given
        return [self._in_range(await self.read())] if self._given else []

    def put_back(self, batch: Sequence[MetricsData]) -> None:
        """Forget values that could not be sent: newer ones will take their place."""
        self._given = False

    give_up = put_back

    def _in_range(self, data: MetricsData) -> MetricsData:
        """Return metrics without the values that OTLP has no form for: they would stop the others."""
        return MetricsData(
            [
                replace(
                    resource,
                    scope_metrics=[
                        replace(scope, metrics=[self._metric_in_range(scope, metric) for metric in scope.metrics])
                        for scope in resource.scope_metrics
                    ],
                )
                for resource in data.resource_metrics
            ]
        )

    def _metric_in_range(self, scope: ScopeMetrics, metric: Metric) -> Metric:
        data: Any = metric.data  # of one of several kinds
        points = [point for point in data.data_points if _is_in_range(point)]
        if len(points) == len(data.data_points):
            return metric
        key = scope.scope.name, metric.name
        if key not in self._too_large:
            self._too_large.add(key)
            self._log.warning(
                'metric "%s" of cube "%s" has values beyond 64 bits, which are not exported', metric.name, key[0]
            )
        return replace(metric, data=replace(data, data_points=points))

    def _warn_of_overflow(self, scopes: Sequence[ScopeMetrics]) -> None:
        for scope in scopes:
            for metric in scope.metrics:
                key = scope.scope.name, metric.name
                if key not in self._overflowing and any(
                    _OVERFLOW in (p.attributes or {}) for p in metric.data.data_points
                ):
                    self._overflowing.add(key)
                    self._log.warning(
                        'metric "%s" of cube "%s" has too many different labels; further ones are added up as %s. Use'
                        " labels with few values",
                        metric.name,
                        scope.scope.name,
                        _OVERFLOW,
                    )


def _start_of_process() -> int:
    return int(psutil.Process().create_time() * 1e9)


def _is_in_range(point: object) -> bool:
    value = point.value if isinstance(point, NumberDataPoint) else 0
    return isinstance(value, float) or -(2**63) <= value < 2**63


def _metric(measured: Measured, start: int, now: int) -> Metric | None:
    """Return a metric of the runtime's, or None if it has no value yet."""
    definition = measured.definition
    points = [(dict(zip(definition.labels, labels, strict=True)), value) for labels, value in measured.points]
    if not points:
        return None
    data: Gauge | Sum | Histogram
    if definition.kind is MetricKind.HISTOGRAM:
        buckets = [_histogram(labels, value, start, now) for labels, value in points if isinstance(value, Distribution)]
        data = Histogram(buckets, AggregationTemporality.CUMULATIVE)
    else:
        numbers = [
            NumberDataPoint(labels, start, now, int(value) if isinstance(value, bool) else value)
            for labels, value in points
            if not isinstance(value, Distribution)
        ]
        counts = definition.kind is MetricKind.COUNTER
        data = Sum(numbers, AggregationTemporality.CUMULATIVE, is_monotonic=True) if counts else Gauge(numbers)
    return Metric(definition.name, definition.description, definition.unit, data)


def _histogram(labels: dict[str, str], value: Distribution, start: int, now: int) -> HistogramDataPoint:
    return HistogramDataPoint(
        attributes=labels,
        start_time_unix_nano=start,
        time_unix_nano=now,
        count=sum(value.counts),
        sum=value.sum,
        bucket_counts=value.counts,
        explicit_bounds=value.bounds,
        min=_UNKNOWN,
        max=_UNKNOWN,
    )
