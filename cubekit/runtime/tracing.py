"""`spans_of_process`: the process-wide provider of spans, and who gets the spans.

That provider can be set once only, so it is a thin one that lasts: it hands spans to whoever wants them at the moment.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from functools import cache

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, Span, SpanLimits, SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.id_generator import RandomIdGenerator
from opentelemetry.sdk.trace.sampling import Decision, Sampler, SamplingResult
from opentelemetry.trace import Link, SpanKind, TraceState
from opentelemetry.util.types import Attributes

from cubekit.authoring.context import active_call
from cubekit.runtime.dispatch.spans import root_trace

__all__ = ["spans_of_process"]

_log = logging.getLogger("cubekit.service")

_LONGEST_VALUE = 4096
"""Characters of an attribute that are kept: spans wait in memory until they have been exported."""


class _Spans(SpanProcessor):
    """Hands spans to those who are there at the moment."""

    def __init__(self) -> None:
        self._processors: tuple[SpanProcessor, ...] = ()

    def add(self, processor: SpanProcessor) -> None:
        """Hand spans to a processor from now on."""
        self._processors = (*self._processors, processor)

    def remove(self, processor: SpanProcessor) -> None:
        """Hand it no more."""
        self._processors = tuple(other for other in self._processors if other is not processor)

    def on_start(self, span: Span, parent_context: Context | None = None) -> None:
        for processor in self._processors:
            processor.on_start(span, parent_context)

    def on_end(self, span: ReadableSpan) -> None:
        for processor in self._processors:
            processor.on_end(span)


@cache
def spans_of_process(resource: Resource) -> _Spans:
    """Return who hands out the spans of this process, and set the process-wide provider if nobody has.

    :param resource: what spans say of their origin.
    """
    spans = _Spans()
    provider = trace.get_tracer_provider()
    if isinstance(provider, trace.ProxyTracerProvider):
        provider = TracerProvider(
            sampler=_AsTheCall(),
            resource=resource,
            shutdown_on_exit=False,
            id_generator=_TraceOfTheCall(),
            span_limits=SpanLimits(max_attribute_length=_LONGEST_VALUE),
        )
        trace.set_tracer_provider(provider)
    if isinstance(provider, TracerProvider):
        provider.add_span_processor(spans)
    else:
        found = type(provider).__qualname__
        _log.warning("spans cannot be read: this process has a tracer provider of another kind, %s", found)
    return spans


class _AsTheCall(Sampler):
    """Records what is within a sampled span or call, and what is within none. The port has decided for the call."""

    def should_sample(
        self,
        parent_context: Context | None,
        trace_id: int,
        name: str,
        kind: SpanKind | None = None,
        attributes: Attributes = None,
        links: Sequence[Link] | None = None,
        trace_state: TraceState | None = None,
    ) -> SamplingResult:
        parent = trace.get_current_span(parent_context).get_span_context()
        if parent.is_valid:
            sampled = parent.trace_flags.sampled
        else:
            active = active_call.get()
            # The dispatcher begins a span for a sampled call only, whatever call it is within.
            sampled = root_trace.get() is not None or active is None or active[0].sampled
        return SamplingResult(Decision.RECORD_AND_SAMPLE if sampled else Decision.DROP, attributes, parent.trace_state)

    def get_description(self) -> str:
        return "as the call was sampled"


class _TraceOfTheCall(RandomIdGenerator):
    """Gives the first span of a call the trace id that its caller has been told, or will be told if it fails."""

    def generate_trace_id(self) -> int:
        known = root_trace.get()
        return super().generate_trace_id() if known is None else int(known, 16)
