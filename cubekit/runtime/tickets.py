"""Tickets: calls under way, which can be ended from outside when their deadline passes or their cube is gone.

On asyncio a ticket costs a fraction of a cancel scope: it notes the task, and one timer per service looks at all
deadlines when the nearest may have passed. The task is then cancelled and un-cancelled as `asyncio.timeout` does it,
and what holds for that holds here: a shielded block inside the operation does not withstand it. On other event loops
a ticket is a cancel scope.
"""

from __future__ import annotations

import asyncio
import math
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from time import monotonic
from types import TracebackType
from typing import Any, Protocol
from weakref import WeakSet

import anyio

from cubekit.authoring.failures import DeadlineExceeded, Failure
from cubekit.runtime.causes import copied

__all__ = ["NO_DEADLINE", "StreamTicket", "Sweeper", "Tickets", "asyncio_runs", "make_sweeper", "make_tickets"]

NO_DEADLINE = math.inf

_GRAIN = 0.005
"""Seconds between two sweeps, at least: how late a deadline may be noticed."""


class _Interruptible(Protocol):
    def interrupt(self, failure: Failure) -> None: ...


class Tickets(ABC):
    """The tickets of one life of an instance. Deadlines are on the clock of `time.monotonic`."""

    def __init__(self) -> None:
        self.open: set[_Interruptible] = set()
        """Calls under way, and streams."""
        self.emptied: anyio.Event | None = None
        """Where somebody waits for the last call to end."""

    @abstractmethod
    def call(self, deadline: float) -> AbstractContextManager[object]:
        """Run a block as a call under way.

        :raises DeadlineExceeded: out of the block, when the deadline has passed while it was suspended.
        :raises Failure: out of the block, what `interrupt` was given.
        """

    @contextmanager
    def stream(self) -> Iterator[StreamTicket]:
        """Run a block as a stream under way, whose items are calls of their own; between them nothing is cancelled."""
        ticket = StreamTicket(self)
        self.open.add(ticket)
        try:
            yield ticket
        finally:
            self._close(ticket)

    def interrupt(self, failure: Failure) -> None:
        """End every call under way with a failure."""
        for ticket in list(self.open):
            ticket.interrupt(copied(failure))

    async def drained(self) -> None:
        """Wait until no call is under way."""
        while self.open:
            self.emptied = anyio.Event()
            await self.emptied.wait()

    def _close(self, ticket: _Interruptible) -> None:
        self.open.discard(ticket)
        if self.emptied is not None and not self.open:
            self.emptied.set()


class StreamTicket:
    """A stream under way."""

    def __init__(self, tickets: Tickets) -> None:
        self._tickets = tickets
        self._failure: Failure | None = None

    def item(self, deadline: float) -> AbstractContextManager[None]:
        """Run a block that waits for an item.

        :raises Failure: as `Tickets.call`, and if the stream was interrupted between two items.
        """
        if self._failure is not None:
            raise self._failure
        return self.closing(deadline)

    @contextmanager
    def closing(self, deadline: float) -> Iterator[None]:
        """Run the block that ends the stream, interrupted or not.

        :raises Failure: as `Tickets.call`.
        """
        tickets = self._tickets
        with tickets.call(deadline):
            tickets.open.discard(self)
            try:
                yield
            finally:
                tickets.open.add(self)

    def interrupt(self, failure: Failure) -> None:
        """Let the next item fail."""
        self._failure = self._failure or failure


