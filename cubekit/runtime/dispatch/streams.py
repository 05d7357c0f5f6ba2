"""Streams through the same layers as calls, item by item."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import aclosing
from time import monotonic
from typing import TYPE_CHECKING, Any

from cubekit.authoring.context import CallContext, active_call, with_deadline
from cubekit.authoring.failures import DeadlineExceeded
from cubekit.runtime.causes import raise_alone
from cubekit.runtime.dispatch.admission import lacks
from cubekit.runtime.instances import Life
from cubekit.runtime.tickets import NO_DEADLINE, StreamTicket

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
        hurry = deadline if context.deadline is None else min(deadline, context.deadline)
        own = NO_DEADLINE if endpoint.timeout is None else began + endpoint.timeout
        deadline = min(hurry, own)
        life = _admitted(endpoint, context, began, deadline)
        hurry = hurry if hurry < own else NO_DEADLINE
        with life.tickets.stream() as ticket:
            async with aclosing(_items(endpoint, life, ticket, context, arguments, deadline, hurry)) as items:
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


def _admitted(endpoint: Endpoint, context: CallContext, began: float, deadline: float) -> Life:
    state, scope = endpoint.layer_state, endpoint.operation.options.scope
    if scope is not None and scope not in context.caller.scopes:
        raise lacks(scope, context)
    if deadline <= began:
        raise DeadlineExceeded()
    if state.rate is not None:
        state.rate.admit(context)
    life = endpoint.instance.life
    if life is None:
        raise endpoint.instance.unavailable()
    if state.admission is not None:
        state.admission.admit(len(life.tickets.open), context.priority)
    return life


async def _items(
    endpoint: Endpoint,
    life: Life,
    ticket: StreamTicket,
    context: CallContext,
    arguments: Mapping[str, Any],
    deadline: float,
    hurry: float,
) -> AsyncGenerator[Any, None]:
    options, breaker = endpoint.operation.options, endpoint.layer_state.breaker
    patience = options.first_item or options.idle
    opened: AsyncGenerator[Any, None] | None = None
    trying = breaker is not None and breaker.open and breaker.admit()
    try:
        while True:
            limit = deadline if patience is None else min(deadline, monotonic() + patience)
            token = active_call.set((context, deadline))
            try:
                with ticket.item(limit):
                    try:
                        if opened is None:
                            opened = await _open(endpoint, life, with_deadline(context, deadline), arguments)
                        item = await anext(opened, _END)
                    except BaseExceptionGroup as group:
                        raise_alone(group)
            except BaseException as error:
                if breaker is not None:
                    breaker.failed(error, trying, hurry)
                raise
            finally:
                active_call.reset(token)
            if breaker is not None and (trying or item is _END):
                breaker.succeeded(trying)
                trying = False  # an item shows that it works again; whether the stream does, its end
            if item is _END:
                return
            yield item
            if deadline <= monotonic():
                raise DeadlineExceeded()  # an item that does not suspend is never interrupted
            patience = options.idle
    finally:
        if opened is not None:
            await _close(endpoint, ticket, context, opened)


async def _open(
    endpoint: Endpoint, life: Life, context: CallContext, arguments: Mapping[str, Any]
) -> AsyncGenerator[Any, None]:
    if endpoint.middleware:
        opened: AsyncGenerator[Any, None] = await endpoint.chain()(life, context, arguments)
        return opened
    method: Callable[..., AsyncGenerator[Any, None]] = getattr(life.cube, endpoint.operation.method)
    return method(**arguments)


async def _close(
    endpoint: Endpoint, ticket: StreamTicket, context: CallContext, opened: AsyncGenerator[Any, None]
) -> None:
    """Let the operation clean up, as part of the call, though its time may be over; but not for ever."""
    limit = monotonic() + (endpoint.operation.options.idle or endpoint.instance.planned.stop_timeout)
    token = active_call.set((with_deadline(context, limit), limit))
    try:
        with ticket.closing(limit):
            await opened.aclose()
    finally:
        active_call.reset(token)


_END: Any = object()
