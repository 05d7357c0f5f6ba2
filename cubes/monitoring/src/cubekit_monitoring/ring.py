"""`Ring`: the newest of what has happened, within bounds of memory."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from threading import Lock
from typing import Generic, TypeVar

__all__ = ["Ring"]

T = TypeVar("T")


class Ring(Generic[T]):
    """Keeps the newest entries; whichever bound is reached first, the oldest go. Any thread may use it.

    :param entries: the most entries.
    :param size: the most bytes of all entries together, as their sizes are told to `add`.
    """

    def __init__(self, entries: int, size: int) -> None:
        self._limits = entries, size
        self._kept: deque[tuple[int, T]] = deque()
        self._lock = Lock()
        self.size = 0
        """Bytes of all entries."""

    def add(self, entry: T, size: int) -> None:
        """Keep an entry. One that is larger than the whole ring is not kept."""
        entries, limit = self._limits
        if size > limit:
            return
        with self._lock:
            self._kept.append((size, entry))
            self.size += size
            while len(self._kept) > entries or self.size > limit:
                gone, _ = self._kept.popleft()
                self.size -= gone

    def __len__(self) -> int:
        return len(self._kept)

    def __iter__(self) -> Iterator[T]:
        """The entries of this moment, the newest first."""
        with self._lock:
            kept = list(self._kept)
        return (entry for _, entry in reversed(kept))
