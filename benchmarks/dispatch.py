"""What the layers of a call cost, against a direct ``await`` and against the same layers as naive wrappers."""

from __future__ import annotations

import asyncio
import random
import statistics
import time
from collections.abc import Awaitable, Callable
from typing import Annotated, Any, Protocol

import anyio
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult

from cubekit import Cache, CallContext, Caller, Cube, contract, operation
from cubekit.authoring.context import active_call
from cubekit.ground.colours import Colour
from cubekit.runtime.service import Service
from cubekit.testing import Part, compose_parts

CALLS, ROUNDS = 20_000, 9

Work = Callable[[], Awaitable[Any]]


@contract("bench.numbers", version="1.0")
class Numbers(Protocol):
    """What is called."""

    async def plain(self, number: int) -> int:
        """Return at once."""
        ...

    async def nested(self, number: int) -> int:
        """Await something that returns at once."""
        ...

    async def suspends(self, number: int) -> int:
        """Wait for the event loop once."""
        ...


class Provider(Cube, Numbers, implements="bench.numbers@1.0"):
    """With scope, deadline, breaker, retries, queue, counters, histogram and the look at the sampling.

    Not with a cache, which would answer in the operation's place; a rate is measured by itself.
    """

    @operation(scope="bench", timeout=5, idempotent=True)
    async def plain(self, number: int) -> int:
        """Return at once."""
        return number

    @operation(scope="bench", timeout=5, idempotent=True, rate="1000000000/s")
    async def rated(self, number: int) -> int:
        """Return at once, and count the caller's calls."""
        return number

    @operation(scope="bench", timeout=5, idempotent=True, cache=Cache("1h"))
    async def kept(self, number: int) -> int:
        """Return what was returned before."""
        return number

    @operation(scope="bench", timeout=5, idempotent=True)
    async def nested(self, number: int) -> int:
        """Await something that returns at once."""
        return await self.inner(number)

    async def inner(self, number: int) -> int:
        """Return at once."""
        return number

    @operation(scope="bench", timeout=5, idempotent=True)
    async def suspends(self, number: int) -> int:
        """Wait for the event loop once."""
        await asyncio.sleep(0)
        return number


class Consumer(Cube):
    """Calls through a proxy."""

    numbers: Annotated[Numbers, ">=1,<2"]


def run() -> list[dict[str, Any]]:
    """Measure."""
    return asyncio.run(_measure())


