"""A clock that moves only when told to."""

from __future__ import annotations

import heapq
from itertools import count

import anyio
import anyio.lowlevel

__all__ = ["ControlledClock"]


class ControlledClock:
    """A `cubekit.Clock` for tests: caches age, rates refill and restarts happen when `advance` says so.

    :param start: what `time` says first, in seconds since 1970-01-01 UTC.
    """

    def __init__(self, start: float = 1_700_000_000.0) -> None:
        self._origin = start
        self._passed = 0.0
        self._sleepers: list[tuple[float, int, anyio.Event]] = []
        self._order = count()
        self._asleep = anyio.Event()

    def time(self) -> float:
        """Seconds since 1970-01-01 UTC."""
        return self._origin + self._passed

    def monotonic(self) -> float:
        """Seconds that were advanced so far."""
        return self._passed

    async def sleep(self, seconds: float) -> None:
        """Wait until the clock was advanced so far."""
        if seconds <= 0:
            await anyio.lowlevel.checkpoint()
            return
        awake = anyio.Event()
        heapq.heappush(self._sleepers, (self._passed + seconds, next(self._order), awake))
        self._asleep.set()
        await awake.wait()

    async def until_asleep(self) -> None:
        """Wait until somebody sleeps on this clock."""
        while not self._sleepers:
            self._asleep = anyio.Event()
            await self._asleep.wait()

    def jump(self, seconds: float) -> None:
        """Set the time of day forward, or back if negative, as a time server does; `monotonic` does not notice."""
        self._origin += seconds

    async def advance(self, seconds: float) -> None:
        """Move the clock, wake who has slept enough, and let them run."""
        self._passed += seconds
        while self._sleepers and self._sleepers[0][0] <= self._passed:
            heapq.heappop(self._sleepers)[2].set()
        await anyio.wait_all_tasks_blocked()
