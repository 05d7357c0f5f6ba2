"""`Leaks`: finds workers that have more memory than they may."""

from __future__ import annotations

import logging
import math
import os
import time
from collections.abc import Iterable
from pathlib import Path

from cubekit.composition.service_file import RecycleSection
from cubekit.ground.durations import format_size
from cubekit.workers.processes import Process

__all__ = ["Leaks"]

_log = logging.getLogger("cubekit.workers")

_PAGE = os.sysconf("SC_PAGE_SIZE")


class Leaks:
    """Looks at the memory of workers from time to time.

    What a worker has grown by is counted from the first look at it that comes ``settled`` seconds after it was found
    serving: caches and connections fill at the beginning.
    """

    def __init__(self, policy: RecycleSection) -> None:
        self._policy = policy
        self._next = -math.inf if policy.is_wanted else math.inf
        self._warned = False
        self._found: dict[int, float] = {}
        """When a worker was first seen, by process id."""
        self._born_too_big: set[int] = set()
        """Workers that had more than the limit when they were first looked at: their successors would, too."""
        self._settled: dict[int, int] = {}
        """The bytes that a worker had when it was settled."""

    def patience(self) -> float:
        """Return the seconds until the next look is due; infinity if there is none."""
        return max(0.0, self._next - time.monotonic())

    def look(self, workers: Iterable[Process]) -> tuple[Process, str] | None:
        """Return the worker that is furthest over its limit, and what to say of it; None if none is, or it is not time.

        :param workers: those that serve.
        """
        now = time.monotonic()
        if now < self._next:
            return None
        self._next = now + self._policy.every
        sizes = {worker: size for worker in workers if (size := _resident(worker.pid)) is not None}
        alive = {worker.pid for worker in sizes}
        self._born_too_big &= alive
        self._found = {pid: since for pid, since in self._found.items() if pid in alive}
        self._settled = {pid: size for pid, size in self._settled.items() if pid in alive}
        worst: tuple[float, Process, str] | None = None
        for worker, size in sizes.items():
            if worker.pid not in self._found and self._policy.memory is not None and size > self._policy.memory:
                self._born_too_big.add(worker.pid)
                self._warn(worker, size, self._policy.memory)
            since = self._found.setdefault(worker.pid, now)
            if now - since >= self._policy.settled:
                self._settled.setdefault(worker.pid, size)
            for over, reason in self._over(worker, size):
                if worst is None or over > worst[0]:
                    worst = over, worker, reason
        return None if worst is None else worst[1:]

    def _warn(self, worker: Process, size: int, limit: int) -> None:
        if not self._warned:
            self._warned = True
            _log.warning(
                "[recycle] memory = %s is less than worker %d has from the beginning, which is %s: it is not recycled",
                format_size(limit),
                worker.slot.index,
                format_size(size),
            )

    def _over(self, worker: Process, size: int) -> Iterable[tuple[float, str]]:
        """How far a worker is over each of its limits, as a ratio, and in words."""
        limit, growth = self._policy.memory, self._policy.growth
        if limit is not None and size > limit and worker.pid not in self._born_too_big:
            yield size / limit, f"it has {format_size(size)} of memory, and may have {format_size(limit)}"
        before = self._settled.get(worker.pid)
        if growth is not None and before is not None and size - before > growth:
            grown = format_size(size - before)
            yield (size - before) / growth, f"it has grown by {grown}, and may grow by {format_size(growth)}"


def _resident(pid: int) -> int | None:
    """The resident memory of a process in bytes; None if it has ended."""
    try:
        return int(Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1]) * _PAGE
    except (OSError, IndexError):
        return None
