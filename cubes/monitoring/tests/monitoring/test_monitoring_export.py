"""Export by OTLP: what arrives, and what happens while the collector does not take it."""

from __future__ import annotations

import logging
from typing import Any

import anyio
import pytest
from anyio import to_thread
from cubekit import CallContext, Internal
from cubekit.testing import ControlledClock, http_client
from opentelemetry import trace

from cubekit_monitoring.exporting import Queue

from .collector import Collector
from .services import monitored

pytestmark = pytest.mark.anyio

INTERVAL = 5
SAMPLED = CallContext(sampled=True)


async def until(collector: Collector, clock: ControlledClock, found: Any) -> None:
    """Let time pass until the collector has received something."""
    await clock.until_asleep()
    with anyio.fail_after(20):
        async with anyio.create_task_group() as tasks:

            async def pass_time() -> None:
                while True:
                    await clock.advance(INTERVAL)
                    await anyio.lowlevel.checkpoint()

            tasks.start_soon(pass_time)
            await to_thread.run_sync(collector.wait_until, found)
            tasks.cancel_scope.cancel()


async def test_metrics_spans_and_logs_of_a_cube_arrive_without_a_line_in_it(collector: Collector) -> None:
    clock = ControlledClock()
    async with monitored(clock, export={"endpoint": collector.url, "interval": INTERVAL}) as service:
        await service.call("shop.sell", SAMPLED)
        await until(
            collector,
            clock,
            lambda c: c.spans() and c.logs() and {"shop.sold", "process.cpu.time"} <= c.metrics().keys(),
        )
    (span,) = [span for span in collector.spans() if span.name == "shop.sell"]
    assert span.trace_id.hex() == SAMPLED.trace_id
    (line,) = [line for line in collector.logs() if line.body.string_value == "sold hat"]
    assert (line.trace_id, line.span_id) == (span.trace_id, span.span_id)
    assert line.severity_text == "WARNING"
    metrics = collector.metrics()
    (point,) = metrics["shop.sold"].sum.data_points
    assert point.as_int == 1
    durations = {
        tuple(label.value.string_value for label in point.attributes): point
        for point in metrics["cubekit.operation.duration"].histogram.data_points
    }
    assert durations["shop", "sell"].count == 1
    assert not durations["shop", "sell"].HasField("max")
    assert metrics["cubekit.operation.calls"].sum.is_monotonic
    assert metrics["process.cpu.time"].unit == "s"
    assert collector.service_name() == "test"


