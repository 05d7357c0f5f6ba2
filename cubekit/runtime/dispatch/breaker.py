"""`Breaker`: stops calling what fails again and again."""

from __future__ import annotations

import math

from cubekit.authoring.cubes import Clock
from cubekit.authoring.failures import DeadlineExceeded, Failure, Internal, Unavailable

__all__ = ["Breaker"]


class Breaker:
    """Lets calls through until ``limit`` of them in a row have failed, then refuses them for ``pause`` seconds; after
    that one call is let through to see whether it works again.

    A failure is an unexpected exception, `Unavailable`, `Internal` or a deadline that passed. A domain error such as
    `NotFound` is an answer: it shows that the operation works.
    """

    def __init__(self, limit: int, pause: float, clock: Clock) -> None:
        self.open = False
        """Whether calls are refused, but for the one that tries."""
        self.failures = 0
        """In a row."""
        self._limit = limit
        self._pause = pause
        self._clock = clock
        self._until = 0.0
        self._trying = False

    @property
    def refuses(self) -> bool:
        """Whether a call would be refused now."""
        return self.open and (self._trying or self._clock.monotonic() < self._until)

    def admit(self) -> None:
        """Let a call through that is to try.

        :raises Unavailable: if this is none; ``retry_after`` says when the next one is.
        """
        if self.refuses:
            left = self._until - self._clock.monotonic()
            message = "This operation has failed too often and is left in peace for a moment."
            raise Unavailable(message, retry_after=max(1, math.ceil(left)))
        self._trying = True

    def failed(self, error: BaseException) -> None:
        """Note that a call has raised something."""
        if isinstance(error, Exception | SystemExit) and _counts(error):
            self.failures += 1
            if self._trying or self.failures >= self._limit:
                self.open, self._until = True, self._clock.monotonic() + self._pause
        elif isinstance(error, Failure):
            self.succeeded()
        self._trying = False

    def succeeded(self) -> None:
        """Note that a call has been answered."""
        self.failures, self.open, self._trying = 0, False, False


def _counts(error: BaseException) -> bool:
    return not isinstance(error, Failure) or isinstance(error, Unavailable | Internal | DeadlineExceeded)
