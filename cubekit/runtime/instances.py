"""`Instance`: what the service knows of one of its cubes, and `Life`: one object of it while it can be called."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import anyio

from cubekit.authoring.cubes import Clock, Cube
from cubekit.authoring.events import CubeStateChanged
from cubekit.authoring.failures import Unavailable
from cubekit.composition.plan import PlannedCube
from cubekit.ground.diagnostics import Diagnostic
from cubekit.runtime.bus import Bus
from cubekit.runtime.tickets import Tickets

__all__ = ["Instance", "Life", "State"]


class State(StrEnum):
    """Where an instance is in its life."""

    WAITING = "waiting"
    """for the instances that it depends on"""
    STARTING = "starting"
    RUNNING = "running"
    RESTARTING = "restarting"
    """crashed, or stopped together with one that did, and waiting for its next try"""
    DEGRADED = "degraded"
    """optional, and given up"""
    STOPPING = "stopping"
    STOPPED = "stopped"
    FAILED = "failed"
    """required, and given up: the service stops"""


@dataclass(frozen=True, slots=True, eq=False)
class Life:
    """One object of a cube, from the end of its start to its end."""

    cube: Cube[Any]
    tickets: Tickets
    """Its calls under way."""


class Instance:
    """One cube of the service, across restarts."""

    def __init__(self, planned: PlannedCube, bus: Bus, clock: Clock) -> None:
        self.planned = planned
        self.state = State.WAITING
        self.life: Life | None = None
        """What new calls go to; None unless the state is running."""
        self.restarts = 0
        self.problem: Diagnostic | None = None
        """Why it is not running."""
        self.settled = anyio.Event()
        """Set once the first start has succeeded or failed: those that depend on it may go on."""
        self.finished = anyio.Event()
        """Set when it will never run again."""
        self.ailing = False
        """Whether it runs, and its own check failed when it was last asked: others are called first."""
        self._retry_at = 0.0
        self._bus = bus
        self._clock = clock

    @property
    def name(self) -> str:
        """The instance's name."""
        return self.planned.name

    @property
    def in_flight(self) -> int:
        """Calls under way that wait for something."""
        return 0 if self.life is None else len(self.life.tickets.open)

    def enter(self, state: State, reason: str = "") -> None:
        """Change the state and tell the bus."""
        before, self.state = self.state, state
        if before is not state:
            self._bus.publish(CubeStateChanged(instance=self.name, before=before, after=state, reason=reason))

    def expect_retry(self, seconds: float) -> None:
        """Note when the next try will be, for ``retry_after``."""
        self._retry_at = self._clock.monotonic() + seconds

    def living(self) -> Cube[Any]:
        """Return the object to call.

        :raises Unavailable: if there is none right now.
        """
        if self.life is None:
            raise self.unavailable()
        return self.life.cube

    def unavailable(self, *, begun: bool = False) -> Unavailable:
        """Return what a call is told that finds no object, or loses it when it has ``begun``; ``retry_after`` is 0 if
        nobody knows.
        """
        wait = max(0.0, self._retry_at - self._clock.monotonic())
        failure = Unavailable(
            'Cube "{instance}" is {state}.', retry_after=wait, instance=self.name, state=self.state.value
        )
        failure.repeatable_for = None if begun else self.name
        return failure
