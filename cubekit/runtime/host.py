"""`Host`: one object of a cube, from its creation to its end, in one task.

A task group opened in ``start`` and closed in ``stop`` from another task breaks asyncio and trio alike, so everything
of a life happens in the task that calls `Host.run`. A crash is an exception that leaves a lifecycle step or a task of
``self.tasks``; it leaves `run` too.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Mapping
from contextlib import asynccontextmanager
from typing import Any

import anyio
from anyio.abc import TaskGroup

from cubekit.authoring.cubes import Clock, Cube
from cubekit.composition.plan import PlannedCube
from cubekit.runtime.bus import Bus
from cubekit.runtime.environment import InstanceEnvironment
from cubekit.runtime.stacks import format_stack
from cubekit.runtime.telemetry import ServiceTelemetry

__all__ = ["Host", "TimedOut"]


class TimedOut(Exception):
    """A lifecycle step took longer than it may; ``step`` and ``stack`` say where it stood."""

    def __init__(self, step: str, limit: float, stack: str) -> None:
        super().__init__(f"{step}() did not finish within {limit:g} s")
        self.step = step
        self.stack = stack


class Host:
    """Runs one object of a cube once."""

    def __init__(
        self,
        planned: PlannedCube,
        required: Mapping[str, object],
        bus: Bus,
        clock: Clock,
        telemetry: ServiceTelemetry,
    ) -> None:
        self._planned = planned
        self._required = required
        self._bus = bus
        self._clock = clock
        self._telemetry = telemetry
        self._scope = anyio.CancelScope()
        self._step = "__init__"
        self._awaiting: Any = None
        self._timed_out: TimedOut | None = None

    async def run(
        self, started: Callable[[Cube[Any]], None], stop: Callable[[], Awaitable[None]], left: Callable[[], None]
    ) -> None:
        """Make the object, start it, tell ``started``, wait for ``stop`` to return, tell ``left``, stop it.

        After a crash ``left`` is told before anything is released: the object answers no call any more.

        :raises TimedOut: if a step took too long.
        :raises Exception: what a step or a background task raised, in exception groups.
        """
        async with anyio.create_task_group() as timers:
            with self._scope:
                async with anyio.create_task_group() as tasks:
                    starting = self._arm(timers, self._planned.start_timeout)
                    with self._environment(tasks) as environment:
                        cube = self._planned.descriptor.cube._create(environment, self._required)
                        async with self._life(cube):
                            starting.cancel()
                            started(cube)
                            try:
                                await stop()
                            finally:
                                left()
                            self._arm(timers, self._planned.stop_timeout)
                        tasks.cancel_scope.cancel()
            timers.cancel_scope.cancel()
        if self._timed_out:
            raise self._timed_out

    def _environment(self, tasks: TaskGroup) -> InstanceEnvironment:
        planned = self._planned
        return InstanceEnvironment(planned.name, planned.config, tasks, self._bus, self._clock, self._telemetry)

    @asynccontextmanager
    async def _life(self, cube: Cube[Any]) -> AsyncIterator[None]:
        if type(cube).lifespan is not Cube.lifespan:
            lifespan = cube.lifespan()
            # The generator of an @asynccontextmanager shows where it stands; another object shows nothing.
            self._step, self._awaiting = "lifespan", getattr(lifespan, "gen", None)
            async with lifespan:
                yield
            return
        try:
            await self._take("initialize", cube.initialize())
            await self._take("start", cube.start())
            yield
            await self._take("stop", cube.stop())
        finally:
            # What was acquired is released after a crash or a timeout too, but not for ever.
            with anyio.move_on_after(self._planned.stop_timeout, shield=True) as limit:
                await self._take("destroy", cube.destroy())
            if limit.cancelled_caught:
                self._timed_out = TimedOut("destroy", self._planned.stop_timeout, "")

    async def _take(self, step: str, coroutine: Coroutine[Any, Any, None]) -> None:
        self._step, self._awaiting = step, coroutine
        await coroutine

    def _arm(self, timers: TaskGroup, seconds: float) -> anyio.CancelScope:
        scope = anyio.CancelScope()

        async def expire() -> None:
            with scope:
                await anyio.sleep(seconds)
                # The frames are gone once the step is cancelled.
                self._timed_out = TimedOut(self._step, seconds, format_stack(self._awaiting))
                self._scope.cancel()

        timers.start_soon(expire)
        return scope
