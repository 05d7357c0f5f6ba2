"""``/metrics``: what the runtime counts and what cubes measure, in the Prometheus text format."""

from __future__ import annotations

import platform
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import accumulate

import anyio.to_thread
from prometheus_client import CollectorRegistry, PlatformCollector, ProcessCollector
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.exposition import choose_encoder
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector
from prometheus_client.utils import floatToGoString
from starlette.requests import Request
from starlette.responses import Response

from cubekit import __version__
from cubekit.ports.http.cube_metrics import cube_metrics
from cubekit.ports.http.families import Family, as_family, together
from cubekit.ports.http.peers import Peers
from cubekit.runtime.health import InstanceHealth
from cubekit.runtime.instances import State
from cubekit.runtime.metrics import BUCKETS
from cubekit.runtime.service import Service

__all__ = ["Metrics", "events_dropped"]


class Metrics:
    """Answers ``/metrics``, for all workers together."""

    def __init__(self, service: Service, peers: Peers) -> None:
        self._peers = peers
        self._health = service.health
        self._service = _ServiceCollector(service)
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
        health = _health(await self._health.check())
        return [as_family(metric) for metric in (*self._service.collect(), health, *process)]


def _health(checks: Mapping[str, InstanceHealth]) -> Metric:
    description = "1 for the status that the health of a cube has, 0 for the others"
    family = GaugeMetricFamily("cubekit_cube_health", description, labels=["instance", "status"])
    for name, check in checks.items():
        for status in ("pass", "warn", "fail"):
            family.add_metric([name, status], float(check.status == status))
    return family


class _Collected(Collector):
    def __init__(self, metrics: Sequence[Metric]) -> None:
        self._metrics = metrics

    def collect(self) -> Iterable[Metric]:
        return self._metrics


class _ServiceCollector:
    def __init__(self, service: Service) -> None:
        self._service = service

    def collect(self) -> Iterator[Metric]:
        yield from self._operations()
        yield from self._cubes()
        yield from self._bus()
        yield from self._event_loop()
        build = {"version": __version__, "python": platform.python_version(), "service": self._service.plan.name}
        info = GaugeMetricFamily("cubekit_build_info", "What runs here; always 1", labels=list(build))
        info.add_metric(list(build.values()), 1)
        yield info
        if (measured := self._service.telemetry.read()) is not None:
            yield from cube_metrics(measured)

    def _operations(self) -> Iterator[Metric]:
        labels = ["instance", "operation"]
        calls = CounterMetricFamily(
            "cubekit_operation_calls", "Calls that ended, by outcome", labels=[*labels, "outcome"]
        )
        duration = HistogramMetricFamily(
            "cubekit_operation_duration_seconds", "How long calls took; streams until their end", labels=labels
        )
        in_flight = GaugeMetricFamily("cubekit_operation_in_flight", "Calls under way", labels=labels)
        hits = CounterMetricFamily("cubekit_operation_cache_hits", "Calls answered with a kept result", labels=labels)
        retries = CounterMetricFamily("cubekit_operation_retries", "Further tries of calls that failed", labels=labels)
        refusing = GaugeMetricFamily("cubekit_operation_breaker_open", "1 while a breaker refuses calls", labels=labels)
        bounds = [*map(floatToGoString, BUCKETS), "+Inf"]
        for endpoint in (*self._service.endpoints.values(), *self._service.routes.values()):
            names = [endpoint.instance.name, endpoint.operation.name]
            metrics = endpoint.metrics
            for outcome, count in metrics.outcomes.items():
                calls.add_metric([*names, outcome], count)
            counts = accumulate(metrics.duration.counts)
            duration.add_metric(names, list(zip(bounds, counts, strict=True)), metrics.duration.sum)
            in_flight.add_metric(names, metrics.in_flight)
            hits.add_metric(names, metrics.cache_hits)
            if endpoint.layer_state.retries is not None:
                retries.add_metric(names, metrics.retries)
            if endpoint.layer_state.breaker is not None:
                refusing.add_metric(names, float(endpoint.layer_state.breaker.open))
        yield from (calls, duration, in_flight, hits, retries, refusing)

    def _cubes(self) -> Iterator[Metric]:
        state = GaugeMetricFamily(
            "cubekit_cube_state",
            "1 for the state that a cube is in, 0 for the others",
            labels=["instance", "cube", "colour", "state"],
        )
        restarts = CounterMetricFamily("cubekit_cube_restarts", "Restarts after a crash", labels=["instance"])
        for instance in self._service.instances.values():
            descriptor = instance.planned.descriptor
            for one in State:
                names = [instance.name, descriptor.name, descriptor.colour.value, one.value]
                state.add_metric(names, float(instance.state is one))
            restarts.add_metric([instance.name], instance.restarts)
        yield from (state, restarts)

    def _bus(self) -> Iterator[Metric]:
        bus = self._service.bus
        yield CounterMetricFamily("cubekit_events_published", "Events published", value=bus.published)
        yield _events_dropped(bus.dropped)

    def _event_loop(self) -> Iterator[Metric]:
        watchdog = self._service.watchdog
        yield GaugeMetricFamily("cubekit_event_loop_lag_seconds", "How late the event loop was", value=watchdog.lag)
        yield CounterMetricFamily("cubekit_event_loop_blocks", "Times that it was held up", value=watchdog.blocks)
        yield CounterMetricFamily(
            "cubekit_event_loop_blocked_seconds", "How long it was held up", value=watchdog.blocked
        )


def events_dropped(count: int) -> Family:
    """The metric of events that were lost, as JSON has it."""
    return as_family(_events_dropped(count))


def _events_dropped(count: int) -> Metric:
    return CounterMetricFamily("cubekit_events_dropped", "Events lost by slow listeners", value=count)