async def test_headers_are_sent_and_only_chosen_signals(collector: Collector, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOKEN", "Bearer ada")
    clock = ControlledClock()
    export = {"endpoint": collector.url, "headers": {"Authorization": {"env": "TOKEN"}}, "signals": ["metrics"]}
    async with monitored(clock, export=export) as service:
        await service.call("shop.sell", SAMPLED)
        await until(collector, clock, Collector.metrics)
    assert {headers["authorization"] for headers in collector.headers} == {"Bearer ada"}
    assert collector.spans() == collector.logs() == []


async def test_what_an_export_logs_is_not_exported(collector: Collector, caplog: pytest.LogCaptureFixture) -> None:
    clock = ControlledClock()
    with caplog.at_level(logging.DEBUG):
        async with monitored(clock, export={"endpoint": collector.url, "interval": INTERVAL}) as service:
            await service.call("shop.sell")
            await until(collector, clock, Collector.logs)
            kept = {line.logger for line in await service.call("monitoring.logs", level="debug", limit=1000)}
    assert "urllib3.connectionpool" in kept
    assert "urllib3.connectionpool" not in collector.loggers()


async def test_what_is_left_is_sent_when_the_service_stops(collector: Collector) -> None:
    async with monitored(ControlledClock(), export={"endpoint": collector.url}) as service:
        await service.call("shop.sell", SAMPLED)
    assert [span.name for span in collector.spans()] == ["shop.sell"]
    assert "cubekit.cube.state" in collector.metrics()


async def test_the_collector_goes_and_comes_back(collector: Collector, caplog: pytest.LogCaptureFixture) -> None:
    clock = ControlledClock()
    collector.stop()
    export = {"endpoint": collector.url, "interval": INTERVAL, "timeout": "2s", "queue": 10}
    async with monitored(clock, export=export) as service:
        for number in range(40):
            assert await service.call("shop.sell", SAMPLED, item=f"hat {number}") == f"hat {number}"
        with anyio.fail_after(20):
            while None in await failing_since(service):
                await clock.advance(INTERVAL)
        state = {one.signal: one for one in await exports(service)}
        assert state["spans"].dropped >= 30
        for _ in range(20):
            await clock.advance(INTERVAL)
        assert (await exports(service))[0].dropped == 0, "metrics lose nothing"
        health = await service.instances["monitoring"].living().health_check()
        assert health.status == "warn"
        collector.start()
        await until(collector, clock, lambda c: len(c.spans()) >= 5 and c.logs() and c.metrics())
        with anyio.fail_after(20):
            while await failing_since(service) != {None}:
                await clock.advance(INTERVAL)
    assert "shop.sell" in {span.name for span in collector.spans()}, "the newest were kept"
    (calls,) = [
        point.as_int
        for point in collector.metrics()["cubekit.operation.calls"].sum.data_points
        if [label.value.string_value for label in point.attributes] == ["shop", "sell", "OK"]
    ]
    assert calls == 40, "metrics lose nothing"
    said = [record.getMessage() for record in caplog.records if record.name == "cubekit.cube.monitoring"]
    for signal in ("metrics", "spans", "logs"):
        assert len([text for text in said if text.startswith(f"{signal} cannot be exported")]) == 1
        assert len([text for text in said if text.startswith(f"{signal} are exported again")]) == 1


async def failing_since(service: Any) -> set[object]:
    return {one.failing_since for one in await exports(service)}


async def exports(service: Any) -> Any:
    return (await service.call("monitoring.overview")).exports


async def test_calls_are_answered_while_the_collector_hangs(collector: Collector) -> None:
    clock = ControlledClock()
    collector.hold()
    async with monitored(clock, export={"endpoint": collector.url, "interval": INTERVAL, "timeout": 20}) as service:
        await clock.until_asleep()
        await clock.advance(INTERVAL)
        await to_thread.run_sync(collector.held.wait, 20)
        assert collector.held.is_set()
        for _ in range(100):
            await service.call("shop.sell", SAMPLED)
        assert collector.spans() == []
        collector.release()
        await until(collector, clock, lambda c: len(c.spans()) >= 100)


async def test_a_collector_that_hangs_does_not_hold_up_the_end(collector: Collector) -> None:
    collector.hold()
    with anyio.fail_after(15):
        async with monitored(ControlledClock(), export={"endpoint": collector.url, "timeout": "1h"}) as service:
            await service.call("shop.sell", SAMPLED)
    assert collector.held.is_set()


async def test_a_batch_that_is_refused_for_ever_does_not_hold_up_the_others(collector: Collector) -> None:
    clock = ControlledClock()
    collector.status = 400
    export = {"endpoint": collector.url, "interval": INTERVAL, "batch": 1, "signals": ["spans"]}
    async with monitored(clock, export=export) as service:
        await service.call("shop.sell", SAMPLED, item="poison")
        await until(collector, clock, lambda c: len(c.headers) >= 12)
        while (await exports(service))[0].dropped == 0:
            await clock.advance(INTERVAL)
        collector.status = 200
        with pytest.raises(Internal):
            await service.call("shop.fail", SAMPLED)
        await until(collector, clock, Collector.spans)
    assert [span.name for span in collector.spans()] == ["shop.fail"]


@pytest.mark.parametrize("anyio_backend", ["asyncio"], indirect=True)
async def test_a_million_label_values_are_bounded_and_warned_of(
    collector: Collector, caplog: pytest.LogCaptureFixture
) -> None:
    clock = ControlledClock()
    async with monitored(clock, export={"endpoint": collector.url, "interval": INTERVAL}) as service:
        counter = service.instances["shop"].living().meter.create_counter("shop.visits")
        for number in range(1_000_000):
            counter.add(1, {"visitor": number})
        for _ in range(2):
            collector.forget()
            await until(collector, clock, lambda c: "shop.visits" in c.metrics())
    points = collector.metrics()["shop.visits"].sum.data_points
    assert len(points) == 2001
    assert sum(point.as_int for point in points) == 1_000_000
    warnings = [r for r in caplog.records if r.levelno == logging.WARNING and "shop.visits" in r.getMessage()]
    assert len(warnings) == 1


async def test_a_line_that_has_no_form_in_utf_8_is_exported_and_shown(collector: Collector) -> None:
    clock = ControlledClock()
    async with monitored(clock, export={"endpoint": collector.url, "interval": INTERVAL}) as service:
        await service.call("shop.sell", SAMPLED, item="caf\udce9")
        async with http_client(service) as client:
            answer = await client.get("/api/v1/metrics/logs", params={"cube": "shop"})
            assert [line["message"] for line in answer.json()["data"]] == [r"sold caf\udce9"]
        await until(collector, clock, lambda c: c.logs() and c.spans() and c.metrics())
    assert r"sold caf\udce9" in {line.body.string_value for line in collector.logs()}


async def test_a_value_beyond_64_bits_does_not_stop_the_other_metrics(
    collector: Collector, caplog: pytest.LogCaptureFixture
) -> None:
    clock = ControlledClock()
    async with monitored(clock, export={"endpoint": collector.url, "interval": INTERVAL}) as service:
        await service.call("shop.sell", item="hat")
        await service.call("shop.sell", item="star", count=2**63)
        for _ in range(2):
            collector.forget()
            await until(collector, clock, lambda c: "shop.sold" in c.metrics())
    (point,) = collector.metrics()["shop.sold"].sum.data_points
    assert point.attributes[0].value.string_value == "hat"
    assert caplog.text.count("beyond 64 bits") == 1


async def test_only_what_cannot_be_sent_is_lost(collector: Collector, caplog: pytest.LogCaptureFixture) -> None:
    clock = ControlledClock()
    export = {"endpoint": collector.url, "interval": INTERVAL, "signals": ["spans"]}
    async with monitored(clock, export=export) as service:
        tracer = trace.get_tracer("shop")
        for number in range(50):
            with tracer.start_as_current_span(f"span {number}" if number % 20 else "\udce9"):
                pass
        spans = await service.call("monitoring.spans")
        assert r"\udce9" in {span.name for span in spans}
        await until(collector, clock, lambda c: len(c.spans()) >= 47)
        with anyio.fail_after(20):
            while (await exports(service))[0].sent < 47:
                await anyio.lowlevel.checkpoint()
        (state,) = await exports(service)
    assert (state.sent, state.dropped, state.failing_since) == (47, 3, None)
    assert [span.name for span in collector.spans()] == [f"span {number}" for number in range(50) if number % 20]
    (said,) = [record for record in caplog.records if "cannot be sent" in record.getMessage()]
    assert said.exc_info


def test_what_waits_is_bounded_in_bytes_too() -> None:
    waiting: Queue[str] = Queue(100, 2, room=10, measure=len)
    for item in ("aaaa", "bbbb", "cccc"):
        waiting.add(item)
    assert (waiting.pop(), waiting.dropped) == (["bbbb", "cccc"], 1)
    waiting.add("dddddddd")
    waiting.put_back(["bbbb", "c"])
    assert (waiting.pop(), waiting.dropped) == (["c", "dddddddd"], 2)
    waiting.add("far too long to wait")
    assert (waiting.pop(), waiting.dropped) == ([], 3)
