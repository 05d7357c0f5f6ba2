"""`Host`: one object of a cube, from its creation to its end, in one task.

A task group opened in ``start`` and closed in ``stop`` from another task breaks asyncio and trio alike, so everything
of a life happens in the task that calls `Host.run`. A crash is an exception that leaves a lifecycle step or a task of
``self.tasks``; it leaves `run` too. Those tasks are in a group of their own, whose cancellation is no crash.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import anyio
from anyio.abc import TaskGroup, TaskStatus

from cubekit.authoring.cubes import Clock, Cube
from cubekit.composition.plan import PlannedCube
from cubekit.runtime.bus import Bus
from cubekit.runtime.causes import alone, sentence
from cubekit.runtime.environment import InstanceEnvironment
from cubekit.runtime.stacks import format_stack
from cubekit.runtime.telemetry import ServiceTelemetry

__all__ = ["EndedUnasked", "Host", "TimedOut"]


class TimedOut(Exception):
    """A lifecycle step took longer than it may.

    :param step: where it stood, and ``stack`` says where exactly.
    :param setting: what limits it: ``start_timeout`` or ``stop_timeout``, of so many seconds.
    """

    def __init__(self, step: str, setting: str, seconds: float, stack: str = "") -> None:
        super().__init__(f"{step}() did not finish within {seconds:g} s")
        self.stack = stack
        self._setting = setting
        self._seconds = seconds

    def fix(self, cube: str) -> str:
        """Return what helps."""
        return f'make it faster, or [cubes.{cube}] {self._setting} = "{2 * self._seconds:g}s"'


class EndedUnasked(Exception):
    """A life ended without an exception, and without having been asked to."""

    def __init__(self, step: str) -> None:
        super().__init__(f"{step}() ended though nobody had asked it to: something within has cancelled it")


class Host:
    """Runs one object of a cube once.

    :param kind: its class.
    """

    def __init__(
        self,
        planned: PlannedCube,
        kind: type[Cube[Any]],
        required: Mapping[str, object],
        bus: Bus,
        clock: Clock,
        telemetry: ServiceTelemetry,
    ) -> None:
        self._planned = planned
        self._kind = kind
        self._required = required
        self._bus = bus
        self._clock = clock
        self._telemetry = telemetry
        self._log = logging.getLogger(f"cubekit.cube.{planned.name}")
        self._scope = anyio.CancelScope()
        self._step = "__init__"
        self._awaiting: Any = None
        self._timed_out: TimedOut | None = None
        self._asked = False
        """Whether it was asked to end."""

    async def run(
        self, started: Callable[[Cube[Any]], None], stop: Callable[[], Awaitable[None]], left: Callable[[], None]
    ) -> None:
        """Make the object, start it, tell ``started``, wait for ``stop`` to return, tell ``left``, stop it.

        After a crash ``left`` is told before anything is released: the object answers no call any more.

        :raises TimedOut: if a step took too long.
        :raises EndedUnasked: if the life ended by itself.
        :raises Exception: what a step or a background task raised, in exception groups.
        """
        try:
            await self._run(started, stop, left)
        except BaseException as error:
            second = alone(error)
            if self._timed_out is None or not isinstance(second, Exception | SystemExit):
                raise
            if not isinstance(second, TimedOut):  # which would say the same
                self._log_second(second)
        if self._timed_out:
            raise self._timed_out
        if not self._asked:
            raise EndedUnasked(self._step)

    async def _run(
        self, started: Callable[[Cube[Any]], None], stop: Callable[[], Awaitable[None]], left: Callable[[], None]
    ) -> None:
        async with anyio.create_task_group() as timers:
            with self._scope:
                async with anyio.create_task_group() as group:
                    starting = self._arm(timers, "start_timeout", self._planned.start_timeout)
                    with self._environment(await group.start(_hold_tasks)) as environment:
                        cube = self._kind._create(environment, self._required)
                        async with self._life(cube):
                            starting.cancel()
                            started(cube)
                            try:
                                await stop()
                                self._asked = True
                            finally:
                                left()
                            self._arm(timers, "stop_timeout", self._planned.stop_timeout)
                        group.cancel_scope.cancel()
            timers.cancel_scope.cancel()

    def _environment(self, tasks: TaskGroup) -> InstanceEnvironment:
        planned = self._planned
        return InstanceEnvironment(planned.name, planned.config, tasks, self._bus, self._clock, self._telemetry)

    def _life(self, cube: Cube[Any]) -> AbstractAsyncContextManager[None]:
        return self._steps(cube) if type(cube).lifespan is Cube.lifespan else self._lifespan(cube)

    @asynccontextmanager
    async def _lifespan(self, cube: Cube[Any]) -> AsyncIterator[None]:
        lifespan = cube.lifespan()
        # The generator of an @asynccontextmanager shows where it stands; another object shows nothing.
        self._step, self._awaiting = "lifespan", getattr(lifespan, "gen", None)
        seconds = self._planned.stop_timeout
        limit = anyio.CancelScope()
        first: BaseException | None = None
        try:
            with limit:
                async with lifespan:
                    try:
                        yield
                    except BaseException as error:
                        # What comes now is the release of what was acquired: as in `_destroy`.
                        first, limit.shield, limit.deadline = error, True, anyio.current_time() + seconds
                        raise
        finally:
            if limit.cancel_called:
                self._log_second(TimedOut("lifespan", "stop_timeout", seconds))
        if first is not None and limit.cancelled_caught:
            raise first

    @asynccontextmanager
    async def _steps(self, cube: Cube[Any]) -> AsyncIterator[None]:
        try:
            await self._take("initialize", cube.initialize())
            await self._take("start", cube.start())
            yield
            await self._take("stop", cube.stop())
        except BaseException:
            try:
                await self._destroy(cube)
            except BaseException as second:
                if not isinstance(second, Exception | SystemExit):
                    raise
                # Often it fails for want of what could not be acquired: the cause is what came first.
                self._log_second(second)
            raise
        await self._destroy(cube)

    async def _destroy(self, cube: Cube[Any]) -> None:
        """Release what was acquired, after a crash or a timeout too, but not for ever."""
        seconds = self._planned.stop_timeout
        with anyio.move_on_after(seconds, shield=True) as limit:
            await self._take("destroy", cube.destroy())
        if limit.cancelled_caught:
            raise TimedOut("destroy", "stop_timeout", seconds)

    def _log_second(self, second: BaseException) -> None:
        self._log.error("then %s() failed too: %s", self._step, sentence(second), exc_info=second)

    async def _take(self, step: str, coroutine: Coroutine[Any, Any, None]) -> None:
        self._step, self._awaiting = step, coroutine
        await coroutine

    def _arm(self, timers: TaskGroup, setting: str, seconds: float) -> anyio.CancelScope:
        scope = anyio.CancelScope()

        async def expire() -> None:
            with scope:
                await anyio.sleep(seconds)
                # The frames are gone once the step is cancelled.
                stack = format_stack(self._awaiting)
                self._timed_out = self._timed_out or TimedOut(self._step, setting, seconds, stack)
                self._scope.cancel()

        timers.start_soon(expire)
        return scope


async def _hold_tasks(*, task_status: TaskStatus[TaskGroup]) -> None:
    """Hold a cube's task group open, in a task of its own: who cancels the group ends what runs in it, not the cube."""
    async with anyio.create_task_group() as tasks:
        task_status.started(tasks)
        await anyio.sleep_forever()
