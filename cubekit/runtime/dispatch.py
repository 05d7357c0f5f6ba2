"""`Endpoint`: the one way to call an operation, for every port and every proxy."""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator, Iterator, Mapping
from contextlib import aclosing, contextmanager
from dataclasses import replace
from time import perf_counter
from typing import Any

import anyio

from cubekit.authoring.context import CallContext, active_call
from cubekit.authoring.failures import (
    DeadlineExceeded,
    Failure,
    Internal,
    Overloaded,
    PermissionDenied,
    Unauthenticated,
)
from cubekit.composition.operations import Operation, ResultKind
from cubekit.composition.plugins import Middleware, Next
from cubekit.runtime.cache import ResultCache
from cubekit.runtime.instances import Instance
from cubekit.runtime.metrics import OK, OperationMetrics
from cubekit.runtime.rate import RateLimiter

__all__ = ["Endpoint"]

_log = logging.getLogger("cubekit.dispatch")


class Endpoint:
    """An operation of an instance, with every layer that stands around a call.

    In order: counting, the call context, scope, rate, queue limit, cache, deadline, middleware, the method.
    """

    def __init__(
        self,
        instance: Instance,
        operation: Operation,
        *,
        middleware: tuple[Middleware, ...] = (),
        cache: ResultCache | None = None,
        rate: RateLimiter | None = None,
    ) -> None:
        self.instance = instance
        self.operation = operation
        self.metrics = OperationMetrics()
        self.cache = cache
        self._rate = rate
        limits = instance.planned.limits
        timeouts = [seconds for seconds in (operation.options.timeout, limits.deadline) if seconds is not None]
        self._timeout = min(timeouts, default=None)
        self._queue = limits.queue
        self._next: Next = self._invoke
        for layer in reversed(middleware):
            self._next = _around(layer, self._next)

    @property
    def name(self) -> str:
        """Instance and operation: ``saju.calculate``."""
        return f"{self.instance.name}.{self.operation.name}"

    @contextmanager
    def intercepted(self, layer: Middleware) -> Iterator[None]:
        """Let a further middleware stand around every call for the time of a ``with`` block: fault injection does."""
        inner = self._next
        self._next = _around(layer, inner)
        try:
            yield
        finally:
            self._next = inner

    async def call(self, context: CallContext, arguments: Mapping[str, Any]) -> Any:
        """Return the result of an operation that is not a stream.

        :raises Failure: whatever goes wrong; an unexpected exception is logged and becomes `Internal`.
        """
        with _Accounting(self) as accounting:
            context = self._narrowed(context)
            accounting.note(context)
            self._admit(context)
            if self.cache is None:
                return await self._within_deadline(context, arguments)
            key = self.cache.key(context, arguments)
            if (hit := self.cache.get(key)) is not None:
                self.metrics.cache_hits += 1
                return hit.value
            value = await self._within_deadline(context, arguments)
            self.cache.put(key, value)
            return value

    async def stream(self, context: CallContext, arguments: Mapping[str, Any]) -> AsyncGenerator[Any, None]:
        """Yield the items of a stream. Close the generator (`contextlib.aclosing`) when leaving it early.

        No cancel scope is held across a ``yield``: each item has its own deadline, the earliest of the whole stream's,
        the first item's and the pause between items.

        :raises Failure: as `call` does.
        """
        with _Accounting(self) as accounting:
            context = self._narrowed(context)
            accounting.note(context)
            self._admit(context)
            options = self.operation.options
            patience = options.first_item or options.idle
            opened = await self._within_deadline(context, arguments)
            async with aclosing(opened):
                while True:
                    item = await self._next_item(context, opened, patience)
                    if item is _END:
                        return
                    yield item
                    patience = options.idle

    async def _next_item(self, context: CallContext, opened: AsyncGenerator[Any, None], patience: float | None) -> Any:
        deadline = context.deadline
        if deadline is not None and deadline <= anyio.current_time():
            raise DeadlineExceeded()  # an item that does not suspend is never cancelled by a scope
        if patience is not None:
            limit = anyio.current_time() + patience
            deadline = limit if deadline is None else min(deadline, limit)
        token = active_call.set(context)
        try:
            with _deadline_scope(deadline) as scope:
                return await anext(opened, _END)
        finally:
            active_call.reset(token)
        assert scope.cancelled_caught  # noqa: S101 - the scope ends the block only by return, raise or deadline
        raise DeadlineExceeded()

    def _narrowed(self, context: CallContext) -> CallContext:
        if self._timeout is None:
            return context
        deadline = anyio.current_time() + self._timeout
        if context.deadline is not None and context.deadline <= deadline:
            return context
        return replace(context, deadline=deadline)

    def _admit(self, context: CallContext) -> None:
        scope = self.operation.options.scope
        if scope is not None and scope not in context.caller.scopes:
            if context.caller.principal is None:
                raise Unauthenticated()
            raise PermissionDenied('This needs the scope "{scope}".', scope=scope)
        if context.deadline is not None and context.deadline <= anyio.current_time():
            raise DeadlineExceeded()
        if self._rate is not None:
            self._rate.admit(context)
        if self._queue is not None and self.instance.in_flight > self._queue:
            raise Overloaded(retry_after=1)

    async def _within_deadline(self, context: CallContext, arguments: Mapping[str, Any]) -> Any:
        token = active_call.set(context)
        try:
            if context.deadline is None:
                return await self._next(context, arguments)
            with _deadline_scope(context.deadline):
                return await self._next(context, arguments)
        finally:
            active_call.reset(token)
        raise DeadlineExceeded()

    async def _invoke(self, context: CallContext, arguments: Mapping[str, Any]) -> Any:
        method = getattr(self.instance.living(), self.operation.method)
        if self.operation.kind is ResultKind.STREAM:
            return method(**arguments)
        return await method(**arguments)


_END: Any = object()


def _deadline_scope(deadline: float | None) -> anyio.CancelScope:
    return anyio.CancelScope() if deadline is None else anyio.CancelScope(deadline=deadline)


def _around(layer: Middleware, inner: Next) -> Next:
    async def call(context: CallContext, arguments: Mapping[str, Any]) -> Any:
        return await layer(context, arguments, inner)

    return call


class _Accounting:
    """Counts one call, whatever becomes of it, and turns the unexpected into `Internal`."""

    __slots__ = ("_began", "_context", "_endpoint")

    def __init__(self, endpoint: Endpoint) -> None:
        self._endpoint = endpoint
        self._context: CallContext | None = None

    def note(self, context: CallContext) -> None:
        """Remember the call's context for the log."""
        self._context = context

    def __enter__(self) -> _Accounting:
        self._endpoint.instance.begin()
        self._endpoint.metrics.begin()
        self._began = perf_counter()
        return self

    def __exit__(self, kind: type[BaseException] | None, raised: BaseException | None, traceback: object) -> None:
        error = raised
        while isinstance(error, BaseExceptionGroup) and len(error.exceptions) == 1:
            error = error.exceptions[0]  # a task group inside the operation is its own business
        self._endpoint.instance.end()
        self._endpoint.metrics.end(_outcome(error), perf_counter() - self._began)
        if isinstance(error, Failure):
            if error is not raised:
                raise error
        elif isinstance(error, Exception | SystemExit):
            trace = self._context.trace_id if self._context else "-"
            _log.error("%s failed [trace %s]", self._endpoint.name, trace, exc_info=error)
            raise Internal() from error


def _outcome(error: BaseException | None) -> str:
    if error is None:
        return OK
    if isinstance(error, Failure):
        return error.code
    return Internal.code if isinstance(error, Exception | SystemExit) else "CANCELLED"
