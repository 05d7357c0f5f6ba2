"""`Questions`: what one worker asks, all workers answer."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import count
from typing import Any

__all__ = ["PATIENCE", "Questions"]

PATIENCE = 2.0
"""Seconds that a worker has to answer, unless somebody says otherwise."""

Answer = tuple[int, dict[str, Any]]
"""Who asked, and the message for it."""


@dataclass
class _Open:
    asker: int
    number: int
    parts: dict[int, list[Any]]
    """By process id: index, process id and what it said."""
    missing: set[int]
    until: float


class Questions:
    """The questions that wait for answers.

    :param patience: seconds that a worker has to answer.
    """

    def __init__(self, patience: float = PATIENCE) -> None:
        self._patience = patience
        self._open: dict[int, _Open] = {}
        self._numbers = count()

    def ask(self, asker: int, number: int, workers: Sequence[tuple[int, int]]) -> int:
        """Note a question, and return its number.

        :param asker: process id of the worker that asks, and ``number`` what it calls the question.
        :param workers: index and process id of those who are asked.
        """
        question = next(self._numbers)
        parts: dict[int, list[Any]] = {pid: [index, pid, None] for index, pid in workers}
        self._open[question] = _Open(asker, number, parts, set(parts), time.monotonic() + self._patience)
        return question

    def collect(self, question: int, pid: int, data: Any) -> Iterator[Answer]:
        """Note what one has said; yields the answer if it was the last."""
        found = self._open.get(question)
        if found is not None and pid in found.missing:
            found.parts[pid][2] = data
            yield from self._without(question, pid)

    def gone(self, pid: int) -> list[Answer]:
        """Wait no more for somebody who is gone; returns the answers that waited for it alone."""
        return [answer for question in list(self._open) for answer in self._without(question, pid)]

    def overdue(self) -> list[Answer]:
        """Return the answers that have waited long enough, with what there is."""
        now = time.monotonic()
        return [self._close(question) for question, found in list(self._open.items()) if found.until <= now]

    def patience(self) -> float | None:
        """Seconds until an answer is overdue; None if nobody waits."""
        if not self._open:
            return None
        return max(0.0, min(found.until for found in self._open.values()) - time.monotonic())

    def _without(self, question: int, pid: int) -> Iterator[Answer]:
        found = self._open[question]
        found.missing.discard(pid)
        if not found.missing:
            yield self._close(question)

    def _close(self, question: int) -> Answer:
        found = self._open.pop(question)
        parts = sorted(found.parts.values(), key=lambda part: part[0])
        return found.asker, {"do": "answer", "number": found.number, "parts": parts}
