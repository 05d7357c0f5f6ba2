"""`InstanceMeter`: a meter whose instruments outlive the objects that measure with them."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from functools import partial
from typing import Any, TypeVar

from opentelemetry.metrics import (
    CallbackOptions,
    CallbackT,
    Counter,
    Histogram,
    Meter,
    ObservableCounter,
    ObservableGauge,
    ObservableUpDownCounter,
    Observation,
    UpDownCounter,
)
from opentelemetry.metrics import _Gauge as Gauge

__all__ = ["InstanceMeter"]

I = TypeVar("I")  # noqa: E741 - an instrument


class InstanceMeter(Meter):
    """The meter of one instance.

    OpenTelemetry keeps an instrument for ever, and with it the callbacks that came first. Here the callbacks of a new
    object take the place of its predecessor's.
    """

    def __init__(self, meter: Meter) -> None:
        super().__init__(meter.name, meter.version, meter.schema_url)
        self._meter = meter
        self._observable: dict[str, Any] = {}
        self._callbacks: dict[str, list[Callable[[CallbackOptions], Iterable[Observation]]]] = {}

    def forget_callbacks(self) -> None:
        """Ask no callback until another is registered."""
        self._callbacks.clear()

    def create_counter(self, name: str, unit: str = "", description: str = "") -> Counter:
        """Return a counter."""
        return self._meter.create_counter(name, unit, description)

    def create_up_down_counter(self, name: str, unit: str = "", description: str = "") -> UpDownCounter:
        """Return a counter that goes down too."""
        return self._meter.create_up_down_counter(name, unit, description)

    def create_gauge(self, name: str, unit: str = "", description: str = "") -> Gauge:
        """Return a gauge."""
        return self._meter.create_gauge(name, unit, description)

    def create_histogram(
        self,
        name: str,
        unit: str = "",
        description: str = "",
        *,
        explicit_bucket_boundaries_advisory: Sequence[float] | None = None,
    ) -> Histogram:
        """Return a histogram."""
        return self._meter.create_histogram(
            name, unit, description, explicit_bucket_boundaries_advisory=explicit_bucket_boundaries_advisory
        )

    def create_observable_counter(
        self, name: str, callbacks: Sequence[CallbackT] | None = None, unit: str = "", description: str = ""
    ) -> ObservableCounter:
        """Return a counter that asks for its value."""
        return self._observed(self._meter.create_observable_counter, name, callbacks, unit, description)

    def create_observable_gauge(
        self, name: str, callbacks: Sequence[CallbackT] | None = None, unit: str = "", description: str = ""
    ) -> ObservableGauge:
        """Return a gauge that asks for its value."""
        return self._observed(self._meter.create_observable_gauge, name, callbacks, unit, description)

    def create_observable_up_down_counter(
        self, name: str, callbacks: Sequence[CallbackT] | None = None, unit: str = "", description: str = ""
    ) -> ObservableUpDownCounter:
        """Return a counter that goes down too and asks for its value."""
        return self._observed(self._meter.create_observable_up_down_counter, name, callbacks, unit, description)

    def _observed(
        self, create: Callable[..., I], name: str, callbacks: Sequence[CallbackT] | None, unit: str, description: str
    ) -> I:
        self._callbacks[name] = [_asked(callback) for callback in callbacks or ()]
        if name not in self._observable:
            self._observable[name] = create(name, [partial(self._observe, name)], unit, description)
        instrument: I = self._observable[name]
        return instrument

    def _observe(self, name: str, options: CallbackOptions) -> Iterator[Observation]:
        for callback in self._callbacks.get(name, ()):
            yield from callback(options)


def _asked(callback: CallbackT) -> Callable[[CallbackOptions], Iterable[Observation]]:
    """A callback as a function. As in the SDK, a generator waits at its first ``yield`` for a question."""
    if not isinstance(callback, Generator):
        return callback
    next(callback)
    return callback.send
