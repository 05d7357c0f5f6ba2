"""What every hop of a call carries with it."""

from __future__ import annotations

import math
import random
from contextvars import ContextVar
from dataclasses import dataclass
from typing import NamedTuple

__all__ = ["ANONYMOUS", "CallContext", "Caller", "active_call", "current_call", "with_deadline"]


@dataclass(frozen=True, slots=True)
class Caller:
    """Who is calling. ``principal`` is None for somebody unknown."""

    principal: str | None = None
    scopes: frozenset[str] = frozenset()
    tenant: str | None = None


ANONYMOUS = Caller()
"""Somebody unknown, who holds no scope."""


class _Fields(NamedTuple):
    caller: Caller
    deadline: float | None
    """When the call must be over, on the clock of `time.monotonic`; None for never."""
    locale: str
    """Language tag of the texts the caller wants."""
    trace_id: str
    """32 hexadecimal digits, as in W3C ``traceparent``."""
    parent_span_id: str | None
    """16 hexadecimal digits: the caller's span."""
    sampled: bool
    """Whether the caller records this trace."""
    idempotency_key: str | None
    priority: int
    """The greater, the later it is refused under load."""
    client: str | None
    """Network address of the caller, if the call came over a network."""
    port: str
    """The way in: ``rest``, ``sse``, ``cli``, … or ``internal``."""


class CallContext(_Fields):
    """The context of one call; a nested call inherits it from the call that makes it.

    A tuple, because every request makes one and a tuple is the cheapest thing that cannot be changed.
    """

    __slots__ = ()

    def __new__(
        cls,
        caller: Caller = ANONYMOUS,
        deadline: float | None = None,
        locale: str = "en",
        trace_id: str | None = None,
        parent_span_id: str | None = None,
        sampled: bool = False,
        idempotency_key: str | None = None,
        priority: int = 0,
        client: str | None = None,
        port: str = "internal",
    ) -> CallContext:
        """Make a context, of a new trace unless ``trace_id`` is given."""
        trace = trace_id or f"{random.getrandbits(128):032x}"
        return tuple.__new__(
            cls,
            (caller, deadline, locale, trace, parent_span_id, sampled, idempotency_key, priority, client, port),
        )


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
    return context if context.deadline == said else context._replace(deadline=said)
