"""`Peers`: the other workers of a service, asked for what only all of them together know."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple, Protocol

__all__ = ["Alone", "Collect", "Part", "Peers"]

Collect = Callable[[], Awaitable[Any]]
"""Returns what one worker knows, as JSON has it."""


class Part(NamedTuple):
    """What one worker has said."""

    worker: int | None
    """Its number; None of what is left of those that have ended."""
    pid: int
    data: Any
    """None if it did not answer in time."""


class Peers(Protocol):
    """All workers of a service, this one among them."""

    alone: bool
    """Whether this is the only one."""

    def offer(self, what: str, collect: Collect) -> None:
        """Say how this worker answers a question."""

    async def ask(self, what: str) -> list[Part]:
        """Ask all workers at the same time."""


class Alone:
    """A service in one process."""

    alone = True

    def __init__(self) -> None:
        self._collect: dict[str, Collect] = {}

    def offer(self, what: str, collect: Collect) -> None:
        """Say how this process answers a question."""
        self._collect[what] = collect

    async def ask(self, what: str) -> list[Part]:
        """Answer the question."""
        return [Part(0, os.getpid(), await self._collect[what]())]
