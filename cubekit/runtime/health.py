"""The health of a service and of its instances."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal

import anyio

from cubekit.authoring.health import Health
from cubekit.runtime.instances import Instance, State
from cubekit.runtime.service import Service

__all__ = ["InstanceHealth", "check_health", "is_ready", "worst"]

_TIME_LIMIT = 5.0
"""Seconds that a cube's own check may take."""

Status = Literal["pass", "warn", "fail"]


@dataclass(frozen=True, slots=True)
class InstanceHealth:
    """An instance's state, and what its own check says of it."""

    instance: Instance
    health: Health


async def check_health(service: Service, *names: str) -> dict[str, InstanceHealth]:
    """Ask the named instances, or all, at the same time."""
    found: dict[str, InstanceHealth] = {}

    async def check(instance: Instance) -> None:
        found[instance.name] = InstanceHealth(instance, await _check(instance))

    async with anyio.create_task_group() as tasks:
        for instance in service.instances.values():
            if not names or instance.name in names:
                tasks.start_soon(check, instance)
    return {name: found[name] for name in service.instances if name in found}


async def _check(instance: Instance) -> Health:
    if (life := instance.life) is None:
        reason = f"{instance.state}: {instance.problem.message}" if instance.problem else f"{instance.state}"
        # An optional cube that is gone takes nothing essential with it.
        return Health("warn" if instance.planned.optional else "fail", reason)
    cube = life.cube
    try:
        with anyio.fail_after(_TIME_LIMIT):
            return _sound(await cube.health_check())
    except TimeoutError:
        return Health("fail", f"health_check() did not answer within {_TIME_LIMIT:g} s")
    except Exception as error:
        cube.log.exception("health_check() failed")
        return Health("fail", f"health_check() raised {type(error).__name__}")


def _sound(said: Any) -> Health:
    """Return what a cube said, if it can be passed on; its author may not have checked the types.

    :raises TypeError: if it cannot.
    """
    if not isinstance(said, Health) or str(said.status) not in {"pass", "warn", "fail"}:
        raise TypeError(f"health_check() returned {said!r}, which is no Health")
    observed: dict[str, Any] = dict(said.observed)
    for name, value in observed.items():
        if not isinstance(value, str | int | float) or (isinstance(value, float) and not math.isfinite(value)):
            raise TypeError(f"health_check() observed {name} = {value!r}, which has no JSON form")
    return said


def worst(checks: dict[str, InstanceHealth]) -> Status:
    """The status of the whole: an optional cube that fails makes it ``warn``, a required one ``fail``."""
    statuses: list[Status] = [
        "warn" if check.health.status == "fail" and check.instance.planned.optional else check.health.status
        for check in checks.values()
    ]
    return max(statuses, key=["pass", "warn", "fail"].index, default="pass")


def is_ready(service: Service) -> bool:
    """Whether traffic should come: started, not stopping, and every cube that readiness looks at runs."""
    return (
        service.started
        and not service.stopping
        and all(
            name in service.instances and service.instances[name].state is State.RUNNING for name in service.plan.ready
        )
    )
