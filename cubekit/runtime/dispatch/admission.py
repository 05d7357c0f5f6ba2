"""Who is refused: for want of a scope, or because an instance has too much to do."""

from __future__ import annotations

import math
from collections.abc import Callable

from cubekit.authoring.context import CallContext
from cubekit.authoring.cubes import Clock
from cubekit.authoring.failures import Failure, Overloaded, PermissionDenied, Unauthenticated

__all__ = ["Admission", "lacks"]


_QUIET = 10.0
"""Seconds without a refusal after which the next one is news."""


class Admission:
    """Bounds the calls under way of one instance, and refuses what comes above at once, the least important first.

    Calls of negative priority have three quarters of the room, ordinary ones all but a twentieth, and calls of positive
    priority all of it; each share is rounded up.

    :param limit: calls at the same time.
    :param shedding: called when calls begin to be refused, after a while in which none was.
    """

    def __init__(self, limit: int, clock: Clock, shedding: Callable[[], None]) -> None:
        self._limit = limit
        self._clock = clock
        self._shedding = shedding
        self._quiet_from = -math.inf
        self.least = math.ceil(limit * 0.75)
        """Calls under way up to which everybody is admitted."""
        self._ordinary = math.ceil(limit * 0.95)

    def admit(self, under_way: int, priority: int) -> None:
        """Let a call in.

        :raises Overloaded: if there is no room for a call of that priority.
        """
        room = self._limit if priority > 0 else self._ordinary if priority == 0 else self.least
        if under_way >= room:
            now = self._clock.monotonic()
            if now >= self._quiet_from:
                self._shedding()
            self._quiet_from = now + _QUIET
            raise Overloaded(retry_after=1)


def lacks(scope: str, context: CallContext) -> Failure:
    """Return what a caller without a scope is told."""
    if context.caller.principal is None:
        return Unauthenticated()
    return PermissionDenied('This needs the scope "{scope}".', scope=scope)
