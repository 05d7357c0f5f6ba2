"""A little OTLP collector on loopback, which can go away and come back on the same port."""

from __future__ import annotations

import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

_REQUESTS: dict[str, type[Any]] = {
    "/v1/logs": ExportLogsServiceRequest,
    "/v1/metrics": ExportMetricsServiceRequest,
    "/v1/traces": ExportTraceServiceRequest,
}


class Collector:
    """Keeps what it receives. `status` and `held` make it refuse, or not answer at all."""

    def __init__(self) -> None:
        self.port = 0
        self.status = 200
        self.held = threading.Event()
        self.headers: list[dict[str, str]] = []
        self._received: dict[str, list[Any]] = {path: [] for path in _REQUESTS}
        self._changed = threading.Condition()
        self._free = threading.Event()
        self._free.set()

    def __enter__(self) -> Collector:
        self.start()
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.release()
        self.stop()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Listen, on the same port as before."""
        self._server = ThreadingHTTPServer(("127.0.0.1", self.port), _handler(self))
        self.port = self._server.server_port
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})
        self._thread.start()

    def stop(self) -> None:
        """Go away."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def hold(self) -> None:
        """Answer nobody until `release`; `held` is set when somebody waits."""
        self._free.clear()

    def release(self) -> None:
        self._free.set()

    def forget(self) -> None:
        """Forget what has been received."""
        with self._changed:
            self._received = {path: [] for path in _REQUESTS}

    def take(self, path: str, body: bytes, headers: dict[str, str]) -> int:
        if not self._free.is_set():
            self.held.set()
            self._free.wait(20)
        with self._changed:
            self.headers.append(headers)
            if self.status == 200:
                self._received[path].append(_REQUESTS[path].FromString(body))
            self._changed.notify_all()
            return self.status

    def metrics(self) -> dict[str, Any]:
        """The last export of each metric, by name."""
        return {
            metric.name: metric
            for request in self._received["/v1/metrics"]
            for resource in request.resource_metrics
            for scope in resource.scope_metrics
            for metric in scope.metrics
        }

    def spans(self) -> list[Any]:
        return [
            span
            for request in self._received["/v1/traces"]
            for resource in request.resource_spans
            for scope in resource.scope_spans
            for span in scope.spans
        ]

    def logs(self) -> list[Any]:
        return [
            record
            for request in self._received["/v1/logs"]
            for resource in request.resource_logs
            for scope in resource.scope_logs
            for record in scope.log_records
        ]

    def loggers(self) -> set[str]:
        """Who has logged."""
        return {
            scope.scope.name
            for request in self._received["/v1/logs"]
            for resource in request.resource_logs
            for scope in resource.scope_logs
        }

    def service_name(self) -> str:
        """What the last export of metrics says of its origin."""
        (resource,) = self._received["/v1/metrics"][-1].resource_metrics
        (name,) = [one.value.string_value for one in resource.resource.attributes if one.key == "service.name"]
        return str(name)

    def wait_until(self, found: Callable[[Collector], object]) -> None:
        """Block until something has been received; to be called in a thread."""
        with self._changed:
            assert self._changed.wait_for(lambda: found(self), 20), "the collector did not receive it in time"


def _handler(collector: Collector) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            headers = {name.lower(): value for name, value in self.headers.items()}
            status = collector.take(self.path, body, headers)
            self.send_response(status)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None: ...

    return Handler
