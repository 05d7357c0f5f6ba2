"""`SpanTap`: keeps the spans of sampled calls, and hands them on."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

from cubekit import Model
from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor

from cubekit_monitoring.config import Spans
from cubekit_monitoring.log_lines import encodable
from cubekit_monitoring.ring import Ring

__all__ = ["SpanLine", "SpanTap", "read_span", "size_of_span"]


class SpanLine(Model):
    """A span that has ended."""

    name: str
    trace_id: str
    span_id: str
    parent_id: str | None
    start: datetime
    seconds: float
    error: str | None
    """What went wrong, if anything did."""
    attributes: dict[str, str]


class SpanTap(SpanProcessor):
    """Takes spans where they end; nothing here waits.

    :param hand_on: gets each span.
    """

    def __init__(self, config: Spans, hand_on: Callable[[ReadableSpan], None] | None = None) -> None:
        self.kept: Ring[ReadableSpan] = Ring(config.keep, config.keep_size)
        self._hand_on = hand_on

    def on_end(self, span: ReadableSpan) -> None:
        """Take a span."""
        self.kept.add(span, size_of_span(span))
        if self._hand_on is not None:
            self._hand_on(span)


def read_span(span: ReadableSpan) -> SpanLine:
    """Return what a span says."""
    context = span.get_span_context() or trace.INVALID_SPAN_CONTEXT
    start, end = span.start_time or 0, span.end_time or 0
    return SpanLine(
        name=encodable(span.name),
        trace_id=trace.format_trace_id(context.trace_id),
        span_id=trace.format_span_id(context.span_id),
        parent_id=trace.format_span_id(span.parent.span_id) if span.parent else None,
        start=datetime.fromtimestamp(start / 1e9, UTC),
        seconds=(end - start) / 1e9,
        error=None if span.status.is_ok else encodable(span.status.description or "error"),
        attributes={encodable(key): encodable(str(value)) for key, value in (span.attributes or {}).items()},
    )


def size_of_span(span: ReadableSpan) -> int:
    """About how many bytes of memory a span takes."""
    tables = [span.attributes, *(event.attributes for event in span.events)]
    return 1500 + sum(len(key) + len(str(value)) for table in tables for key, value in (table or {}).items())
