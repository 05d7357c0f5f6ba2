"""Metrics of several workers as those of one service."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.metrics_core import Metric

from cubekit.ports.http.peers import Part

__all__ = ["Family", "as_family", "together"]

Family = list[Any]
"""Name, help, type, unit and samples (name, labels, value) of a metric, as JSON has them."""

_OF_ONE_PROCESS = ("process_", "python_")


def as_family(metric: Metric) -> Family:
    """Return a metric as JSON has it."""
    samples = [[sample.name, sample.labels, sample.value] for sample in metric.samples]
    return [metric.name, metric.documentation, metric.type, metric.unit, samples]


def together(parts: Sequence[Part], *, alone: bool) -> Iterator[Metric]:
    """Return the metrics of all workers.

    Counters and histograms are added up. A gauge, and what concerns a process, keeps a value for each worker, told
    apart by the label ``worker``.
    """
    metrics: dict[str, Metric] = {}
    values: dict[str, dict[tuple[str, tuple[tuple[str, str], ...]], float]] = {}
    for part in parts:
        for name, help_text, kind, unit, samples in part.data or ():
            metrics.setdefault(name, Metric(name, help_text, kind, unit))
            own = not alone and (kind == "gauge" or name.startswith(_OF_ONE_PROCESS))
            found = values.setdefault(name, {})
            for sample, labels, value in samples:
                said = {**labels, "worker": str(part.worker)} if own else labels
                key = sample, tuple(said.items())
                found[key] = found.get(key, 0.0) + value
    for name, metric in metrics.items():
        for (sample, labelled), value in values[name].items():
            metric.add_sample(sample, dict(labelled), value)
        yield metric
    if not alone:
        up = GaugeMetricFamily("cubekit_worker_up", "Whether a worker has answered", labels=["worker"])
        for part in parts:
            up.add_metric([str(part.worker)], float(part.data is not None))
        yield up
