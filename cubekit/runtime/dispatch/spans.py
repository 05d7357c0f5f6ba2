"""Spans of sampled calls. Whether a call is sampled was decided before: an unsampled one touches nothing of this."""

from __future__ import annotations

import sys
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import aclosing, contextmanager
from contextvars import ContextVar, copy_context
from functools import cache
from typing import TYPE_CHECKING, Any

from cubekit.authoring.context import CallContext

if TYPE_CHECKING:
    from opentelemetry.trace import Tracer

__all__ = ["root_trace", "spanned", "spanned_stream", "tracing"]

root_trace: ContextVar[str | None] = ContextVar("cubekit.root_trace", default=None)
"""The trace of a call that is about to begin its first span: the span takes it instead of a new one."""


def tracing() -> bool:
    """Whether somebody in this process may record spans: without the SDK nobody does."""
    return "opentelemetry.sdk.trace" in sys.modules


@cache
def _tracer() -> Tracer:
    """The dispatcher's tracer, asked for once: to ask costs as much as a span. One that came early follows later."""
    from opentelemetry import trace

    return trace.get_tracer("cubekit.dispatch")


@contextmanager
def spanned(name: str, context: CallContext) -> Iterator[CallContext]:
    """Record a span around a block, as a child of the context's; yields the context of what happens inside.

    The span's attributes follow OpenTelemetry's conventions for remote procedure calls.
    """
    from opentelemetry import trace

    service, _, method = name.rpartition(".")
    attributes = {"rpc.system": "cubekit", "rpc.service": service, "rpc.method": method}
    parent = None
    if context.parent_span_id is not None:
        remote = trace.SpanContext(
            int(context.trace_id, 16), int(context.parent_span_id, 16), is_remote=True, trace_flags=trace.TraceFlags(1)
        )
        parent = trace.set_span_in_context(trace.NonRecordingSpan(remote))
    token = root_trace.set(context.trace_id)
    try:
        started = _tracer().start_span(name, parent, attributes=attributes)
    finally:
        root_trace.reset(token)
    with trace.use_span(started, end_on_exit=True) as span:
        said = span.get_span_context()
        if not said.is_valid:
            yield context
            return
        yield context._replace(
            trace_id=trace.format_trace_id(said.trace_id),
            parent_span_id=trace.format_span_id(said.span_id),
        )


async def spanned_stream(
    name: str, context: CallContext, items: Callable[[CallContext], AsyncGenerator[Any, None]]
) -> AsyncGenerator[Any, None]:
    """Record a span around a stream, as `spanned` does: the current one while an item is made, and not in between."""
    from opentelemetry.context import attach, detach, get_current

    # Who reads the stream has a current span of its own, so this one is held in variables apart.
    apart, span = copy_context(), spanned(name, context)
    inner = apart.run(span.__enter__)
    current = apart.run(get_current)
    try:
        async with aclosing(items(inner)) as made:
            while True:
                token = attach(current)
                try:
                    item = await anext(made, _END)
                finally:
                    detach(token)
                if item is _END:
                    break
                yield item
    except BaseException as error:
        apart.run(span.__exit__, type(error), error, error.__traceback__)
        raise
    apart.run(span.__exit__, None, None, None)


_END: Any = object()
