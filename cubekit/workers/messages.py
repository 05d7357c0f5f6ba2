"""Messages between the master and a worker: lines of JSON over a socket pair that nobody else has."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Iterator
from itertools import islice
from typing import Any

__all__ = ["Lines", "Outgoing", "encode"]

_MOST_EVENTS = 1 << 22
"""Bytes of events that wait for one process."""

_AT_ONCE = 64
"""Lines that are sent at once."""


def encode(message: dict[str, Any]) -> bytes:
    """Write a message. Text may be anything that Python takes for text.

    :raises TypeError: if JSON has no form for something in it.
    :raises ValueError: likewise.
    :raises RecursionError: likewise.
    """
    return json.dumps(message, separators=(",", ":")).encode() + b"\n"


class Lines:
    """Cuts what arrives into messages."""

    def __init__(self) -> None:
        self._begun: list[bytes] = []

    def feed(self, data: bytes) -> Iterator[dict[str, Any]]:
        """Yield the messages that are complete now."""
        *ends, rest = data.split(b"\n")
        for end in ends:
            line, self._begun = b"".join((*self._begun, end)), []
            yield json.loads(line)
        if rest:
            self._begun.append(rest)


class Outgoing:
    """Lines that wait to be sent. Events may get lost, if too many wait; nothing else does."""

    def __init__(self) -> None:
        self._lines: deque[bytes] = deque()
        self._size = 0
        self.dropped = 0
        """Events that were lost."""

    def __bool__(self) -> bool:
        return bool(self._lines)

    def add(self, line: bytes) -> None:
        """Send a line when there is room."""
        self._lines.append(line)
        self._size += len(line)

    def add_event(self, line: bytes) -> bool:
        """Send a line that may get lost; False if it has."""
        if self._size + len(line) > _MOST_EVENTS:
            self.dropped += 1
            return False
        self.add(line)
        return True

    def first(self) -> list[bytes]:
        """What to send next."""
        return list(islice(self._lines, _AT_ONCE))

    def sent(self, count: int) -> None:
        """Forget as many bytes as have been sent."""
        self._size -= count
        while count:
            line = self._lines.popleft()
            if len(line) > count:
                self._lines.appendleft(line[count:])
                return
            count -= len(line)
