"""`Retries`: another try for calls that may be repeated, within a budget."""

from __future__ import annotations

import random
from time import monotonic

from cubekit.authoring.failures import Failure, Unavailable

__all__ = ["Retries"]

_FIRST_PAUSE = 0.05
_LONGEST_PAUSE = 2.0
_RESERVE = 10.0
"""Retries that the budget holds at most."""


class Retries:
    """Says whether a failed call of an idempotent operation is worth another try.

    It is after `Unavailable` and after errors of a connection, but not before the time that a failure names in
    ``retry_after``, and not at all if that is longer than a retry may wait: what has an open breaker is left in peace.
    The budget keeps a provider that is down from being asked several times as often: every call adds ``budget`` of a
    retry to it, and every retry takes one.

    :param attempts: tries of one call after the first.
    :param budget: retries for each call, over many calls.
    :param instance: if given, only failures that say they are repeatable for it are worth a try.
    """

    def __init__(self, attempts: int, budget: float, instance: str | None = None) -> None:
        self._instance = instance
        self._attempts = attempts
        self._budget = budget
        self._left = _RESERVE
        self.calls = 0
        """Calls since the budget was last looked at."""

    def pause(self, error: Exception, attempt: int, deadline: float) -> float | None:
        """Return the seconds to wait before the next try, or None if there should be none.

        :param attempt: how many tries there were after the first.
        :param deadline: of the call, on the clock of `time.monotonic`.
        """
        self._left = min(_RESERVE, self._left + self.calls * self._budget)
        self.calls = 0
        if attempt >= self._attempts or self._left < 1 or not isinstance(error, Unavailable | ConnectionError):
            return None
        if self._instance is not None and getattr(error, "repeatable_for", None) != self._instance:
            return None
        asked = error.retry_after or 0.0 if isinstance(error, Failure) else 0.0
        if asked > _LONGEST_PAUSE:
            return None
        pause: float = min(_LONGEST_PAUSE, _FIRST_PAUSE * 2**attempt)
        pause = asked + pause * random.uniform(0.5, 1.0)  # noqa: S311 - jitter
        if monotonic() + pause >= deadline:
            return None
        self._left -= 1
        return pause
