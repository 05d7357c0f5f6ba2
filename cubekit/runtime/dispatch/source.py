"""Writes the function that answers the calls of one operation.

The layers are written inside out: each takes the lines of what it stands around, and returns its own lines with those
in them. What is not asked for leaves no trace in the function: a call costs what its operation needs, and no more.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

__all__ = ["Layers", "write_call"]

Lines = list[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Layers:
    """What stands around an operation's method."""

    method: str
    """Name in Python."""
    tasks: bool = True
    """Whether calls run in asyncio tasks. Then one gets a ticket when it suspends; elsewhere every call that may."""
    suspends: bool = True
    """Whether a call may wait for something. One that never does cannot be ended from outside, and needs no ticket."""
    scope: str | None = None
    timeout: float | None = None
    """Seconds."""
    rate: bool = False
    queue: int | None = None
    """Calls under way, from which on the instance's `Admission` is asked."""
    cache: bool = False
    breaker: bool = False
    retries: bool = False
    middleware: bool = False
    sampling: bool = True
    encoded: bool = False
    """Whether the answer is encoded for a port."""
    written: bool = False
    """Whether the method writes JSON, in place of the one that makes the value."""


def write_call(layers: Layers) -> str:
    """Return the source of ``async def call(context, arguments, deadline)``."""
    lines = _invoke(layers)
    for wanted, layer in (
        (layers.suspends, _ticket),
        (True, _context),
        (layers.breaker, _breaker),
        (layers.cache and layers.suspends, _single_flight),
        (layers.queue is not None, _queue),
        (True, _life),
        (layers.retries, _retries),
        (layers.cache, _cache),
        (layers.rate, _rate),
        (True, _deadline),
        (layers.scope is not None, _scope),
        (layers.encoded, _encoded),
        (True, _accounting),
        (layers.sampling, _sampling),
    ):
        if wanted:
            lines = layer(layers, lines)
    return "\n".join(["async def call(context, arguments, deadline=NO_DEADLINE):", *_indented(lines)]) + "\n"


def _invoke(layers: Layers) -> Lines:
    if layers.middleware:
        invoked = "chain(life, with_deadline(context, deadline), arguments)"
    else:
        invoked = f"life.cube.{layers.method}(**arguments)"
    return [
        "try:",
        f"    value = await {invoked}",
        "except BaseExceptionGroup as group:",
        "    raise_alone(group)",  # a task group inside the operation is its own business
    ]


def _ticket(layers: Layers, inner: Lines) -> Lines:
    if not layers.tasks:
        guarded = ["with life.tickets.call(deadline):", *_indented(inner)]
        return ["metrics.in_flight += 1", "try:", *_indented(guarded), "finally:", "    metrics.in_flight -= 1"]
    # What the `with` statement does, without its calls.
    return [
        "tickets = life.tickets",
        "ticket = TaskTicket(tickets, deadline)",
        "metrics.in_flight += 1",
        "try:",
        *_indented(inner),
        "except BaseException as error:",
        "    ticket.close(error)",
        "    raise",
        "finally:",
        "    metrics.in_flight -= 1",
        "    tickets.open.discard(ticket)",
        "if ticket.failure is not None or tickets.emptied is not None:",
        "    ticket.close(None)",
    ]


def _context(layers: Layers, inner: Lines) -> Lines:
    return ["token = activate((context, deadline))", "try:", *_indented(inner), "finally:", "    deactivate(token)"]


def _breaker(layers: Layers, inner: Lines) -> Lines:
    # `limit` is when the operation's own time is over.
    hurry = "deadline" if layers.timeout is None else "deadline if deadline < limit else NO_DEADLINE"
    return [
        "trying = breaker.open and breaker.admit()",
        "try:",
        *_indented(inner),
        "except BaseException as error:",
        f"    breaker.failed(error, trying, {hurry})",
        "    raise",
        "if breaker.failures:",
        "    breaker.succeeded(trying)",
    ]


def _single_flight(layers: Layers, inner: Lines) -> Lines:
    return [
        "while (flight := cache.under_way(key)) is not None:",
        *_indented(_ticket(layers, ["await flight.landed.wait()"])),
        "    if flight.outcome is not None:",
        "        value = flight.outcome()",
        "        break",
        "else:",
        "    with cache.begin(key, deadline) as flight:",
        *_indented(inner, 2),
        "        flight.land(value)",
    ]


def _life(layers: Layers, inner: Lines) -> Lines:
    return ["life = instance.life", "if life is None:", "    raise instance.unavailable()", *inner]


def _retries(layers: Layers, inner: Lines) -> Lines:
    return [
        "attempt = 0",
        "retries.calls += 1",
        "while True:",
        "    try:",
        *_indented(inner, 2),
        "        break",
        "    except Exception as error:",
        "        pause = retries.pause(error, attempt, deadline)",
        "        if pause is None:",
        "            raise",
        "    attempt += 1",
        "    metrics.retries += 1",
        "    await sleep(pause)",
    ]


def _cache(layers: Layers, inner: Lines) -> Lines:
    keep = [] if layers.suspends else ["cache.put(key, value)"]
    return [
        f"key = cache.key(context, arguments{', True' if layers.written else ''})",
        "hit = cache.get(key)",
        "if hit is not None:",
        "    metrics.cache_hits += 1",
        "    value = hit.take()",
        "else:",
        *_indented([*inner, *keep]),
    ]


def _queue(layers: Layers, inner: Lines) -> Lines:
    return [
        f"if len(life.tickets.open) >= {layers.queue}:",
        "    admission.admit(len(life.tickets.open), context.priority)",
        *inner,
    ]


def _rate(layers: Layers, inner: Lines) -> Lines:
    return ["rate.admit(context)", *inner]


def _deadline(layers: Layers, inner: Lines) -> Lines:
    lines = ["limit = context.deadline", "if limit is not None and limit < deadline:", "    deadline = limit"]
    if layers.timeout is not None:
        lines += [f"limit = began + {layers.timeout!r}", "if limit < deadline:", "    deadline = limit"]
    return [*lines, "if deadline <= began:", "    raise DeadlineExceeded()", *inner]


def _scope(layers: Layers, inner: Lines) -> Lines:
    return [f"if {layers.scope!r} not in context.caller.scopes:", f"    raise lacks({layers.scope!r}, context)", *inner]


def _encoded(layers: Layers, inner: Lines) -> Lines:
    return [*inner, "value = encode(value)"]


def _accounting(layers: Layers, inner: Lines) -> Lines:
    return [
        "began = monotonic()",
        "try:",
        *_indented(inner),
        "except BaseException as error:",
        "    failure = failed(context, error, monotonic() - began)",
        "    if failure is error:",
        "        raise",
        "    raise failure from error",
        "seconds = monotonic() - began",
        "duration.sum += seconds",
        "counts[bisect_left(BUCKETS, seconds)] += 1",
        "return value",
    ]


def _sampling(layers: Layers, inner: Lines) -> Lines:
    return ["if context.sampled and tracing():", "    return await traced(context, arguments, deadline)", *inner]


def _indented(lines: Iterable[str], times: int = 1) -> Lines:
    return ["    " * times + line for line in lines]
