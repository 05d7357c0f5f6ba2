"""`Exporting`: sends one signal in batches. The service never waits for it, and memory is bounded."""

from __future__ import annotations

import logging
import math
from collections import deque
from collections.abc import Callable, Sequence
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import UTC, datetime
from threading import Lock as ThreadLock
from typing import Generic, Protocol, TypeVar

from anyio import CapacityLimiter, Lock, to_thread
from cubekit import Clock

__all__ = ["Exporting", "Queue", "Source", "in_export"]

T = TypeVar("T")

in_export: ContextVar[bool] = ContextVar("cubekit_monitoring.in_export", default=False)
"""Whether an export is under way here: what it logs is not exported, or each export would cause the next one."""

_TRIES = 12
"""For one batch: the collector may refuse it for what is in it, and the others must have their turn."""


class Source(Protocol[T]):
    """Where batches come from."""

    dropped: int
    """What was lost since the start."""

    async def take(self) -> Sequence[T]:
        """Return the next batch; empty if there is nothing to be sent now."""

    def put_back(self, batch: Sequence[T]) -> None:
        """Take a batch that could not be sent, for another try."""

    def give_up(self, batch: Sequence[T]) -> None:
        """Forget a batch that has been tried too often."""


def _nothing(item: object) -> int:
    return 0


class Queue(Generic[T]):
    """What waits to be sent: the newest. Any thread may add.

    :param size: the most that waits.
    :param batch: the most that goes at once.
    :param room: the bytes that may wait.
    :param measure: returns about how many bytes an item takes.
    """

    def __init__(self, size: int, batch: int, room: float = math.inf, measure: Callable[[T], int] = _nothing) -> None:
        self.dropped = 0
        self._size = size
        self._batch = batch
        self._room = room
        self._measure = measure
        self._waiting: deque[T] = deque()
        self._bytes = 0
        self._lock = ThreadLock()

    def add(self, item: T) -> None:
        """Let something wait; if there is no room, the oldest go."""
        with self._lock:
            self._waiting.append(item)
            self._bytes += self._measure(item)
            while len(self._waiting) > self._size or self._bytes > self._room:
                self._remove_oldest()
                self.dropped += 1

    async def take(self) -> list[T]:
        """Return the oldest."""
        return self.pop()

    def pop(self) -> list[T]:
        """Return the oldest."""
        with self._lock:
            return [self._remove_oldest() for _ in range(min(self._batch, len(self._waiting)))]

    def put_back(self, batch: Sequence[T]) -> None:
        """Let them wait again, as far as there is room: the newest of them."""
        with self._lock:
            left = list(batch)
            while left and len(self._waiting) < self._size and self._bytes + self._measure(left[-1]) <= self._room:
                item = left.pop()
                self._waiting.appendleft(item)
                self._bytes += self._measure(item)
            self.dropped += len(left)

    def _remove_oldest(self) -> T:
        item = self._waiting.popleft()
        self._bytes -= self._measure(item)
        return item

    def give_up(self, batch: Sequence[T]) -> None:
        """Count them as lost."""
        with self._lock:
            self.dropped += len(batch)


@dataclass
class _Outcome(Generic[T]):
    """What became of a batch."""

    sent: int
    left: Sequence[T]
    """What the collector did not take."""
    culprits: Sequence[T] = ()
    """What can never be sent."""
    error: Exception | None = None
    """Why the last of the culprits cannot."""


class Exporting(Generic[T]):
    """Sends what a source has, in a thread of its own, until it is cancelled.

    :param signal: what is sent, for messages.
    :param send: sends one batch and returns whether it has arrived. It raises if something in the batch cannot be sent,
        and `OSError` like a collector that is away.
    """

    def __init__(
        self,
        signal: str,
        source: Source[T],
        send: Callable[[Sequence[T]], bool],
        clock: Clock,
        log: logging.Logger,
    ) -> None:
        self.signal = signal
        self.sent = 0
        self.failing_since: datetime | None = None
        """Since when the collector takes nothing."""
        self._source = source
        self._send = send
        self._clock = clock
        self._log = log
        self._tries = 0
        self._has_culprits = False
        self._limiter = CapacityLimiter(1)
        self._alone = Lock()
        self._finished = False

    @property
    def dropped(self) -> int:
        """How many spans, lines or metrics were lost."""
        return self._source.dropped

    async def run(self, interval: float) -> None:
        """Send all there is whenever some time has passed, until cancelled."""
        while True:
            await self._clock.sleep(interval)
            async with self._alone:
                if not self._finished:
                    await self._flush()

    async def finish(self) -> None:
        """Send all there is for the last time."""
        self._finished = True
        async with self._alone:
            await self._flush()

    async def _flush(self) -> None:
        while (batch := await self._source.take()) and await self._deliver(batch):
            pass

    async def _deliver(self, batch: Sequence[T]) -> bool:
        """Send a batch, and return whether the next one is worth a try."""
        # If the cube stops meanwhile, the thread goes on with its try.
        outcome = await to_thread.run_sync(self._try, batch, abandon_on_cancel=True, limiter=self._limiter)
        self.sent += outcome.sent
        arrived = outcome.sent > 0 and not outcome.left
        had_culprits, self._has_culprits = self._has_culprits, bool(outcome.culprits)
        if outcome.culprits:
            self._source.give_up(outcome.culprits)
            if not had_culprits:
                self._log.error(
                    "%d of the %s cannot be sent and are lost",
                    len(outcome.culprits),
                    self.signal,
                    exc_info=outcome.error,
                )
        if outcome.sent or outcome.left or had_culprits:
            self._note(arrived)
        self._tries = self._tries + 1 if outcome.left else 0
        if self._tries >= _TRIES:
            self._tries = 0
            self._source.give_up(outcome.left)
        elif outcome.left:
            self._source.put_back(outcome.left)
        return arrived

    def _try(self, batch: Sequence[T]) -> _Outcome[T]:
        """Send a batch; if that raises, halves of it, until what is at fault is alone."""
        in_export.set(True)  # in the context of this try alone
        outcome = _Outcome[T](0, ())
        parts = [batch]
        while parts:
            part = parts.pop()
            try:
                arrived = self._send(part)
            except OSError:
                arrived = False
            except Exception as error:  # noqa: BLE001 - whatever an exporter raises, the service goes on
                half = len(part) // 2
                if half:
                    parts += [part[half:], part[:half]]
                else:
                    outcome.culprits, outcome.error = [*outcome.culprits, *part], error
                continue
            if not arrived:
                outcome.left = [item for rest in (part, *reversed(parts)) for item in rest]
                break
            outcome.sent += len(part)
        return outcome

    def _note(self, arrived: bool) -> None:
        now = datetime.fromtimestamp(self._clock.time(), UTC)
        if not arrived and self.failing_since is None:
            self.failing_since = now
            self._log.warning("%s cannot be exported; the newest are kept until the collector is back", self.signal)
        elif arrived and self.failing_since is not None:
            away = (now - self.failing_since).total_seconds()
            self.failing_since = None
            self._log.warning(
                "%s are exported again after %.0f s; %d lost since the start", self.signal, away, self.dropped
            )
