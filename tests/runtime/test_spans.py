"""Spans of sampled calls and streams, in a process of its own: the provider of spans is the process's, and set once."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

SCRIPT = """
import json, sys
from collections.abc import AsyncIterator
from contextlib import aclosing

import anyio
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from cubekit import CallContext, Cube, operation
from cubekit.testing import running


class Items(Cube):
    @operation
    async def feed(self, fails: bool = False) -> AsyncIterator[int]:
        with self.tracer.start_as_current_span("own"):
            pass
        yield 1
        if fails:
            raise ValueError
        yield 2


async def main():
    exporter, provider = InMemorySpanExporter(), TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    trace.set_tracer_provider(provider)
    sampled = CallContext(sampled=True)
    async with running({"a": Items}) as service:
        reader = trace.get_tracer("reader")
        with reader.start_as_current_span("reader") as span:
            async for _ in service.stream("a.feed", sampled):
                assert trace.get_current_span() is span
                with reader.start_as_current_span("read"):
                    pass
        async with aclosing(service.stream("a.feed", sampled)) as items:
            await anext(items)
        try:
            async for _ in service.stream("a.feed", sampled, fails=True):
                pass
        except Exception:
            pass
        async for _ in service.stream("a.feed", CallContext()):
            pass
    names = {span.context.span_id: span.name for span in exporter.get_finished_spans()}
    print(json.dumps([
        [span.name, span.parent and names[span.parent.span_id], span.status.status_code.name]
        for span in exporter.get_finished_spans()
    ]))


anyio.run(main, backend=sys.argv[1])
"""


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_a_sampled_stream_is_a_span(backend: str) -> None:
    ran = subprocess.run([sys.executable, "-c", SCRIPT, backend], capture_output=True, text=True, check=False)
    assert "Failed to detach" not in ran.stderr
    spans = [tuple(span) for span in json.loads(ran.stdout)]
    assert spans == [
        ("own", "a.feed", "UNSET"),
        ("read", "reader", "UNSET"),
        ("read", "reader", "UNSET"),
        ("a.feed", "reader", "UNSET"),
        ("reader", None, "UNSET"),
        ("own", "a.feed", "UNSET"),
        ("a.feed", None, "UNSET"),
        ("own", "a.feed", "UNSET"),
        ("a.feed", None, "ERROR"),
        ("own", None, "UNSET"),
    ]
