"""What every hop of a call carries with it."""

from __future__ import annotations

import math
import random
from contextvars import ContextVar
from dataclasses import dataclass, field, replace

__all__ = ["ANONYMOUS", "CallContext", "Caller", "active_call", "current_call", "with_deadline"]


@dataclass(frozen=True, slots=True)
class Caller:
    """Who is calling. ``principal`` is None for somebody unknown."""

    principal: str | None = None
    scopes: frozenset[str] = frozenset()
    tenant: str | None = None


ANONYMOUS = Caller()
"""Somebody unknown, who holds no scope."""


def _new_trace_id() -> str:
    return f"{random.getrandbits(128):032x}"


@dataclass(frozen=True, slots=True)
class CallContext:
    """The context of one call; a nested call inherits it from the call that makes it."""

    caller: Caller = ANONYMOUS
    deadline: float | None = None
    """When the call must be over, on the clock of `time.monotonic`; None for never."""
    locale: str = "en"
    """Language tag of the texts the caller wants."""
    trace_id: str = field(default_factory=_new_trace_id)
    """32 hexadecimal digits, as in W3C ``traceparent``."""
    parent_span_id: str | None = None
    """16 hexadecimal digits: the caller's span."""
    sampled: bool = False
    """Whether the caller records this trace."""
    idempotency_key: str | None = None
    priority: int = 0
    """The greater, the later it is refused under load."""
    client: str | None = None
    """Network address of the caller, if the call came over a network."""
    port: str = "internal"
    """The way in: ``rest``, ``sse``, ``cli``, … or ``internal``."""


active_call: ContextVar[tuple[CallContext, float] | None] = ContextVar("cubekit.active_call", default=None)
"""The running call as it came, and its deadline, which may be earlier than the one it came with; infinite for never.
Set by the runtime's dispatcher only, and None outside of a call."""


def current_call() -> CallContext:
    """Return the context of the call that is being answered.

    :raises RuntimeError: outside of a call, for instance in a background task.
    """
    active = active_call.get()
    if active is None:
        raise RuntimeError("no call is being answered here: current_call() works inside an operation")
    return with_deadline(*active)


def with_deadline(context: CallContext, deadline: float) -> CallContext:
    """Return a context with another deadline; infinite for never."""
    said = None if deadline == math.inf else deadline
    return context if context.deadline == said else replace(context, deadline=said)
