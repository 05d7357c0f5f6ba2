"""`Endpoint`: the one way to call an operation, for every port and every proxy."""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator, Callable, Coroutine, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any, Protocol

from cubekit.authoring.context import CallContext
from cubekit.authoring.failures import Failure, Internal
from cubekit.composition.operations import Operation, ResultKind
from cubekit.composition.plugins import Middleware, Next
from cubekit.runtime.cache import ResultCache
from cubekit.runtime.dispatch.admission import Admission
from cubekit.runtime.dispatch.breaker import Breaker
from cubekit.runtime.dispatch.compiling import compile_call
from cubekit.runtime.dispatch.retries import Retries
from cubekit.runtime.dispatch.source import Layers, write_call
from cubekit.runtime.dispatch.streams import stream
from cubekit.runtime.instances import Instance
from cubekit.runtime.metrics import OperationMetrics
from cubekit.runtime.rate import RateLimiter
from cubekit.runtime.tickets import NO_DEADLINE, asyncio_runs

__all__ = ["Call", "Encode", "Endpoint", "Parts"]

_log = logging.getLogger("cubekit.dispatch")


Encode = Callable[[Any], bytes]


class Call(Protocol):
    """Answers a call; what `write_call` writes."""

    def __call__(
        self, context: CallContext, arguments: Mapping[str, Any], deadline: float = NO_DEADLINE, /
    ) -> Coroutine[Any, Any, Any]:
        """Return the result.

        :param deadline: on the clock of `time.monotonic`, if it is earlier than the context's.
        :raises Failure: whatever goes wrong; an unexpected exception is logged and becomes `Internal`.
        """


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """The layers of an endpoint that have a state of their own; None for those that it does not need."""

    middleware: tuple[Middleware, ...] = ()
    """Outermost first."""
    cache: ResultCache | None = None
    rate: RateLimiter | None = None
    admission: Admission | None = None
    breaker: Breaker | None = None
    retries: Retries | None = None


class Endpoint:
    """An operation of an instance, with every layer that stands around a call.

    The functions are compiled when they are first called, and again when a middleware is added.
    """

    call: Call
    """Returns the result of an operation that is not a stream."""
    suspends: bool
    """Whether a call may wait for something."""

    def __init__(self, instance: Instance, operation: Operation, parts: Parts | None = None) -> None:
        self.instance = instance
        self.operation = operation
        self.metrics = OperationMetrics()
        self.parts = parts or Parts()
        limits = instance.planned.limits
        self.timeout = min(
            (seconds for seconds in (operation.options.timeout, limits.deadline) if seconds is not None), default=None
        )
        self._forget_compiled()

    @property
    def name(self) -> str:
        """Instance and operation: ``saju.calculate``."""
        return f"{self.instance.name}.{self.operation.name}"

    @property
    def refuses(self) -> bool:
        """Whether its breaker lets no call through at the moment."""
        return self.parts.breaker is not None and self.parts.breaker.refuses

    def layers(self, *, encoded: bool = False, sampling: bool = True) -> Layers:
        """Return what stands around the method."""
        parts, options = self.parts, self.operation.options
        written = self.operation.json_method if encoded and not parts.middleware else None
        return Layers(
            method=written or self.operation.method,
            tasks=asyncio_runs(),
            suspends=self.operation.suspends or bool(parts.middleware),
            scope=options.scope,
            timeout=self.timeout,
            rate=parts.rate is not None,
            queue=parts.admission.least if parts.admission else None,
            cache=parts.cache is not None,
            breaker=parts.breaker is not None,
            retries=parts.retries is not None,
            middleware=bool(parts.middleware),
            sampling=sampling,
            encoded=encoded,
        )

    def source(self) -> str:
        """Return the source of `call`, as it is on asyncio."""
        return write_call(replace(self.layers(), tasks=True))

    def stream(
        self,
        context: CallContext,
        arguments: Mapping[str, Any],
        deadline: float = NO_DEADLINE,
        encode: Encode | None = None,
    ) -> AsyncGenerator[Any, None]:
        """Yield the items of a stream. Close the generator (`contextlib.aclosing`) when leaving it early.

        :param encode: makes of each item what is yielded; what it raises is a failure of the call.
        :raises Failure: as `call` does.
        """
        return stream(self, context, arguments, deadline, encode)

    def wrapped(self, layer: Middleware) -> Endpoint:
        """Return an endpoint of its own with a further middleware outside of the others; both count together."""
        parts = replace(self.parts, middleware=(layer, *self.parts.middleware))
        endpoint = Endpoint(self.instance, self.operation, parts)
        endpoint.metrics = self.metrics
        return endpoint

    @contextmanager
    def intercepted(self, layer: Middleware) -> Iterator[None]:
        """Let a further middleware stand around every call for the time of a ``with`` block: fault injection does."""
        before = self.parts
        self.parts = replace(before, middleware=(layer, *before.middleware))
        self._forget_compiled()
        try:
            yield
        finally:
            self.parts = before
            self._forget_compiled()

    def chain(self) -> Next:
        """Return the middleware, with the method at its end."""
        call: Next = self._invoke
        for layer in reversed(self.parts.middleware):
            call = _around(layer, call)
        return call

    def failed(self, context: CallContext, error: BaseException, seconds: float) -> BaseException:
        """Count a call that has raised something, and return what its caller is told."""
        while isinstance(error, BaseExceptionGroup) and len(error.exceptions) == 1:
            error = error.exceptions[0]  # a task group inside the operation is its own business
        if isinstance(error, Failure):
            self.metrics.count(error.code, seconds)
            return error
        if isinstance(error, Exception | SystemExit):
            self.metrics.count(Internal.code, seconds)
            trace = context.trace_id
            _log.error("%s failed [trace %s]", self.name, trace, exc_info=error, extra={"trace_id": trace})
            return Internal()
        self.metrics.count("CANCELLED", seconds)
        return error

    def compiled(self, encode: Encode | None = None) -> Call:
        """Return the function behind `call`, or one that answers with what ``encode`` makes of the result.

        Encoding is part of the call: a result of a wrong type is a call that failed. Where an operation writes its own
        JSON and no middleware wants to see the value, ``encode`` gets that text.
        """
        if encode not in self._compiled:
            self._compiled[encode] = compile_call(self, encode)
        return self._compiled[encode]

    def _forget_compiled(self) -> None:
        self.suspends = self.operation.suspends or bool(self.parts.middleware or self.parts.retries)
        self._compiled: dict[Encode | None, Call] = {}
        self.call = self._compile_and_call

    async def _compile_and_call(
        self, context: CallContext, arguments: Mapping[str, Any], deadline: float = NO_DEADLINE, /
    ) -> Any:
        self.call = self.compiled()
        return await self.call(context, arguments, deadline)

    async def _invoke(self, context: CallContext, arguments: Mapping[str, Any]) -> Any:
        method = getattr(self.instance.living(), self.operation.method)
        if self.operation.kind is ResultKind.STREAM:
            return method(**arguments)
        return await method(**arguments)


def _around(layer: Middleware, inner: Next) -> Next:
    async def call(context: CallContext, arguments: Mapping[str, Any]) -> Any:
        return await layer(context, arguments, inner)

    return call
