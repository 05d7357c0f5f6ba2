"""`Recycling`: what follows from checks that fail for too long."""

from __future__ import annotations

from collections.abc import Callable

from cubekit.authoring.cubes import Clock
from cubekit.composition.plan import Plan
from cubekit.runtime.health import InstanceHealth

__all__ = ["Recycling"]


class Recycling:
    """Has instances recycled that run, and whose own check has failed for as long as their group allows.

    :param recycle: called with an instance's name and the reason.
    """

    def __init__(self, plan: Plan, clock: Clock, recycle: Callable[[str, str], None]) -> None:
        self._patience = {name: plan.groups[planned.group].unhealthy for name, planned in plan.cubes.items()}
        self._clock = clock
        self._recycle = recycle
        self._before: dict[str, float] = {}
        """When an instance was last recycled."""

    @property
    def is_needed(self) -> bool:
        """Whether any group asks for it."""
        return any(patience is not None for patience in self._patience.values())

    def look_at(self, health: InstanceHealth) -> None:
        """Recycle an instance if it is time."""
        name, now = health.instance.name, self._clock.time()
        patience = self._patience[name]
        if patience is None or not health.ailing:
            return
        if now - max(health.since, self._before.get(name, 0.0)) >= patience:
            self._before[name] = now
            self._recycle(name, f"unhealthy for {patience:g} s: {health.output}")