async def _measure() -> list[dict[str, Any]]:
    parts = {
        "p": Part(Provider, settings={"limits": {"queue": 1000}, "breaker": {}, "retry": {}}),
        "c": Part(Consumer),
        "guard": Part(type("Guard", (Cube,), {}), colour=Colour.SECURITY),
    }
    async with Service(compose_parts(parts, health={"livez": {"max_lag": "1h"}})).running() as service:
        provider: Any = service.instances["p"].living()
        consumer: Any = service.instances["c"].living()
        context = CallContext(caller=Caller("ada", frozenset({"bench"})), deadline=time.monotonic() + 1e5)
        sampled = context._replace(sampled=True)
        active_call.set((context, time.monotonic() + 1e5))
        arguments = {"number": 1}
        calls = {name: service.endpoints[f"p.{name}"] for name in ("plain", "nested", "suspends", "rated", "kept")}
        for endpoint in calls.values():
            await endpoint.call(context, arguments)
        plain, nested, suspends, rated, kept = (endpoint.call for endpoint in calls.values())
        naive = _naive(provider.plain)
        work: dict[str, Work] = {
            "plain": lambda: provider.plain(1),
            "plain endpoint": lambda: plain(context, arguments),
            "plain proxy": lambda: consumer.numbers.plain(1),
            "nested": lambda: provider.nested(1),
            "nested endpoint": lambda: nested(context, arguments),
            "suspends": lambda: provider.suspends(1),
            "suspends endpoint": lambda: suspends(context, arguments),
            "rated": lambda: rated(context, arguments),
            "kept": lambda: kept(context, arguments),
            "naive": lambda: naive(1),
        }
        took: dict[str, list[float]] = {name: [] for name in (*work, "sampled")}
        for _ in range(ROUNDS):
            for name, one in work.items():
                took[name].append(await _timed(one, CALLS // 10 if name == "naive" else CALLS))
        nowhere = _Nowhere()
        processor = BatchSpanProcessor(nowhere)
        with service.telemetry.recording(processor):
            for _ in range(ROUNDS):
                took["sampled"].append(
                    await _timed(lambda: plain(sampled if random.random() < 0.01 else context, arguments))  # noqa: S311
                )
        processor.force_flush()
        if not nowhere.spans:
            raise SystemExit("no span was recorded, so the figure would be of something else")
    median = {name: statistics.median(found) * 1e6 for name, found in took.items()}
    fused = median["plain endpoint"] - median["plain"]
    return [
        _figure("not suspending, over a direct await", fused, 1.0),
        _figure("the same through a proxy", median["plain proxy"] - median["plain"]),
        _figure("with an await that does not suspend", median["nested endpoint"] - median["nested"], 1.0),
        _figure("suspending once", median["suspends endpoint"] - median["suspends"], 2.0),
        _figure("1 % sampled spans", median["sampled"] - median["plain"], 1.5),
        _figure("with a rate, which is no part of the target", median["rated"] - median["plain"]),
        _figure("answered from the cache", median["kept"]),
        _figure("naive wrappers", median["naive"] - median["plain"]),
        {
            "name": "naive / generated",
            "value": (median["naive"] - median["plain"]) / fused,
            "unit": "×",
            "target": "≥ 40",
            "ok": (median["naive"] - median["plain"]) / fused >= 40,
        },
    ]


def _figure(name: str, microseconds: float, most: float | None = None) -> dict[str, Any]:
    target = "" if most is None else f"≤ {most}"
    return {
        "name": name,
        "value": microseconds,
        "unit": "µs",
        "target": target,
        "ok": most is None or microseconds <= most,
    }


async def _timed(work: Work, calls: int = CALLS) -> float:
    began = time.perf_counter()
    for _ in range(calls):
        await work()
    return (time.perf_counter() - began) / calls


class _Nowhere(SpanExporter):
    spans = 0

    def export(self, spans: Any) -> SpanExportResult:
        self.spans += len(spans)
        return SpanExportResult.SUCCESS


def _naive(method: Callable[[int], Awaitable[int]]) -> Callable[[int], Awaitable[int]]:
    """The same layers as they are usually written: span, histogram, counter, breaker and timeout around each other."""
    tracing = TracerProvider()
    tracing.add_span_processor(BatchSpanProcessor(_Nowhere(), max_queue_size=65536))
    tracer = tracing.get_tracer("naive")
    meter = MeterProvider([InMemoryMetricReader()]).get_meter("naive")
    duration, count = meter.create_histogram("duration"), meter.create_counter("calls")
    failures = 0

    async def with_timeout(number: int) -> int:
        with anyio.fail_after(5):
            return await method(number)

    async def with_breaker(number: int) -> int:
        nonlocal failures
        if failures > 5:
            raise RuntimeError("open")
        try:
            value = await with_timeout(number)
        except Exception:
            failures += 1
            raise
        failures = 0
        return value

    async def with_metrics(number: int) -> int:
        began, outcome = time.perf_counter(), "error"
        try:
            value = await with_breaker(number)
            outcome = "ok"
            return value
        finally:
            attributes = {"instance": "p", "operation": "plain", "outcome": outcome}
            duration.record(time.perf_counter() - began, attributes)
            count.add(1, attributes)

    async def with_span(number: int) -> int:
        with tracer.start_as_current_span("p.plain", attributes={"instance": "p", "operation": "plain"}):
            return await with_metrics(number)

    return with_span


if __name__ == "__main__":
    for figure in run():
        print(figure)
