"""Metrics of several workers as those of one service."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.metrics_core import Metric

from cubekit.ports.http.peers import Part

__all__ = ["Family", "as_family", "lasting", "together"]

Family = list[Any]
"""Name, help, type, unit and samples (name, labels, value) of a metric, as JSON has them."""

_OF_ONE_PROCESS = ("process_", "python_")


def as_family(metric: Metric) -> Family:
    """Return a metric as JSON has it."""
    samples = [[sample.name, sample.labels, sample.value] for sample in metric.samples]
    return [metric.name, metric.documentation, metric.type, metric.unit, samples]


def lasting(parts: Iterable[Sequence[Family]]) -> list[Family]:
    """Return what outlasts the processes that it comes from, added up: counters and histograms of the service."""
    sums = _Sums()
    for families in parts:
        for name, help_text, kind, unit, samples in families:
            if kind != "gauge" and not name.startswith(_OF_ONE_PROCESS):
                sums.add([name, help_text, kind, unit, samples], {})
    return [as_family(metric) for metric in sums.metrics()]


def together(parts: Sequence[Part], *, alone: bool) -> Iterator[Metric]:
    """Return the metrics of all workers.

    Counters and histograms are added up. A gauge, and what concerns a process, keeps a value for each worker, told
    apart by the label ``worker``.
    """
    sums = _Sums()
    for part in parts:
        for family in part.data or ():
            own = not alone and (family[2] == "gauge" or family[0].startswith(_OF_ONE_PROCESS))
            sums.add(family, {"worker": str(part.worker)} if own else {})
    yield from sums.metrics()
    if not alone:
        up = GaugeMetricFamily("cubekit_worker_up", "Whether a worker has answered", labels=["worker"])
        for part in parts:
            if part.worker is not None:
                up.add_metric([str(part.worker)], float(part.data is not None))
        yield up


class _Sums:
    """Metrics of which several processes have a part."""

    def __init__(self) -> None:
        self._metrics: dict[str, Metric] = {}
        self._values: dict[str, dict[tuple[str, tuple[tuple[str, str], ...]], float]] = {}

    def add(self, family: Family, more: Mapping[str, str]) -> None:
        """Add a part, whose samples get more labels."""
        name, help_text, kind, unit, samples = family
        self._metrics.setdefault(name, Metric(name, help_text, kind, unit))
        found = self._values.setdefault(name, {})
        for sample, labels, value in samples:
            key = sample, tuple({**labels, **more}.items())
            found[key] = found.get(key, 0.0) + value

    def metrics(self) -> Iterator[Metric]:
        for name, metric in self._metrics.items():
            for (sample, labelled), value in self._values[name].items():
                metric.add_sample(sample, dict(labelled), value)
            yield metric
