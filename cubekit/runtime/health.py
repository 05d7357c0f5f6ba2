"""The health of a service and of its instances."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

import anyio

from cubekit.authoring.cubes import Clock
from cubekit.authoring.events import CubeHealthChanged
from cubekit.authoring.health import Status
from cubekit.composition.plan import PlannedCube
from cubekit.composition.service_file import HealthSection
from cubekit.runtime.bus import Bus
from cubekit.runtime.checkups import Checkup
from cubekit.runtime.instances import Instance

__all__ = ["HealthChecks", "InstanceHealth", "worst"]

_log = logging.getLogger("cubekit.health")


@dataclass(frozen=True, slots=True)
class InstanceHealth:
    """How an instance is, as its state, its own check and the instances that it depends on show."""

    instance: Instance
    status: Status
    output: str = ""
    """What is wrong; empty if nothing is."""
    observed: Mapping[str, float | int | str | bool] = field(default_factory=dict)
    caused_by: tuple[str, ...] = ()
    """Instances further down that are the reason: mend them, and this one is well."""
    since: float = 0.0
    """Since when the status is what it is; all times are seconds since 1970-01-01 UTC."""
    last_success: float | None = None
    """When the status was last seen to be ``pass``."""

    @property
    def ailing(self) -> bool:
        """Whether the instance runs, and it is its own check that fails."""
        return self.status == "fail" and self.instance.life is not None


class HealthChecks:
    """Asks the cubes of a service how they are, all at the same time and within ``[health] timeout``.

    An instance that runs while everybody who could provide what it requires is down is told apart from one that fails
    itself: its status is ``warn``, whatever its own check makes of it, and it names the cause.

    :param instances: by name, each after those it depends on.
    """

    def __init__(self, instances: Mapping[str, Instance], section: HealthSection, clock: Clock, bus: Bus) -> None:
        self._max_age = section.max_age
        self._clock = clock
        self._bus = bus
        self._checkups = {name: Checkup(instance, section, clock) for name, instance in instances.items()}
        start = clock.time()
        self._before = {name: InstanceHealth(instance, "pass", since=start) for name, instance in instances.items()}

    async def check(self, *names: str) -> dict[str, InstanceHealth]:
        """Return the health of the named instances, or of all."""
        wanted = names or tuple(self._checkups)
        asked = [self._checkups[name] for name in self._with_providers(wanted)]
        async with anyio.create_task_group() as tasks:
            for checkup in asked:
                tasks.start_soon(checkup.ask)
        found: dict[str, InstanceHealth] = {}
        for checkup in asked:
            found[checkup.instance.name] = self._note(_judge(checkup, found))
        return {name: found[name] for name in found if name in wanted}

    async def watch(self, found: Callable[[InstanceHealth], None]) -> None:
        """Ask all instances again and again, and hand on what they say, until cancelled."""
        while True:
            await self._clock.sleep(self._max_age)
            for health in (await self.check()).values():
                found(health)

    def _with_providers(self, names: Iterable[str]) -> list[str]:
        known = set(names)
        for name in reversed(self._checkups):
            if name in known:
                known |= self._checkups[name].instance.planned.depends_on
        return [name for name in self._checkups if name in known]

    def _note(self, now: InstanceHealth) -> InstanceHealth:
        """Add to what was found how long it has been so, and tell everybody of a change."""
        before, time = self._before[now.instance.name], self._clock.time()
        changed = now.status != before.status
        noted = InstanceHealth(
            now.instance,
            now.status,
            now.output,
            now.observed,
            now.caused_by,
            since=time if changed else before.since,
            last_success=time if now.status == "pass" else before.last_success,
        )
        self._before[now.instance.name] = noted
        now.instance.ailing = noted.ailing
        if changed:
            level = logging.INFO if now.status == "pass" else logging.WARNING
            _log.log(level, 'health of cube "%s": %s %s', now.instance.name, now.status, now.output)
            self._bus.publish(
                CubeHealthChanged(instance=now.instance.name, before=before.status, after=now.status, reason=now.output)
            )
        return noted


def _judge(checkup: Checkup, providers: Mapping[str, InstanceHealth]) -> InstanceHealth:
    instance = checkup.instance
    missing = _missing(instance.planned, providers)
    roots = tuple(dict.fromkeys(root for name in missing for root in providers[name].caused_by or (name,)))
    own = checkup.said
    if own is None:
        output = f"{instance.state}: {instance.problem.message}" if instance.problem else f"{instance.state}"
        return InstanceHealth(instance, "fail", output, caused_by=roots)
    if roots:
        output = "; ".join(f'provider "{name}" is down: {providers[name].output}' for name in missing)
        return InstanceHealth(instance, "warn", output, own.observed, roots)
    return InstanceHealth(instance, own.status, own.output, own.observed)


def _missing(planned: PlannedCube, providers: Mapping[str, InstanceHealth]) -> list[str]:
    """The providers of requirements that nobody can serve now, whether they are down or what they depend on is."""
    bound = [names for names in planned.bindings.values() if names]
    down = {name for names in bound for name in names if providers[name].status == "fail" or providers[name].caused_by}
    return list(dict.fromkeys(name for names in bound if down.issuperset(names) for name in names))


def worst(checks: Iterable[InstanceHealth]) -> Status:
    """The status of the whole: an optional cube that fails makes it ``warn``, a required one ``fail``."""
    statuses: list[Status] = [
        "warn" if check.status == "fail" and check.instance.planned.optional else check.status for check in checks
    ]
    return max(statuses, key=["pass", "warn", "fail"].index, default="pass")
