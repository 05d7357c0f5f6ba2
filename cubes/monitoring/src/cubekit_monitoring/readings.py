"""What rules compare: values out of OpenTelemetry's data, and how they have changed."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import accumulate
from typing import NamedTuple

from opentelemetry.sdk.metrics.export import HistogramDataPoint, Metric, MetricsData, NumberDataPoint, Sum

from cubekit_monitoring.rules import Rule

__all__ = ["Labels", "Readings", "change", "readings_of"]

Labels = tuple[tuple[str, str], ...]
"""Names and values."""


class Level(NamedTuple):
    """A value that is compared as it is."""

    value: float


class Total(NamedTuple):
    """A sum that grows; its growth per second is compared."""

    value: float


class Buckets(NamedTuple):
    """A histogram's counts; a quantile of what was added is compared."""

    bounds: Sequence[float]
    counts: Sequence[int]


Readings = Mapping[Labels, Level | Total | Buckets]


def readings_of(data: MetricsData, rule: Rule) -> Readings:
    """Return what is measured of a rule's metric, by labels."""
    found: dict[Labels, Level | Total | Buckets] = {}
    for resource in data.resource_metrics:
        for scope in resource.scope_metrics:
            if rule.meter in (None, scope.scope.name):
                for metric in scope.metrics:
                    if metric.name == rule.metric:
                        found.update(_readings(metric, rule))
    return found


def _readings(metric: Metric, rule: Rule) -> Readings:
    found: dict[Labels, Level | Total | Buckets] = {}
    for point in metric.data.data_points:
        labels = {key: str(value) for key, value in (point.attributes or {}).items()}
        if not rule.where.items() <= labels.items():
            continue
        key = tuple(sorted(labels.items()))
        if isinstance(point, HistogramDataPoint):
            found[key] = Buckets(point.explicit_bounds, point.bucket_counts)
        elif isinstance(point, NumberDataPoint):
            grows = isinstance(metric.data, Sum) and metric.data.is_monotonic
            found[key] = Total(point.value) if grows else Level(point.value)
    return found


def change(history: Sequence[tuple[float, Readings]], quantile: float) -> dict[Labels, float]:
    """Return the value to compare for each set of labels, out of the first and the last readings.

    Sums and histograms that were not there at first began at zero. There is no growth before there are two readings.
    """
    (began, first), (ended, last) = history[0], history[-1]
    values = {}
    for labels, now in last.items():
        before = first.get(labels)
        if isinstance(now, Level):
            values[labels] = now.value
        elif ended == began:
            continue
        elif isinstance(now, Total):
            start = before.value if isinstance(before, Total) else 0.0
            values[labels] = max(0.0, now.value - start) / (ended - began)
        else:
            start_counts = before.counts if isinstance(before, Buckets) else [0] * len(now.counts)
            added = [max(0, after - start) for after, start in zip(now.counts, start_counts, strict=True)]
            values[labels] = _quantile(now.bounds, added, quantile)
    return values


def _quantile(bounds: Sequence[float], counts: Sequence[int], quantile: float) -> float:
    """As Prometheus does: linear within a bucket, and the largest bound above all bounds. NaN if there is nothing."""
    total = sum(counts)
    if not total or not bounds:
        return math.nan
    rank = quantile * total
    below = 0
    for index, reached in enumerate(accumulate(counts)):
        if reached >= rank:
            if index == len(bounds):
                return bounds[-1]
            lower = bounds[index - 1] if index else 0.0
            return lower + (bounds[index] - lower) * (rank - below) / counts[index]
        below = reached
    return bounds[-1]
