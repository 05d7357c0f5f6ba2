"""`Recycling`: what follows from checks that fail for too long."""

from __future__ import annotations

from collections.abc import Callable

from cubekit.authoring.cubes import Clock
from cubekit.composition.plan import Plan
from cubekit.runtime.health import InstanceHealth
from cubekit.runtime.instances import Life

__all__ = ["Recycling"]


class Recycling:
    """Has instances recycled that run, and whose own check has failed for as long as their group allows.

    :param recycle: called with an instance's name and the reason.
    """

    def __init__(self, plan: Plan, clock: Clock, recycle: Callable[[str, str], None]) -> None:
        self._patience = {name: plan.groups[planned.group].unhealthy for name, planned in plan.cubes.items()}
        self._clock = clock
        self._recycle = recycle
        self._ailing: dict[str, tuple[Life, float]] = {}
        """The life that is not well, and since when that is known, on a clock that nobody sets."""

    @property
    def is_needed(self) -> bool:
        """Whether any group asks for it."""
        return any(patience is not None for patience in self._patience.values())

    def look_at(self, health: InstanceHealth) -> None:
        """Recycle an instance if it is time."""
        instance = health.instance
        patience, life, now = self._patience[instance.name], instance.life, self._clock.monotonic()
        if patience is None:
            return
        if life is None or not health.ailing:
            self._ailing.pop(instance.name, None)
            return
        known, since = self._ailing.setdefault(instance.name, (life, now))
        if known is not life:  # what was wrong with the one before is none of its business
            self._ailing[instance.name] = (life, now)
        elif now - since >= patience:
            del self._ailing[instance.name]
            self._recycle(instance.name, f"unhealthy for {patience:g} s: {health.output}")
