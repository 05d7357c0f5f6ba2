"""OTLP: exporters for what the configuration says, and log lines as it has them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from opentelemetry import trace
from opentelemetry._logs import LogRecord, SeverityNumber
from opentelemetry.exporter.otlp.proto.common._log_encoder import encode_logs
from opentelemetry.exporter.otlp.proto.common.metrics_encoder import encode_metrics
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk._logs import ReadableLogRecord
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.util.instrumentation import InstrumentationScope

from cubekit_monitoring.config import Export
from cubekit_monitoring.log_lines import LogLine

if TYPE_CHECKING:
    from opentelemetry.sdk.metrics.export import MetricsData
    from opentelemetry.sdk.trace import ReadableSpan

__all__ = ["Otlp"]

_SEVERITIES = {
    "debug": SeverityNumber.DEBUG,
    "info": SeverityNumber.INFO,
    "warning": SeverityNumber.WARN,
    "error": SeverityNumber.ERROR,
    "critical": SeverityNumber.FATAL,
}


class Otlp:
    """Exporters for the three signals, after `open`.

    Each function sends in the calling thread, and returns whether that succeeded. It raises if what is to be sent is
    at fault.

    :param resource: what spans say of their origin is said of log lines too.
    """

    def __init__(self, config: Export, resource: Resource) -> None:
        self._config = config
        self._resource = resource

    def open(self) -> None:
        """Make the exporters. It blocks: they read files, and gRPC is imported."""
        config = self._config
        make = _grpc if config.protocol == "grpc" else _http
        headers = {name.lower(): value.get_secret_value() for name, value in config.headers.items()}
        self._metrics, self._spans, self._logs = make(str(config.endpoint).rstrip("/"), headers, config.timeout)

    def send_metrics(self, batch: Sequence[MetricsData]) -> bool:
        """Send metrics."""
        return all(_send(self._metrics, data, encode_metrics) for data in batch)

    def send_spans(self, batch: Sequence[ReadableSpan]) -> bool:
        """Send spans."""
        return _send(self._spans, batch, encode_spans)

    def send_logs(self, batch: Sequence[LogLine]) -> bool:
        """Send log lines."""
        return _send(self._logs, [_record(line, self._resource) for line in batch], encode_logs)

    def close(self) -> None:
        """Let go of the collector; a try under way ends."""
        for exporter in (self._metrics, self._spans, self._logs):
            exporter.shutdown()


Exporters = tuple[Any, Any, Any]
"""Of metrics, spans and logs."""


def _http(endpoint: str, headers: dict[str, str], timeout: float) -> Exporters:
    def make(exporter: Callable[..., Any], path: str) -> Any:
        return exporter(endpoint=f"{endpoint}/v1/{path}", headers=headers, timeout=timeout)

    return make(OTLPMetricExporter, "metrics"), make(OTLPSpanExporter, "traces"), make(OTLPLogExporter, "logs")


def _grpc(endpoint: str, headers: dict[str, str], timeout: float) -> Exporters:
    # Not always installed, and with threads of its own from its import on.
    from opentelemetry.exporter.otlp.proto.grpc import _log_exporter, metric_exporter, trace_exporter

    def make(exporter: Callable[..., Any]) -> Any:
        insecure = endpoint.startswith("http://")
        return exporter(endpoint=endpoint, insecure=insecure, headers=headers, timeout=timeout)

    exporters = (metric_exporter.OTLPMetricExporter, trace_exporter.OTLPSpanExporter, _log_exporter.OTLPLogExporter)
    metrics, spans, logs = map(make, exporters)
    return metrics, spans, logs


def _send(exporter: Any, content: Any, encode: Callable[[Any], object]) -> bool:
    """Send, and return whether it has arrived."""
    if exporter.export(content).name == "SUCCESS":
        return True
    encode(content)  # raises if that is why: the exporter does not say
    return False


def _record(line: LogLine, resource: Resource) -> ReadableLogRecord:
    """Return a log line as OpenTelemetry has it."""
    attributes = {"cubekit.cube": line.cube, "exception.stacktrace": line.exception}
    return ReadableLogRecord(
        LogRecord(
            timestamp=int(line.time.timestamp() * 1e9),
            context=_context(line),
            severity_text=line.level.upper(),
            severity_number=_SEVERITIES.get(line.level, SeverityNumber.UNSPECIFIED),
            body=line.message,
            attributes={key: value for key, value in attributes.items() if value is not None},
        ),
        resource,
        InstrumentationScope(line.logger),
    )


def _context(line: LogLine) -> Any:
    """The context of the span within which a line was logged; of an unrecorded call only the trace is known."""
    span = trace.SpanContext(
        int(line.trace_id or "0", 16),
        int(line.span_id or "0", 16),
        is_remote=False,
        trace_flags=trace.TraceFlags(trace.TraceFlags.SAMPLED if line.span_id else trace.TraceFlags.DEFAULT),
    )
    return trace.set_span_in_context(trace.NonRecordingSpan(span))
