"""OpenTelemetry for cubes. Nothing of it is imported, and no SDK object exists, until a cube asks."""

from __future__ import annotations

import os
import socket
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from typing import TYPE_CHECKING, Any

from anyio import to_thread

from cubekit.authoring.cubes import Cube
from cubekit.authoring.telemetry import Measured
from cubekit.runtime.names import names_in

if TYPE_CHECKING:
    from opentelemetry.metrics import Meter
    from opentelemetry.sdk.metrics import MeterProvider
    from opentelemetry.sdk.metrics.export import InMemoryMetricReader, MetricsData
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import SpanProcessor
    from opentelemetry.trace import Tracer

    from cubekit.runtime.meters import InstanceMeter

__all__ = ["ServiceTelemetry"]

_NEED_THE_SDK = {"meter", "telemetry"}
"""Attributes of cubes."""


class ServiceTelemetry:
    """Meters and tracers of one service; implements `cubekit.authoring.telemetry.Telemetry`.

    Meters belong to a provider of the service's own, which `collected` reads; the process-wide provider, which can
    be set once only, is left alone. Tracers are the process-wide provider's, and record nothing until one is set:
    `recording` sets one that hands spans on to whoever asks.

    :param measure: returns the current values of the runtime's metrics.
    """

    def __init__(
        self, service: str, instances: Sequence[str], measure: Callable[[], Awaitable[Sequence[Measured]]]
    ) -> None:
        self.service = service
        self.instances = instances
        self._measure = measure
        self._reader: InMemoryMetricReader | None = None
        self._provider: MeterProvider | None = None
        self._meters: dict[str, InstanceMeter] = {}

    @cached_property
    def resource(self) -> Resource:
        """What exports say of their origin: this service, in this process."""
        from opentelemetry.sdk.resources import PROCESS_PID, SERVICE_INSTANCE_ID, SERVICE_NAME, Resource

        pid = os.getpid()
        instance = f"{socket.gethostname()}-{pid}"
        return Resource.create({SERVICE_NAME: self.service, SERVICE_INSTANCE_ID: instance, PROCESS_PID: pid})

    async def prepare(self, cubes: Iterable[type[Cube[Any]]]) -> None:
        """Get ready in a thread what these cubes will ask for: on the event loop, all others would wait for it.

        Importing the SDK takes 70 ms, and it looks for resources in threads and files. A service whose cubes do not
        ask imports none of it.
        """
        if any(not _NEED_THE_SDK.isdisjoint(names_in(cube, Cube)) for cube in cubes):
            await to_thread.run_sync(self._make_provider)

    def meter(self, instance: str) -> Meter:
        """Return the meter of an instance. One that `prepare` has not foreseen waits for the SDK here."""
        if instance not in self._meters:
            from cubekit.runtime.meters import InstanceMeter

            self._meters[instance] = InstanceMeter(self._make_provider().get_meter(instance))
        return self._meters[instance]

    def forget_callbacks(self, instance: str) -> None:
        """Ask the callbacks that an instance has registered no more: their object is gone."""
        if instance in self._meters:
            self._meters[instance].forget_callbacks()

    def tracer(self, instance: str) -> Tracer:
        """Return the tracer of an instance."""
        from opentelemetry.trace import get_tracer

        return get_tracer(f"cubekit.cube.{instance}")

    async def measured(self) -> Sequence[Measured]:
        """Return the current values of the runtime's metrics."""
        return await self._measure()

    def collected(self) -> MetricsData | None:
        """Collect what the cubes have measured; None if no cube measures anything."""
        return self._reader.get_metrics_data() if self._reader else None

    @contextmanager
    def recording(self, processor: SpanProcessor) -> Iterator[None]:
        """Hand every span of a sampled call to a processor, for the time of a ``with`` block."""
        from cubekit.runtime.tracing import spans_of_process

        spans = spans_of_process(self.resource)
        spans.add(processor)
        try:
            yield
        finally:
            spans.remove(processor)

    def close(self) -> None:
        """Release the provider."""
        if self._provider is not None:
            self._provider.shutdown()

    def _make_provider(self) -> MeterProvider:
        if self._provider is None:
            from opentelemetry.sdk.metrics import MeterProvider
            from opentelemetry.sdk.metrics.export import InMemoryMetricReader

            self._reader = InMemoryMetricReader()
            self._provider = MeterProvider([self._reader], self.resource, shutdown_on_exit=False)
        return self._provider
