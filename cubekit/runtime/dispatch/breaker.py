"""`Breaker`: stops calling what fails again and again."""

from __future__ import annotations

from collections.abc import Callable
from time import monotonic

from cubekit.authoring.cubes import Clock
from cubekit.authoring.failures import DeadlineExceeded, Failure, Internal, Unavailable

__all__ = ["Breaker"]


class Breaker:
    """Lets calls through until ``limit`` of them in a row have failed, then refuses them for ``pause`` seconds; after
    that one call is let through to see whether it works again.

    A failure is an unexpected exception, `Unavailable`, `Internal` or a deadline that passed, unless the caller had
    brought that. A domain error such as `NotFound` is an answer: it shows that the operation works. What calls say that
    were let through before the breaker opened comes too late: while it is open only the one that tries decides.

    :param turned: called with whether it is open, when it opens and when it closes.
    """

    def __init__(self, limit: int, pause: float, clock: Clock, turned: Callable[[bool], None]) -> None:
        self.open = False
        """Whether calls are refused, but for the one that tries."""
        self.failures = 0
        """In a row."""
        self._limit = limit
        self._pause = pause
        self._clock = clock
        self._turned = turned
        self._until = 0.0
        self._trying = False

    @property
    def refuses(self) -> bool:
        """Whether a call would be refused now."""
        return self.open and (self._trying or self._clock.monotonic() < self._until)

    def admit(self) -> bool:
        """Let a call through that is to try.

        :return: True, for `failed` or `succeeded`.
        :raises Unavailable: if this is none; ``retry_after`` says when the next one is.
        """
        if self.refuses:
            left = max(0.0, self._until - self._clock.monotonic())
            message = "This operation has failed too often and is left in peace for a moment."
            raise Unavailable(message, retry_after=left)
        self._trying = True
        return True

    def failed(self, error: BaseException, trying: bool, hurry: float) -> None:
        """Note that a call has raised something.

        :param trying: what `admit` returned for this call, or False.
        :param hurry: the caller's deadline on the clock of `time.monotonic`; infinite where the operation's is earlier.
        """
        if trying:
            self._trying = False
        elif self.open:
            return
        if isinstance(error, DeadlineExceeded) and monotonic() >= hurry:
            return
        if isinstance(error, Exception | SystemExit) and _counts(error):
            self.failures += 1
            if trying or self.failures >= self._limit:
                self._until = self._clock.monotonic() + self._pause
                self._turn(True)
        elif isinstance(error, Failure):
            self.failures = 0
            self._turn(False)

    def succeeded(self, trying: bool) -> None:
        """Note that a call has been answered.

        :param trying: what `admit` returned for this call, or False.
        """
        if trying or not self.open:
            self.failures, self._trying = 0, False
            self._turn(False)

    def _turn(self, is_open: bool) -> None:
        if self.open is not is_open:
            self.open = is_open
            self._turned(is_open)


def _counts(error: BaseException) -> bool:
    return not isinstance(error, Failure) or isinstance(error, Unavailable | Internal | DeadlineExceeded)
