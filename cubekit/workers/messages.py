"""Messages between the master and a worker: lines of JSON over a socket pair that nobody else has."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

__all__ = ["Lines", "encode"]


def encode(message: dict[str, Any]) -> bytes:
    """Write a message."""
    return json.dumps(message, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"


class Lines:
    """Cuts what arrives into messages."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, data: bytes) -> Iterator[dict[str, Any]]:
        """Yield the messages that are complete now."""
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            yield json.loads(line)
