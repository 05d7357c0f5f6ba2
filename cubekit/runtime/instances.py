"""`Instance`: what the service knows of one of its cubes while it runs."""

from __future__ import annotations

import math
from enum import StrEnum
from typing import Any

import anyio

from cubekit.authoring.cubes import Clock, Cube
from cubekit.authoring.events import CubeStateChanged
from cubekit.authoring.failures import Unavailable
from cubekit.composition.plan import PlannedCube
from cubekit.ground.diagnostics import Diagnostic
from cubekit.runtime.bus import Bus

__all__ = ["Instance", "State"]


class State(StrEnum):
    """Where an instance is in its life."""

    WAITING = "waiting"
    """for the instances that it depends on"""
    STARTING = "starting"
    RUNNING = "running"
    RESTARTING = "restarting"
    """crashed, and waiting for its next try"""
    DEGRADED = "degraded"
    """optional, and given up"""
    STOPPING = "stopping"
    STOPPED = "stopped"
    FAILED = "failed"
    """required, and given up: the service stops"""


class Instance:
    """One cube of the service, across restarts."""

    def __init__(self, planned: PlannedCube, bus: Bus, clock: Clock) -> None:
        self.planned = planned
        self.state = State.WAITING
        self.cube: Cube[Any] | None = None
        """The living object while the state is running or stopping."""
        self.restarts = 0
        self.problem: Diagnostic | None = None
        """Why it is not running."""
        self.settled = anyio.Event()
        """Set once the first start has succeeded or failed: those that depend on it may go on."""
        self.finished = anyio.Event()
        """Set when it will never run again."""
        self.in_flight = 0
        self._idle = anyio.Event()
        self._retry_at = 0.0
        self._bus = bus
        self._clock = clock

    @property
    def name(self) -> str:
        """The instance's name."""
        return self.planned.name

    def enter(self, state: State, reason: str = "") -> None:
        """Change the state and tell the bus."""
        before, self.state = self.state, state
        if before is not state:
            self._bus.publish(CubeStateChanged(instance=self.name, before=before, after=state, reason=reason))

    def expect_retry(self, seconds: float) -> None:
        """Note when the next try will be, for ``Retry-After``."""
        self._retry_at = self._clock.monotonic() + seconds

    def living(self) -> Cube[Any]:
        """Return the object to call.

        :raises Unavailable: if there is none right now.
        """
        if self.cube is not None and self.state is State.RUNNING:
            return self.cube
        wait = max(1.0, math.ceil(self._retry_at - self._clock.monotonic()))
        raise Unavailable('Cube "{instance}" is {state}.', retry_after=wait, instance=self.name, state=self.state.value)

    def begin(self) -> None:
        """Note that a call has begun."""
        self.in_flight += 1

    def end(self) -> None:
        """Note that a call has ended."""
        self.in_flight -= 1
        if self.in_flight == 0:
            self._idle.set()

    async def drained(self) -> None:
        """Wait until no call is under way."""
        while self.in_flight:
            self._idle = anyio.Event()
            await self._idle.wait()