class Sweeper:
    """Ends asyncio calls whose deadline has passed, with one timer for all of them."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.at = NO_DEADLINE
        """When it looks next."""
        self._loop = loop
        self._timer: asyncio.TimerHandle | None = None
        self._watched: WeakSet[TaskTickets] = WeakSet()

    def watch(self, tickets: TaskTickets) -> None:
        """Look after these tickets too, for as long as they exist."""
        self._watched.add(tickets)

    def expect(self, deadline: float) -> None:
        """Look earlier: a deadline comes before `at`."""
        self.at = deadline
        if self._timer is not None:
            self._timer.cancel()
        # Not call_at: uvloop's clock counts in milliseconds and from another moment.
        self._timer = self._loop.call_later(max(0.0, deadline - monotonic()), self._sweep)

    def close(self) -> None:
        """Look no more."""
        if self._timer is not None:
            self._timer.cancel()

    def _sweep(self) -> None:
        now = monotonic()
        nearest = NO_DEADLINE
        for tickets in self._watched:
            for ticket in list(tickets.suspended):
                if ticket.deadline <= now:
                    ticket.interrupt(DeadlineExceeded())
                elif ticket.deadline < nearest:
                    nearest = ticket.deadline
        self.at, self._timer = NO_DEADLINE, None
        if nearest < NO_DEADLINE:
            self.expect(max(nearest, now + _GRAIN))


class TaskTicket:
    """A call in an asyncio task. Made when the call begins; `close` when it ends, or as a ``with`` block."""

    __slots__ = ("_cancelling", "_task", "_tickets", "deadline", "failure")

    def __init__(self, tickets: TaskTickets, deadline: float) -> None:
        self._tickets = tickets
        self._task: asyncio.Task[Any] = asyncio.current_task(tickets.loop)  # type: ignore[assignment]
        self._cancelling = self._task.cancelling()  # already, before: a call may be part of a cleanup
        self.deadline = deadline
        self.failure: Failure | None = None
        """What it was interrupted with."""
        tickets.open.add(self)
        if deadline < tickets.sweeper.at:
            tickets.sweeper.expect(deadline)

    def interrupt(self, failure: Failure) -> None:
        """Cancel the task; the call fails with ``failure``."""
        if self.failure is None:
            self.failure = failure
            self._task.cancel()

    def close(self, error: BaseException | None) -> None:
        """Note the end of the call.

        :param error: what it has raised.
        :raises Failure: what it was interrupted with.
        """
        self._tickets._close(self)
        if self.failure is None:
            return
        if self._task.uncancel() > self._cancelling and isinstance(error, asyncio.CancelledError):
            return  # somebody else has cancelled the task too, and that goes on
        raise self.failure from (None if isinstance(error, asyncio.CancelledError) else error)

    def __enter__(self) -> TaskTicket:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close(error)


class TaskTickets(Tickets):
    def __init__(self, loop: asyncio.AbstractEventLoop, sweeper: Sweeper) -> None:
        super().__init__()
        self.loop = loop
        self.sweeper = sweeper
        sweeper.watch(self)

    @property
    def suspended(self) -> Iterator[TaskTicket]:
        """The calls that wait for something."""
        return (ticket for ticket in self.open if isinstance(ticket, TaskTicket) and ticket.failure is None)

    def call(self, deadline: float) -> TaskTicket:
        return TaskTicket(self, deadline)


class _ScopeTicket:
    """A call on any event loop."""

    def __init__(self, tickets: Tickets, deadline: float) -> None:
        self._tickets = tickets
        self._scope = anyio.CancelScope(deadline=anyio.current_time() + (deadline - monotonic()))
        self._failure: Failure | None = None

    def __enter__(self) -> None:
        self._tickets.open.add(self)
        self._scope.__enter__()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> bool | None:
        self._tickets._close(self)
        handled = self._scope.__exit__(kind, error, traceback)
        if self._scope.cancelled_caught or (self._failure is not None and error is None):
            raise self._failure or DeadlineExceeded() from None
        return handled

    def interrupt(self, failure: Failure) -> None:
        """Cancel the scope; the call fails with ``failure``."""
        if self._failure is None:
            self._failure = failure
            self._scope.cancel()


class _ScopeTickets(Tickets):
    def call(self, deadline: float) -> AbstractContextManager[object]:
        return _ScopeTicket(self, deadline)


def asyncio_runs() -> bool:
    """Whether the running event loop is asyncio's."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


def make_sweeper() -> Sweeper | None:
    """Return the sweeper for the running event loop; None where deadlines are the event loop's own."""
    return Sweeper(asyncio.get_running_loop()) if asyncio_runs() else None


def make_tickets(sweeper: Sweeper | None) -> Tickets:
    """Return tickets for the running event loop."""
    return _ScopeTickets() if sweeper is None else TaskTickets(sweeper._loop, sweeper)
