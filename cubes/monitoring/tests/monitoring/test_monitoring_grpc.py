"""Export over gRPC, to a collector of the test's own."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc  # type: ignore[import-untyped]
import pytest
from anyio import to_thread
from cubekit import CallContext
from cubekit.ground.diagnostics import CubekitError
from cubekit.testing import compose_parts
from opentelemetry.proto.collector.logs.v1 import logs_service_pb2, logs_service_pb2_grpc
from opentelemetry.proto.collector.metrics.v1 import metrics_service_pb2, metrics_service_pb2_grpc
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2, trace_service_pb2_grpc

from .services import monitored, parts

pytestmark = pytest.mark.anyio


class Service:
    """Takes one signal."""

    def __init__(self, response: Any) -> None:
        self.requests: list[Any] = []
        self.metadata: dict[str, str] = {}
        self.arrived = threading.Event()
        self._response = response

    def Export(self, request: Any, context: Any) -> Any:
        self.metadata = dict(context.invocation_metadata())
        self.requests.append(request)
        self.arrived.set()
        return self._response


@pytest.fixture
def collector() -> Iterator[tuple[str, dict[str, Service]]]:
    """Its URL, and what it takes."""
    services = {
        "logs": Service(logs_service_pb2.ExportLogsServiceResponse()),
        "metrics": Service(metrics_service_pb2.ExportMetricsServiceResponse()),
        "spans": Service(trace_service_pb2.ExportTraceServiceResponse()),
    }
    server = grpc.server(ThreadPoolExecutor(3))
    adding: dict[str, Any] = {
        "logs": logs_service_pb2_grpc.add_LogsServiceServicer_to_server,
        "metrics": metrics_service_pb2_grpc.add_MetricsServiceServicer_to_server,
        "spans": trace_service_pb2_grpc.add_TraceServiceServicer_to_server,
    }
    for signal, add in adding.items():
        add(services[signal], server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    yield f"http://127.0.0.1:{port}", services
    server.stop(0).wait()


async def test_all_signals_arrive(collector: tuple[str, dict[str, Service]], monkeypatch: pytest.MonkeyPatch) -> None:
    url, services = collector
    monkeypatch.setenv("TOKEN", "ada")
    export = {
        "endpoint": url,
        "protocol": "grpc",
        "interval": "100ms",
        "headers": {"X-Token": {"env": "TOKEN"}},
    }
    async with monitored(export=export) as service:
        await service.call("shop.sell", CallContext(sampled=True))
        for signal in services.values():
            assert await to_thread.run_sync(signal.arrived.wait, 20)
    (span,) = [
        span
        for request in services["spans"].requests
        for resource in request.resource_spans
        for scope in resource.scope_spans
        for span in scope.spans
    ]
    assert span.name == "shop.sell"
    assert {service.metadata["x-token"] for service in services.values()} == {"ada"}


async def test_without_the_extra_it_is_an_error_of_composition(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cubekit_monitoring.config.find_spec", lambda name: None)
    with pytest.raises(CubekitError, match=r"cubekit-monitoring\[grpc\]"):
        compose_parts(parts(export={"endpoint": "http://127.0.0.1:4317", "protocol": "grpc"}))
