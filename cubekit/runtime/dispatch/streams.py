"""Streams through the same layers as calls, item by item."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import aclosing
from time import monotonic
from typing import TYPE_CHECKING, Any

from cubekit.authoring.context import CallContext, active_call, with_deadline
from cubekit.authoring.failures import DeadlineExceeded
from cubekit.runtime.dispatch.admission import lacks
from cubekit.runtime.instances import Life
from cubekit.runtime.tickets import StreamTicket

if TYPE_CHECKING:
    from cubekit.runtime.dispatch.endpoint import Encode, Endpoint

__all__ = ["stream"]


async def stream(
    endpoint: Endpoint,
    context: CallContext,
    arguments: Mapping[str, Any],
    deadline: float,
    encode: Encode | None = None,
) -> AsyncGenerator[Any, None]:
    """Yield the items of a stream.

    Nothing is held across a ``yield``: each item has its own deadline, the earliest of the whole stream's, the first
    item's and the pause between items.

    :raises Failure: whatever goes wrong; an unexpected exception is logged and becomes `Internal`.
    """
    metrics, began = endpoint.metrics, monotonic()
    metrics.in_flight += 1
    try:
        deadline = min([deadline, *_deadlines(endpoint, context, began)])
        life = _admitted(endpoint, context, began, deadline)
        with life.tickets.stream() as ticket:
            async with aclosing(_items(endpoint, life, ticket, context, arguments, deadline)) as items:
                async for item in items:
                    yield item if encode is None else encode(item)
    except BaseException as error:
        metrics.in_flight -= 1
        failure = endpoint.failed(context, error, monotonic() - began)
        if failure is error:
            raise
        raise failure from error
    metrics.in_flight -= 1
    metrics.duration.observe(monotonic() - began)


def _deadlines(endpoint: Endpoint, context: CallContext, began: float) -> list[float]:
    spans = [] if endpoint.timeout is None else [began + endpoint.timeout]
    return spans if context.deadline is None else [*spans, context.deadline]


def _admitted(endpoint: Endpoint, context: CallContext, began: float, deadline: float) -> Life:
    parts, scope = endpoint.parts, endpoint.operation.options.scope
    if scope is not None and scope not in context.caller.scopes:
        raise lacks(scope, context)
    if deadline <= began:
        raise DeadlineExceeded()
    if parts.rate is not None:
        parts.rate.admit(context)
    life = endpoint.instance.life
    if life is None:
        raise endpoint.instance.unavailable()
    if parts.admission is not None:
        parts.admission.admit(len(life.tickets.open), context.priority)
    if parts.breaker is not None and parts.breaker.open:
        parts.breaker.admit()
    return life


async def _items(
    endpoint: Endpoint,
    life: Life,
    ticket: StreamTicket,
    context: CallContext,
    arguments: Mapping[str, Any],
    deadline: float,
) -> AsyncGenerator[Any, None]:
    options, breaker = endpoint.operation.options, endpoint.parts.breaker
    patience = options.first_item or options.idle
    opened: AsyncGenerator[Any, None] | None = None
    try:
        while True:
            now = monotonic()
            if deadline <= now:
                raise DeadlineExceeded()  # an item that does not suspend is never interrupted
            limit = deadline if patience is None else min(deadline, now + patience)
            token = active_call.set((context, deadline))
            try:
                with ticket.item(limit):
                    if opened is None:
                        opened = await _open(endpoint, life, with_deadline(context, deadline), arguments)
                    item = await anext(opened, _END)
            finally:
                active_call.reset(token)
            if breaker is not None:
                breaker.succeeded()
            if item is _END:
                return
            yield item
            patience = options.idle
    except BaseException as error:
        if breaker is not None:
            breaker.failed(error)
        raise
    finally:
        if opened is not None:
            await opened.aclose()


async def _open(
    endpoint: Endpoint, life: Life, context: CallContext, arguments: Mapping[str, Any]
) -> AsyncGenerator[Any, None]:
    if endpoint.parts.middleware:
        opened: AsyncGenerator[Any, None] = await endpoint.chain()(context, arguments)
        return opened
    method: Callable[..., AsyncGenerator[Any, None]] = getattr(life.cube, endpoint.operation.method)
    return method(**arguments)


_END: Any = object()
