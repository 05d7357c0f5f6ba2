"""`Endpoint`: the one way to call an operation, for every port and every proxy."""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine, Mapping
from copy import copy
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Protocol

from cubekit.authoring.context import CallContext
from cubekit.authoring.failures import Failure, Internal
from cubekit.composition.operations import Operation, ResultKind
from cubekit.composition.plugins import Middleware
from cubekit.runtime.cache import ResultCache
from cubekit.runtime.dispatch.admission import Admission
from cubekit.runtime.dispatch.breaker import Breaker
from cubekit.runtime.dispatch.compiling import compile_call
from cubekit.runtime.dispatch.retries import Retries
from cubekit.runtime.dispatch.source import Layers, write_call
from cubekit.runtime.dispatch.spans import spanned_stream, tracing
from cubekit.runtime.dispatch.streams import stream
from cubekit.runtime.instances import Instance, Life
from cubekit.runtime.metrics import OperationMetrics
from cubekit.runtime.rate import RateLimiter
from cubekit.runtime.tickets import NO_DEADLINE, asyncio_runs

__all__ = ["Call", "Encode", "Endpoint", "LayerState"]

_log = logging.getLogger("cubekit.dispatch")


Encode = Callable[[Any], bytes]
Chain = Callable[[Life, CallContext, Mapping[str, Any]], Awaitable[Any]]
"""Middleware and what it stands around."""


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
class LayerState:
    """What those layers of an endpoint keep that have a state; None for those that it does not need."""

    middleware: tuple[Middleware, ...] = ()
    """Outermost first."""
    cache: ResultCache | None = None
    rate: RateLimiter | None = None
    admission: Admission | None = None
    breaker: Breaker | None = None
    retries: Retries | None = None


class Endpoint:
    """An operation of an instance, with every layer that stands around a call.

    The functions are compiled when they are first called, and again when its middleware changes.
    """

    call: Call
    """Returns the result of an operation that is not a stream."""
    suspends: bool
    """Whether a call may wait for something."""

    def __init__(self, instance: Instance, operation: Operation, layer_state: LayerState | None = None) -> None:
        self.instance = instance
        self.operation = operation
        self.metrics = OperationMetrics()
        self.layer_state = layer_state or LayerState()
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
        return self.layer_state.breaker is not None and self.layer_state.breaker.refuses

    def layers(self, *, encoded: bool = False, sampling: bool = True) -> Layers:
        """Return what stands around the method."""
        state, options = self.layer_state, self.operation.options
        written = self.operation.json_method if encoded and not state.middleware else None
        return Layers(
            method=written or self.operation.method,
            written=written is not None,
            tasks=asyncio_runs(),
            suspends=self.operation.suspends or bool(state.middleware),
            scope=options.scope,
            timeout=self.timeout,
            rate=state.rate is not None,
            queue=state.admission.least if state.admission else None,
            cache=state.cache is not None,
            breaker=state.breaker is not None,
            retries=state.retries is not None,
            middleware=bool(state.middleware),
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
        if context.sampled and tracing():
            return spanned_stream(self.name, context, lambda inner: stream(self, inner, arguments, deadline, encode))
        return stream(self, context, arguments, deadline, encode)

    @property
    def middleware(self) -> tuple[Middleware, ...]:
        """Plugins' and others' own layers, outermost first. May be set while calls run: it counts from the next on."""
        return self.layer_state.middleware

    @middleware.setter
    def middleware(self, layers: tuple[Middleware, ...]) -> None:
        self.layer_state = replace(self.layer_state, middleware=layers)
        self._forget_compiled()

    def wrapped(self, layer: Middleware) -> Endpoint:
        """Return an endpoint of its own with a further middleware outside of the others; both count together."""
        endpoint = copy(self)
        endpoint.middleware = (layer, *self.middleware)
        return endpoint

    def chain(self) -> Chain:
        """Return the middleware, with the method at its end: of the object that the call was let in to."""
        call: Chain = self._invoke
        for layer in reversed(self.middleware):
            call = _around(layer, call)
        return call

    def failed(self, context: CallContext, error: BaseException, seconds: float) -> BaseException:
        """Count a call that has raised something, and return what its caller is told."""
        if isinstance(error, Failure):
            self.metrics.count_failure(error.code, seconds)
            return error
        if isinstance(error, Exception | SystemExit):
            self.metrics.count_failure(Internal.code, seconds)
            trace = context.trace_id
            _log.error("%s failed [trace %s]", self.name, trace, exc_info=error, extra={"trace_id": trace})
            return Internal()
        self.metrics.count_failure("CANCELLED", seconds)
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
        self.suspends = self.operation.suspends or bool(self.layer_state.middleware or self.layer_state.retries)
        self._compiled: dict[Encode | None, Call] = {}
        self.call = self._compile_and_call

    async def _compile_and_call(
        self, context: CallContext, arguments: Mapping[str, Any], deadline: float = NO_DEADLINE, /
    ) -> Any:
        self.call = self.compiled()
        return await self.call(context, arguments, deadline)

    async def _invoke(self, life: Life, context: CallContext, arguments: Mapping[str, Any]) -> Any:
        method = getattr(life.cube, self.operation.method)
        if self.operation.kind is ResultKind.STREAM:
            return method(**arguments)
        return await method(**arguments)


def _around(layer: Middleware, inner: Chain) -> Chain:
    async def call(life: Life, context: CallContext, arguments: Mapping[str, Any]) -> Any:
        return await layer(context, arguments, partial(inner, life))

    return call
