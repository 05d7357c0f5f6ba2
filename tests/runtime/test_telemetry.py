"""`self.telemetry`: what a cube that exports gets from the runtime."""

from __future__ import annotations

import logging
import os
from typing import Annotated, Protocol

import pytest
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor
from opentelemetry.trace import format_trace_id

from cubekit import CallContext, Cube, Distribution, MetricKind, contract, operation
from cubekit.authoring.telemetry import OPERATION_CALLS, RUNTIME_METRICS, prometheus_name
from cubekit.runtime.measuring import measure
from cubekit.testing import Part, http_client, running

pytestmark = pytest.mark.anyio


@contract("test.calendar", version="1.0")
class Calendar(Protocol):
    async def date(self) -> str: ...


class Days(Cube, Calendar, implements="test.calendar@1.0"):
    async def date(self) -> str:
        with self.tracer.start_as_current_span("look up"):
            return "today"


class Diary(Cube):
    calendar: Annotated[Calendar, ">=1,<2"]

    @operation
    async def write(self) -> str:
        self.meter.create_histogram("pages.size", unit="By").record(7)
        return await self.calendar.date()

    @operation
    async def fail(self) -> None:
        raise ZeroDivisionError


class Recorder(SpanProcessor):
    def __init__(self) -> None:
        self.ended: list[ReadableSpan] = []

    def on_end(self, span: ReadableSpan) -> None:
        self.ended.append(span)

    @property
    def names(self) -> list[str]:
        return [span.name for span in self.ended]


async def test_spans_of_sampled_calls_go_to_whoever_asks_and_only_as_long_as_it_does() -> None:
    recorder = Recorder()
    async with running({"days": Days, "diary": Diary}) as service:
        telemetry = service.instances["diary"].living().telemetry
        sampled = CallContext(sampled=True)
        with telemetry.recording(recorder):
            await service.call("diary.write", sampled)
            await service.call("diary.write", CallContext(sampled=False))
        await service.call("diary.write", sampled)
    assert recorder.names == ["look up", "days.date", "diary.write"], "nothing of the unsampled call"
    inner, middle, outer = recorder.ended
    assert outer.parent is None
    assert outer.context is not None
    assert format_trace_id(outer.context.trace_id) == sampled.trace_id
    assert middle.parent is not None
    assert middle.parent.span_id == outer.context.span_id
    assert inner.context is not None
    assert inner.context.trace_id == outer.context.trace_id


async def test_a_failure_has_one_trace_id_for_the_client_the_log_and_the_span(
    caplog: pytest.LogCaptureFixture,
) -> None:
    recorder = Recorder()
    async with (
        running({"days": Days, "diary": Diary}, telemetry={"sample": 1.0}) as service,
        http_client(service) as client,
    ):
        with service.telemetry.recording(recorder), caplog.at_level(logging.ERROR):
            answer = await client.post("/api/v1/diary/fail", json={})
    (span,) = recorder.ended
    assert span.context is not None
    assert answer.json()["traceId"] == format_trace_id(span.context.trace_id)
    assert [vars(record).get("trace_id") for record in caplog.records] == [answer.json()["traceId"]]


async def test_every_metric_of_the_runtime_is_measured_and_shown() -> None:
    async with running({"days": Days, "diary": Diary}) as service, http_client(service) as client:
        await service.call("diary.write")
        measured = {found.definition: found.points for found in await service.telemetry.measured()}
        text = (await client.get("/metrics")).text
    assert set(measured) == set(RUNTIME_METRICS)
    for definition, points in measured.items():
        assert definition.prometheus in text
        for labels, value in points:
            assert len(labels) == len(definition.labels)
            assert isinstance(value, Distribution) == (definition.kind is MetricKind.HISTOGRAM)
    assert 'pages_size_bytes_count{instance="diary"} 1.0' in text
    origin = service.telemetry.resource.attributes
    assert (origin["service.name"], origin["process.pid"]) == ("test", os.getpid())
    assert service.telemetry.service == "test"
    assert service.telemetry.instances == ("days", "diary")


@pytest.mark.parametrize(
    ("name", "unit", "expected"),
    [
        ("cubekit.operation.duration", "s", "cubekit_operation_duration_seconds"),
        ("disk.size_bytes", "By", "disk_size_bytes"),
        ("2.stars", "{star}", "_2_stars"),
    ],
)
async def test_names_for_prometheus(name: str, unit: str, expected: str) -> None:
    assert prometheus_name(name, unit) == expected


@pytest.mark.anyio
async def test_success_and_mistakes_are_measured_before_the_first() -> None:
    class Quiet(Cube):
        """Nobody calls it."""

        @operation
        async def wait(self) -> None: ...

    async with running({"quiet": Part(Quiet)}) as service:
        (calls,) = [one for one in await measure(service) if one.definition is OPERATION_CALLS]
    assert list(calls.points) == [(("quiet", "wait", "OK"), 0), (("quiet", "wait", "INTERNAL"), 0)]
