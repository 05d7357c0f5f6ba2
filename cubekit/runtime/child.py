"""`Child`: one instance under supervision, from life to life."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Any, Protocol

import anyio

from cubekit.authoring.cubes import Clock, Cube
from cubekit.authoring.events import CubeRegistered
from cubekit.ground.diagnostics import Diagnostic
from cubekit.runtime.bus import Bus
from cubekit.runtime.causes import alone, sentence
from cubekit.runtime.host import Host, TimedOut
from cubekit.runtime.instances import Instance, Life, State
from cubekit.runtime.restarts import Restart
from cubekit.runtime.tickets import Tickets

__all__ = ["Child"]


class Policy(Protocol):
    """Who decides what follows a crash; see `Supervisor`."""

    def crashed(self, child: Child, cause: Exception | SystemExit) -> Restart:
        """Return the restart that has begun, for this child at least."""

    def recycle(self, child: Child, reason: str) -> None:
        """Begin a restart of a child that runs and is not well."""


class Child:
    """Runs one instance: starts it after those it depends on and again as its supervisor decides; stops it before them.

    :param host: makes the host of the next life.
    :param tickets: makes the tickets of the next life.
    :param stop_failed: called with what went wrong while the service stopped.
    """

    def __init__(
        self,
        instance: Instance,
        policy: Policy,
        host: Callable[[], Host],
        tickets: Callable[[], Tickets],
        bus: Bus,
        clock: Clock,
        stop_failed: Callable[[Diagnostic], None],
    ) -> None:
        self.instance = instance
        self.has_run = False
        """Whether the first start has succeeded."""
        self._policy = policy
        self._host = host
        self._tickets = tickets
        self._bus = bus
        self._clock = clock
        self._stop_failed = stop_failed
        self._stop = anyio.Event()
        self._end = anyio.Event()
        """Set when the present life is to end."""
        self._living = False
        self._crashed = False
        """Whether the present life, or the last one, has ended before it was asked to."""
        self._restart: Restart | None = None
        """The one that it takes part in, or the last one."""
        self._log = logging.getLogger(f"cubekit.cube.{instance.name}")

    @property
    def given_up(self) -> bool:
        """Whether there will be no other life."""
        return self._restart is not None and self._restart.problem is not None

    @property
    def goes_on(self) -> bool:
        """Whether it has run, and another life may follow. Not if it is its turn to stop with the service."""
        return self.has_run and not self.given_up and not self._stop.is_set()

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

    def recycle(self, reason: str) -> None:
        """Let a new object take the place of the present one, which runs and is not well."""
        self._policy.recycle(self, reason)

    def begin(self, restart: Restart) -> None:
        """Take part in a restart: end the present life, if there is one, and start anew when the turn comes."""
        if self._restart is not None:
            self._restart.leave(self)
        self._restart = restart
        if restart.problem is None:
            self.instance.restarts += 1
            self.instance.expect_retry(restart.pause)
        if self._living:
            self._end.set()
        else:
            self._note_end(restart)

    async def _await_stop(self, stopped_before: Sequence[Instance], stop: anyio.Event) -> None:
        await stop.wait()
        for other in stopped_before:
            await other.finished.wait()
        self._stop.set()
        self._end.set()

    async def _live(self) -> None:
        while not (self._stop.is_set() or self.given_up):
            cause = await self._one_life()
            if cause is not None and not self._crashed:
                self._note_failed_stop(cause)
            elif cause is not None:
                what = "crashed" if self.has_run else "could not start"
                self._log.error("%s: %s", what, sentence(cause), exc_info=cause)
                if not self._stop.is_set():
                    await self._pause(self._policy.crashed(self, cause))
            await _first_of(partial(self._in_restart, Restart.turn), self._stop.wait)
        if not self.given_up:
            self.instance.enter(State.STOPPED)

    async def _one_life(self) -> Exception | SystemExit | None:
        """Run one object; return what made it crash, or could not be started or stopped by."""
        self._living, self._crashed, self._end = True, False, anyio.Event()
        self.instance.enter(State.STARTING)
        try:
            await _first_of(self._run_host, self._end_while_starting)
        except BaseException as error:
            cause = alone(error)
            if not isinstance(cause, Exception | SystemExit):
                raise
            self._crashed = self._crashed or not self._end.is_set()
            return cause
        finally:
            self._living = False
            if self._restart is not None and self._end.is_set() and (self.given_up or not self._stop.is_set()):
                self._note_end(self._restart)
        return None

    async def _pause(self, restart: Restart) -> None:
        """Wait before the others and this one start, unless nobody does: it was given up, or stops with the service."""
        if restart.problem is None:
            await _first_of(partial(self._clock.sleep, restart.pause), restart.paused.wait, self._stop.wait)
            if not self._stop.is_set():
                restart.paused.set()

    async def _in_restart(self, wait: Callable[[Restart, Child], Awaitable[None]]) -> None:
        """Wait for something in the present restart, and in each that takes its place meanwhile."""
        restart = None
        while restart is not self._restart:
            restart = self._restart
            if restart is not None:
                await wait(restart, self)

    async def _run_host(self) -> None:
        await self._host().run(self._started, self._until_drained, self._left)

    async def _end_while_starting(self) -> None:
        """End a start that is no longer wanted; a living cube is stopped by its host instead."""
        await self._end.wait()
        if self.instance.life is not None or self.instance.state is not State.STARTING:
            await anyio.sleep_forever()

    def _started(self, cube: Cube[Any]) -> None:
        instance = self.instance
        instance.life = self._life = Life(cube, self._tickets())
        instance.problem = None
        instance.ailing = False
        instance.enter(State.RUNNING)
        if not self.has_run:
            self.has_run = True
            info = instance.planned.descriptor.info
            self._bus.publish(
                CubeRegistered(instance=instance.name, cube=info.name, colour=info.colour, version=info.version)
            )
        instance.settled.set()
        if self._restart is not None:
            self._restart.note_settled(self)

    async def _until_drained(self) -> None:
        await self._end.wait()
        if self._restart is not None and not self._stop.is_set():
            # Those that stop before still call this one.
            await _first_of(partial(self._in_restart, Restart.dependents_ended), self._stop.wait)
        self._refuse_calls()
        with anyio.move_on_after(self.instance.planned.stop_timeout) as limit:
            await self._life.tickets.drained()
        if limit.cancelled_caught:
            self._log.warning("stops with %d calls still under way", len(self._life.tickets.open))

    def _left(self) -> None:
        """Whatever the reason, the object answers no more: calls under way end here rather than on what is being torn
        down."""
        self._crashed = not self._end.is_set()
        self._refuse_calls()
        self._life.tickets.interrupt(self.instance.unavailable(begun=True))

    def _refuse_calls(self) -> None:
        if self.instance.life is not None:
            self.instance.life = None
            self.instance.enter(State.STOPPING)

    def _note_end(self, restart: Restart) -> None:
        """The object is gone: let those know who take part in the restart."""
        restart.note_end(self)
        if restart.problem is None:
            self.instance.enter(State.RESTARTING, restart.reason)
            return
        restart.note_settled(self)
        self.instance.problem = restart.problem
        state = State.DEGRADED if self.instance.planned.optional else State.FAILED
        self.instance.enter(state, restart.problem.message)

    def _note_failed_stop(self, cause: Exception | SystemExit) -> None:
        """The cube is gone one way or the other, and the others still have to stop or to start: say it, and go on."""
        planned = self.instance.planned
        if isinstance(cause, TimedOut):
            message = f'cube "{planned.name}" did not stop in time: {cause}'
            found = f"it stood at\n{cause.stack}" if cause.stack else None
            problem = Diagnostic("CK403", message, planned.place, found=found, fix=cause.fix(planned.name))
            self._log.error("%s", problem)
        else:
            problem = Diagnostic(
                "CK403", f'cube "{planned.name}" failed while stopping: {sentence(cause)}', planned.place
            )
            self._log.error("failed while stopping: %s", sentence(cause), exc_info=cause)
        if self._stop.is_set():
            self._stop_failed(problem)


async def _first_of(*functions: Callable[[], Any]) -> None:
    """Run several functions, and cancel the others when one of them returns."""
    async with anyio.create_task_group() as tasks:

        async def run(function: Callable[[], Any]) -> None:
            await function()
            tasks.cancel_scope.cancel()

        for function in functions:
            tasks.start_soon(run, function)
