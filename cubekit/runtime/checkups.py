"""`Checkup`: the own check of one instance, asked one at a time, and its answer, kept for a while."""

from __future__ import annotations

import math
import random
from typing import Any

import anyio

from cubekit.authoring.cubes import Clock, Cube
from cubekit.authoring.health import Health
from cubekit.composition.service_file import HealthSection
from cubekit.runtime.instances import Instance, Life

__all__ = ["Checkup"]


class Checkup:
    """Asks one instance how it is.

    The check runs in a task of the cube, and not of whoever asks: many who ask at the same time share it, those who
    leave do not end it, and a check that hangs is there once.
    """

    def __init__(self, instance: Instance, section: HealthSection, clock: Clock) -> None:
        self.instance = instance
        self._section = section
        self._clock = clock
        self._life: Life | None = None
        self._said = Health()
        self._good_until = -math.inf
        self._answered: anyio.Event | None = None
        """Set when the check that runs has ended; None if none does."""
        self._began = 0.0
        """When it has begun, as the event loop counts."""

    @property
    def said(self) -> Health | None:
        """The newest answer; None if the instance does not run."""
        life = self.instance.life
        if life is None:
            return None
        return self._said if life is self._life else Health()  # it has started while others were asked

    async def ask(self) -> None:
        """Wait until there is an answer that is new enough, or until the check has had its time."""
        life = self.instance.life
        if life is None or (life is self._life and self._clock.monotonic() < self._good_until):
            return
        if life is not self._life:
            self._life, self._answered = life, None
        if type(life.cube).health_check is Cube.health_check:
            self._keep(Health())
            return
        if self._answered is None:
            self._answered, self._began = anyio.Event(), anyio.current_time()
            life.cube.tasks.start_soon(self._check, life.cube, self._answered, name="health_check")
        answered = self._answered
        with anyio.move_on_after(max(0.0, self._began + self._section.timeout - anyio.current_time())):
            await answered.wait()
        if answered is self._answered:  # it does not let itself be cancelled
            self._keep(self._too_late())

    async def _check(self, cube: Cube[Any], answered: anyio.Event) -> None:
        health = self._too_late()
        try:
            with anyio.move_on_after(self._section.timeout):
                health = await _answer(cube)
            if answered is self._answered:
                self._keep(health)
        finally:
            answered.set()
            if answered is self._answered:
                self._answered = None

    def _keep(self, health: Health) -> None:
        age = self._section.max_age * random.uniform(0.75, 1.0)  # noqa: S311 - jitter
        self._said, self._good_until = health, self._clock.monotonic() + age

    def _too_late(self) -> Health:
        return Health("fail", f"health_check() did not answer within {self._section.timeout:g} s")


async def _answer(cube: Cube[Any]) -> Health:
    try:
        return _sound(await cube.health_check())
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
