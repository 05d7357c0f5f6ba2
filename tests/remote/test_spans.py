"""One trace over two services, in a process of its own: the provider of spans is the process's, and set once."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

SCRIPT = """
import json

import anyio
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from cubekit import CallContext
from cubekit.testing import running
from tests.remote.serving import far_service, reader


async def main(url):
    parts = reader(url)
    async with running(parts.pop("parts"), **parts) as service:
        await service.call("reader.lookUp", CallContext(sampled=True), word="a")
        async for _ in service.stream("reader.spell", CallContext(sampled=True), word="a"):
            pass
        await service.call("reader.lookUp", CallContext(), word="a")


exporter, provider = InMemorySpanExporter(), TracerProvider()
provider.add_span_processor(SimpleSpanProcessor(exporter))
trace.set_tracer_provider(provider)
with far_service() as far:
    anyio.run(main, far.url)
names = {span.context.span_id: span.name for span in exporter.get_finished_spans()}
print(json.dumps([(span.name, span.parent and names[span.parent.span_id]) for span in exporter.get_finished_spans()]))
"""


def test_the_span_there_is_a_child_of_the_span_here() -> None:
    command = [sys.executable, "-c", SCRIPT]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=Path(__file__).parents[2])
    assert done.returncode == 0, done.stderr
    assert sorted(json.loads(done.stdout), key=lambda span: span[0]) == [
        ["far.lookUp", "reader.lookUp"],
        ["far.spell", "reader.spell"],
        ["reader.lookUp", None],
        ["reader.spell", None],
        ["words.lookUp", "far.lookUp"],
        ["words.spell", "far.spell"],
    ]
