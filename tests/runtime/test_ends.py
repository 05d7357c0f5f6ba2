"""How a life may end: by itself, by its own cancellation, with more than one thing going wrong."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated, Protocol

import anyio
import pytest

from cubekit import Cube, CubekitError, DeadlineExceeded, contract, operation
from cubekit.runtime.instances import State
from cubekit.testing import ControlledClock, Part, crash, running

pytestmark = pytest.mark.anyio


class Working(Cube):
    """Has background work, which it can cancel."""

    ended = 0

    async def start(self) -> None:
        self.tasks.start_soon(self.work)

    async def work(self) -> None:
        try:
            await anyio.sleep_forever()
        finally:
            self.ended += 1

    @operation
    async def pause(self) -> int:
        self.tasks.cancel_scope.cancel()
        await anyio.wait_all_tasks_blocked()
        return self.ended


async def test_who_cancels_its_own_tasks_ends_them_and_nothing_else() -> None:
    async with running({"a": Working}) as service:
        life = service.instances["a"].life
        assert await service.call("a.pause") == 1
        assert await service.call("a.pause") == 1
        assert service.instances["a"].life is life
        assert service.instances["a"].restarts == 0


class Leaving(Cube):
    """Its lifespan leaves when an event is set."""

    def __init__(self) -> None:
        self.scope = anyio.CancelScope()

    @asynccontextmanager
    async def _span(self) -> AsyncIterator[None]:
        with self.scope:
            yield

    lifespan = _span

    @operation
    async def leave(self) -> None:
        self.scope.cancel()


async def test_a_life_that_ends_unasked_has_crashed(caplog: pytest.LogCaptureFixture) -> None:
    clock = ControlledClock()
    parts = {"a": Part(Leaving, settings={"optional": True})}
    async with running(parts, clock=clock, supervise={"default": {"max": 1}}) as service:
        for state in (State.RESTARTING, State.DEGRADED):
            await service.call("a.leave")
            await anyio.wait_all_tasks_blocked()
            assert service.instances["a"].state is state
            assert "lifespan() ended though nobody had asked it to" in str(service.instances["a"].problem)
            await clock.advance(1)
        assert service.instances["a"].restarts == 1
    assert "crashed: EndedUnasked" in caplog.text


class Unfinished(Cube):
    """Fails to acquire what its `destroy` releases."""

    how = "raise"

    async def initialize(self) -> None:
        if self.how == "raise":
            raise ConnectionError("cannot reach the database")
        await anyio.sleep_forever()

    async def destroy(self) -> None:
        raise AttributeError("there is no pool to close")


async def test_the_cause_of_a_failed_start_is_not_what_destroy_says_then(caplog: pytest.LogCaptureFixture) -> None:
    with pytest.raises(CubekitError, match=r"could not start: ConnectionError: cannot reach the database \[CK401\]"):
        async with running({"a": Unfinished}):
            pytest.fail("the service must not have started")
    assert "then destroy() failed too: AttributeError: there is no pool to close" in caplog.text


@pytest.mark.parametrize("hanging", [False, True])
async def test_the_cause_of_a_slow_start_is_not_what_destroy_does_then(
    hanging: bool, caplog: pytest.LogCaptureFixture
) -> None:
    class Slow(Unfinished):
        how = "hang"

        async def destroy(self) -> None:
            if hanging:
                await anyio.sleep_forever()
            await super().destroy()

    part = Part(Slow, settings={"start_timeout": "40ms", "stop_timeout": "50ms"})
    with pytest.raises(CubekitError, match=r"initialize\(\) did not finish within 0\.04 s \[CK402\]") as caught:
        async with running({"a": part}):
            pytest.fail("the service must not have started")
    assert 'start_timeout = "0.08s"' in str(caught.value)
    assert "then destroy() failed too" in caplog.text


async def test_the_cause_of_a_slow_lifespan_is_not_what_it_does_then(caplog: pytest.LogCaptureFixture) -> None:
    class Slow(Cube):
        @asynccontextmanager
        async def _span(self) -> AsyncIterator[None]:
            try:
                await anyio.sleep_forever()
                yield
            finally:
                raise AttributeError("there is no pool to close")

        lifespan = _span

    with pytest.raises(
        CubekitError, match=r"lifespan\(\) did not finish within 0\.04 s \[CK402\]\n +found  it stands at"
    ):
        async with running({"a": Part(Slow, settings={"start_timeout": "40ms"})}):
            pytest.fail("the service must not have started")
    assert "then lifespan() failed too: AttributeError: there is no pool to close" in caplog.text


async def test_the_cause_of_a_crash_is_not_what_destroy_says_then() -> None:
    class Crashing(Unfinished):
        async def initialize(self) -> None:
            pass

    clock = ControlledClock()
    async with running({"a": Part(Crashing, settings={"optional": True})}, clock=clock) as service:
        await crash(service, "a", ValueError("the first"))
        await clock.until_asleep()
        problem = service.instances["a"].problem
        assert problem is not None
        assert problem.message.endswith("crashed: ValueError: the first")


class Spanning(Cube):
    """Releases something, which takes its time."""

    log_of_life: list[str]
    releasing: anyio.Event
    release: anyio.Event

    @asynccontextmanager
    async def _span(self) -> AsyncIterator[None]:
        try:
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(anyio.sleep_forever)
                yield
                tasks.cancel_scope.cancel()
        finally:
            self.log_of_life.append("releasing")
            self.releasing.set()
            await self.release.wait()
            self.log_of_life.append("released")

    lifespan = _span


def spanning(log: list[str]) -> type[Spanning]:
    members = {"log_of_life": log, "releasing": anyio.Event(), "release": anyio.Event()}
    return type("Held", (Spanning,), members)


async def test_a_lifespan_releases_what_it_holds_after_a_crash() -> None:
    log: list[str] = []
    cube = spanning(log)
    clock = ControlledClock()
    async with running({"a": cube}, clock=clock) as service:
        await crash(service, "a", ValueError("the first"))
        with anyio.fail_after(5):
            await cube.releasing.wait()
            cube.release.set()
            await clock.until_asleep()
        assert log == ["releasing", "released"]
        assert "ValueError: the first" in str(service.instances["a"].problem)


async def test_a_lifespan_releases_what_it_holds_when_everything_is_cancelled() -> None:
    log: list[str] = []
    cube = spanning(log)
    with anyio.CancelScope() as scope:
        async with running({"a": cube}):
            cube.release.set()
            scope.cancel()
            await anyio.sleep_forever()
    assert scope.cancelled_caught
    assert log == ["releasing", "released"]


async def test_a_lifespan_is_not_waited_for_ever_after_a_crash(caplog: pytest.LogCaptureFixture) -> None:
    log: list[str] = []
    parts = {"a": Part(spanning(log), settings={"stop_timeout": "40ms"})}
    clock = ControlledClock()
    async with running(parts, clock=clock) as service:
        await crash(service, "a", ValueError("the first"))
        with anyio.fail_after(5):
            await clock.until_asleep()
        assert log == ["releasing"]
        assert "ValueError: the first" in str(service.instances["a"].problem)
    assert "then lifespan() failed too: TimedOut" in caplog.text


@contract("test.store", version="1.0")
class Store(Protocol):
    async def save(self) -> None:
        """Keep something."""
        ...


class SlowStore(Cube, Store, implements="test.store@1.0"):
    @operation(timeout="20ms")
    async def save(self) -> None:
        await anyio.sleep_forever()


async def test_a_cleanup_after_a_crash_learns_of_deadlines() -> None:
    said: list[str] = []

    class User(Cube):
        store: Annotated[Store, ">=1,<2"]

        async def destroy(self) -> None:
            try:
                await self.store.save()
            except DeadlineExceeded:
                said.append("too slow")
            said.append("closed")

    clock = ControlledClock()
    async with running({"s": SlowStore, "u": User}, clock=clock) as service:
        await crash(service, "u")
        with anyio.fail_after(5):
            await clock.until_asleep()
    assert said == ["too slow", "closed"]
