"""How a life may end: by itself, by its own cancellation, with more than one thing going wrong."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import anyio
import pytest

from cubekit import Cube, operation
from cubekit.runtime.instances import State
from cubekit.testing import ControlledClock, Part, running

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
