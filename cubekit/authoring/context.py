"""What every hop of a call carries with it."""

from __future__ import annotations

import secrets
from contextvars import ContextVar
from dataclasses import dataclass, field

__all__ = ["ANONYMOUS", "CallContext", "Caller", "active_call", "current_call"]


@dataclass(frozen=True, slots=True)
class Caller:
    """Who is calling. ``principal`` is None for somebody unknown."""

    principal: str | None = None
    scopes: frozenset[str] = frozenset()
    tenant: str | None = None


ANONYMOUS = Caller()
"""Somebody unknown, who holds no scope."""


def _new_trace_id() -> str:
    return secrets.token_hex(16)


@dataclass(frozen=True, slots=True)
class CallContext:
    """The context of one call; a nested call inherits it from the call that makes it."""

    caller: Caller = ANONYMOUS
    deadline: float | None = None
    """When the call must be over, on the clock of `anyio.current_time`; None for never."""
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


active_call: ContextVar[CallContext] = ContextVar("cubekit.active_call")
"""The context of the running call; set by the runtime's dispatcher only."""


def current_call() -> CallContext:
    """Return the context of the call that is being answered.

    :raises RuntimeError: outside of a call, for instance in a background task.
    """
    try:
        return active_call.get()
    except LookupError:
        raise RuntimeError("no call is being answered here: current_call() works inside an operation") from None
