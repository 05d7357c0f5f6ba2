"""``/metrics``: what the runtime counts and what cubes measure, in the Prometheus text format."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import accumulate
from typing import Any

import anyio.to_thread
from prometheus_client import CollectorRegistry, PlatformCollector, ProcessCollector
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.exposition import choose_encoder
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector
from prometheus_client.utils import floatToGoString
from starlette.requests import Request
from starlette.responses import Response

from cubekit.authoring.telemetry import EVENTS_DROPPED, Distribution, Measured, MetricKind
from cubekit.ports.http.cube_metrics import cube_metrics
from cubekit.ports.http.families import Family, as_family, together
from cubekit.ports.http.peers import Peers
from cubekit.runtime.service import Service

__all__ = ["Metrics", "events_dropped"]


class Metrics:
    """Answers ``/metrics``, for all workers together."""

    def __init__(self, service: Service, peers: Peers) -> None:
        self._peers = peers
        self._telemetry = service.telemetry
        self._process = ProcessCollector(registry=None)
        self._platform = PlatformCollector(registry=None)
        peers.offer("metrics", self._collect)

    async def answer(self, request: Request) -> Response:
        """Collect everything and write it in the version of the format that the client asks for."""
        parts = await self._peers.ask("metrics")
        registry = CollectorRegistry(auto_describe=False)
        registry.register(_Collected(list(together(parts, alone=self._peers.alone))))
        encode, content_type = choose_encoder(request.headers.get("accept", ""))
        return Response(encode(registry), headers={"content-type": content_type})

    async def _collect(self) -> list[Family]:
        # Of the process, files of the system tell; the service's counters change only between the loop's steps.
        process = await anyio.to_thread.run_sync(lambda: [*self._process.collect(), *self._platform.collect()])
        collected = self._telemetry.collected()
        cubes = cube_metrics(collected) if collected is not None else ()
        measured = map(_family, await self._telemetry.measured())
        return [as_family(metric) for metric in (*measured, *cubes, *process)]


class _Collected(Collector):
    def __init__(self, metrics: Sequence[Metric]) -> None:
        self._metrics = metrics

    def collect(self) -> Iterable[Metric]:
        return self._metrics


def _family(measured: Measured) -> Metric:
    """Return a metric of the runtime's as Prometheus has it."""
    definition = measured.definition
    make: Callable[..., Any] = _FAMILIES[definition.kind]
    family = make(definition.prometheus, definition.description, labels=definition.labels)
    for labels, value in measured.points:
        if isinstance(value, Distribution):
            bounds = [*map(floatToGoString, value.bounds), "+Inf"]
            family.add_metric(labels, list(zip(bounds, accumulate(value.counts), strict=True)), value.sum)
        else:
            family.add_metric(labels, float(value))
    metric: Metric = family
    return metric


_FAMILIES = {
    MetricKind.COUNTER: CounterMetricFamily,
    MetricKind.GAUGE: GaugeMetricFamily,
    MetricKind.HISTOGRAM: HistogramMetricFamily,
}


def events_dropped(count: int) -> Family:
    """The metric of events that were lost, as JSON has it."""
    return as_family(_family(Measured(EVENTS_DROPPED, [((), count)])))
