"""`Questions`: what one worker asks, all workers answer."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import count
from typing import Any

__all__ = ["PATIENCE", "Question", "Questions"]

PATIENCE = 2.0
"""Seconds that a worker has to answer, unless somebody says otherwise."""

Who = tuple[int, int]
"""A worker's index and process id."""


@dataclass
class Question:
    """What one worker wants to know of all."""

    asker: int
    """Its process id."""
    number: int
    """What it calls the question."""
    what: str
    parts: dict[int, list[Any]]
    """By index: index, process id and what was said."""
    missing: dict[int, int]
    """By process id: the indices of those who have not answered."""
    until: float

    def answer(self, *more: list[Any]) -> dict[str, Any]:
        """The message for who has asked."""
        parts = [part for _, part in sorted(self.parts.items())]
        return {"do": "answer", "number": self.number, "parts": [*parts, *more]}


class Questions:
    """The questions that wait for answers.

    :param patience: seconds that a worker has to answer.
    """

    def __init__(self, patience: float = PATIENCE) -> None:
        self._patience = patience
        self._open: dict[int, Question] = {}
        self._numbers = count()

    def ask(self, asker: int, number: int, what: str, asked: Sequence[Who], absent: Sequence[Who] = ()) -> int:
        """Note a question, and return its number.

        :param asker: process id of the worker that asks, and ``number`` what it calls the question.
        :param asked: the workers that will answer.
        :param absent: those of whom only that is to be said.
        """
        question = next(self._numbers)
        parts: dict[int, list[Any]] = {index: [index, pid, None] for index, pid in (*asked, *absent)}
        missing = {pid: index for index, pid in asked}
        until = time.monotonic() + self._patience if missing else 0.0
        self._open[question] = Question(asker, number, what, parts, missing, until)
        return question

    def collect(self, question: int, pid: int, data: Any) -> Iterator[Question]:
        """Note what one has said; yields the question if it was the last."""
        found = self._open.get(question)
        if found is not None and pid in found.missing:
            found.parts[found.missing.pop(pid)][2] = data
            yield from self._without(question, pid)

    def gone(self, pid: int) -> list[Question]:
        """Wait no more for somebody who is gone, and forget what it has said.

        Returns the questions that waited for it alone.
        """
        for found in self._open.values():
            for part in found.parts.values():
                if part[1] == pid:
                    part[2] = None
        return [found for question in list(self._open) for found in self._without(question, pid)]

    def overdue(self) -> list[Question]:
        """Return the questions that have waited long enough."""
        now = time.monotonic()
        return [self._open.pop(question) for question, found in list(self._open.items()) if found.until <= now]

    def patience(self) -> float:
        """Seconds until an answer is overdue."""
        return min((found.until for found in self._open.values()), default=math.inf) - time.monotonic()

    def _without(self, question: int, pid: int) -> Iterator[Question]:
        found = self._open[question]
        found.missing.pop(pid, None)
        if not found.missing:
            yield self._open.pop(question)
