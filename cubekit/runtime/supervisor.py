"""Starts an instance after those it depends on, restarts it when it crashes, and stops it before them."""

from __future__ import annotations

import logging
import random
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

import anyio

from cubekit.authoring.cubes import Clock, Cube
from cubekit.authoring.events import CubeRegistered
from cubekit.composition.service_file import GroupSection
from cubekit.ground.diagnostics import Diagnostic
from cubekit.runtime.bus import Bus
from cubekit.runtime.host import Host, TimedOut
from cubekit.runtime.instances import Instance, State

__all__ = ["Supervisor"]


class Supervisor:
    """Looks after one instance for as long as the service runs.

    A first start that fails is final. A crash later on is followed by a restart with a new object, after a pause that
    doubles from try to try, until there were more than ``max`` within ``within`` seconds.

    :param give_up: called when a required instance cannot go on.
    """

    def __init__(
        self,
        instance: Instance,
        group: GroupSection,
        host: Callable[[], Host],
        bus: Bus,
        clock: Clock,
        give_up: Callable[[Diagnostic], None],
    ) -> None:
        self.instance = instance
        self._group = group
        self._host = host
        self._bus = bus
        self._clock = clock
        self._give_up = give_up
        self._stop = anyio.Event()
        self._ran = False
        self._crashes: deque[float] = deque()
        self._log = logging.getLogger(f"cubekit.cube.{instance.name}")

    async def run(self, needed: Sequence[Instance], stopped_before: Sequence[Instance], stop: anyio.Event) -> None:
        """Run the instance until ``stop`` is set and everyone in ``stopped_before`` has finished.

        :param needed: instances that must have settled before this one starts.
        """
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(self._await_stop, stopped_before, stop)
            for other in needed:
                await _first_of(other.settled.wait, self._stop.wait)
            try:
                if stop.is_set():  # perhaps because one of them could not start
                    self.instance.enter(State.STOPPED)
                else:
                    await self._live()
            finally:
                self.instance.settled.set()
                self.instance.finished.set()
            tasks.cancel_scope.cancel()

    async def _await_stop(self, stopped_before: Sequence[Instance], stop: anyio.Event) -> None:
        await stop.wait()
        for other in stopped_before:
            await other.finished.wait()
        self._stop.set()

    async def _live(self) -> None:
        while not self._stop.is_set():
            self.instance.enter(State.STARTING)
            try:
                await _first_of(self._one_life, self._stopped_while_starting)
            except BaseException as error:
                self.instance.cube = None
                cause = _cause(error)
                if not isinstance(cause, Exception | SystemExit):
                    raise
                if self._stop.is_set():
                    self._note_failed_stop(cause)
                    break
                if not await self._recover(cause):
                    return
            else:
                break
        self.instance.cube = None
        self.instance.enter(State.STOPPED)

    async def _one_life(self) -> None:
        await self._host().run(self._started, self._until_drained)

    async def _stopped_while_starting(self) -> None:
        """End a start that is no longer wanted; a living cube is stopped by its host instead."""
        await self._stop.wait()
        if self.instance.cube is not None:
            await anyio.sleep_forever()

    def _started(self, cube: Cube[Any]) -> None:
        planned = self.instance.planned
        self.instance.cube = cube
        self.instance.problem = None
        self.instance.enter(State.RUNNING)
        if not self._ran:
            self._ran = True
            info = planned.descriptor.info
            self._bus.publish(
                CubeRegistered(instance=planned.name, cube=info.name, colour=info.colour, version=info.version)
            )
        self.instance.settled.set()

    async def _until_drained(self) -> None:
        await self._stop.wait()
        self.instance.enter(State.STOPPING)
        with anyio.move_on_after(self.instance.planned.stop_timeout) as limit:
            await self.instance.drained()
        if limit.cancelled_caught:
            self._log.warning("stops with %d calls still under way", self.instance.in_flight)

    def _note_failed_stop(self, cause: Exception | SystemExit) -> None:
        """The cube is gone one way or the other, and the others still have to stop: say it, and go on."""
        planned = self.instance.planned
        if isinstance(cause, TimedOut):
            message = f'cube "{planned.name}" did not stop in time: {cause}'
            fix = f'[cubes.{planned.name}] stop_timeout = "{2 * planned.stop_timeout:g}s"'
            found = f"it stood at\n{cause.stack}" if cause.stack else None
            self._log.error("%s", Diagnostic("CK403", message, planned.place, found=found, fix=fix))
        else:
            self._log.error("failed while stopping: %s", _sentence(cause), exc_info=cause)

    async def _recover(self, cause: Exception | SystemExit) -> bool:
        """Note a crash and wait for the next try; False if there will be none."""
        planned = self.instance.planned
        self._log.error("%s: %s", "crashed" if self._ran else "could not start", _sentence(cause), exc_info=cause)
        exhausted = self._ran and self._too_often()
        self.instance.problem = self._problem(cause, exhausted)
        if not self._ran or exhausted:
            self.instance.enter(State.DEGRADED if planned.optional else State.FAILED, _sentence(cause))
            if not planned.optional:
                self._give_up(self.instance.problem)
            return False
        first, last = self._group.backoff
        pause = min(last, first * 2 ** min(len(self._crashes) - 1, 60)) * random.uniform(0.75, 1.0)  # noqa: S311 - jitter
        self.instance.restarts += 1
        self.instance.expect_retry(pause)
        self.instance.enter(State.RESTARTING, _sentence(cause))
        await _first_of(lambda: self._clock.sleep(pause), self._stop.wait)
        return True

    def _too_often(self) -> bool:
        now = self._clock.monotonic()
        self._crashes.append(now)
        while self._crashes and now - self._crashes[0] > self._group.within:
            self._crashes.popleft()
        return len(self._crashes) > self._group.max

    def _problem(self, cause: Exception | SystemExit, exhausted: bool) -> Diagnostic:
        planned = self.instance.planned
        name = f'cube "{planned.name}" ({planned.descriptor.info.distribution} {planned.descriptor.info.version})'
        if isinstance(cause, TimedOut):
            return Diagnostic(
                "CK402",
                f"{name}: {cause}",
                planned.place,
                found=f"it stands at\n{cause.stack}" if cause.stack else None,
                fix=f'make it faster, or [cubes.{planned.name}] start_timeout = "{2 * planned.start_timeout:g}s"',
            )
        if exhausted:
            allowed = f"{self._group.max} restarts within {self._group.within:g} s"
            return Diagnostic("CK404", f"{name} crashed too often", planned.place, allowed, _sentence(cause))
        message = f"{name} {'crashed' if self._ran else 'could not start'}: {_sentence(cause)}"
        return Diagnostic("CK401", message, planned.place)


def _cause(error: BaseException) -> BaseException:
    """The exception itself, out of the groups that task groups put around it; a group of several stays."""
    while isinstance(error, BaseExceptionGroup) and len(error.exceptions) == 1:
        error = error.exceptions[0]
    return error


def _sentence(error: BaseException) -> str:
    text = str(error).strip()
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


async def _first_of(*functions: Callable[[], Any]) -> None:
    """Run several functions, and cancel the others when one of them returns."""
    async with anyio.create_task_group() as tasks:

        async def run(function: Callable[[], Any]) -> None:
            await function()
            tasks.cancel_scope.cancel()

        for function in functions:
            tasks.start_soon(run, function)
