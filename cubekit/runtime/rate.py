"""How often one caller may call."""

from __future__ import annotations

import math
from collections import OrderedDict

from cubekit.authoring.context import CallContext
from cubekit.authoring.cubes import Clock
from cubekit.authoring.failures import RateLimited

__all__ = ["RateLimiter"]

_CALLERS = 65_536


class RateLimiter:
    """The generic cell rate algorithm (ITU-T I.371): one number per caller, exact and without a timer.

    A caller is its principal, or its network address while nobody knows who it is.

    :param calls: calls that may come at once, and within every ``seconds`` on average.
    """

    def __init__(self, calls: int, seconds: float, clock: Clock) -> None:
        self._interval = seconds / calls
        self._burst = seconds
        self._clock = clock
        self._arrivals: OrderedDict[tuple[str | None, str | None], float] = OrderedDict()

    def admit(self, context: CallContext) -> None:
        """Count a call.

        :raises RateLimited: if it comes too early; ``retry_after`` says how much.
        """
        principal = context.caller.principal
        caller = (principal, None if principal is not None else context.client)
        now = self._clock.monotonic()
        expected = max(self._arrivals.get(caller, now), now)
        early = expected + self._interval - self._burst - now
        if early > 1e-9:
            raise RateLimited(retry_after=math.ceil(early))
        self._arrivals[caller] = expected + self._interval
        self._arrivals.move_to_end(caller)
        if len(self._arrivals) > _CALLERS:
            self._arrivals.popitem(last=False)
