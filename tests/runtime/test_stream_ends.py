"""What a stream does when it is left: a part of its call, with a limit of its own."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from contextlib import aclosing
from time import monotonic
from typing import Annotated, Protocol

import anyio
import pytest

from cubekit import (
    CallContext,
    Caller,
    Cube,
    DeadlineExceeded,
    Unavailable,
    contract,
    current_call,
    operation,
)
from cubekit.testing import ControlledClock, Part, crash, running

pytestmark = pytest.mark.anyio


@contract("test.seen", version="1.0")
class Seen(Protocol):
    async def see(self) -> str | None:
        """Who calls."""
        ...


class Seeing(Cube, Seen, implements="test.seen@1.0"):
    @operation
    async def see(self) -> str | None:
        assert current_call().deadline is not None
        await anyio.lowlevel.checkpoint()
        return current_call().caller.principal


class Feeding(Cube):
    seen: Annotated[Seen, ">=1,<2"]
    said: list[str | None]
    hangs = False

    @operation(timeout="60s")
    async def feed(self) -> AsyncIterator[int]:
        try:
            while True:
                yield 1
        finally:
            self.said.append(await self.seen.see())
            if self.hangs:
                await anyio.sleep_forever()
            self.said.append("closed")


def feeding(said: list[str | None], *, hangs: bool = False) -> dict[str, Part]:
    cube = type("Said", (Feeding,), {"said": said, "hangs": hangs})
    return {"p": Part(Seeing), "u": Part(cube, settings={"stop_timeout": "50ms"})}


ADA = CallContext(Caller("ada"))


async def test_who_leaves_early_is_the_caller_of_the_cleanup() -> None:
    said: list[str | None] = []
    async with running(feeding(said)) as service:
        async with aclosing(service.stream("u.feed", ADA)) as items:
            assert await anext(items) == 1
        assert said == ["ada", "closed"]
        with pytest.raises(RuntimeError, match="no call is being answered"):
            current_call()


async def test_a_cleanup_has_its_time_when_that_of_the_stream_is_over() -> None:
    said: list[str | None] = []
    async with running(feeding(said)) as service:
        with pytest.raises(DeadlineExceeded):
            async for _ in service.stream("u.feed", ADA._replace(deadline=monotonic() + 0.02)):
                await anyio.sleep(0.03)  # a slow reader
        assert said == ["ada", "closed"]


async def test_a_cleanup_does_not_last_for_ever() -> None:
    said: list[str | None] = []
    async with running(feeding(said, hangs=True)) as service:
        with anyio.fail_after(5), pytest.raises(DeadlineExceeded):
            async with aclosing(service.stream("u.feed", ADA)) as items:
                assert await anext(items) == 1
        assert said == ["ada"]
        assert service.instances["u"].in_flight == 0


async def test_a_stream_of_a_cube_that_has_crashed_is_closed(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.CRITICAL)
    said: list[str | None] = []
    async with running(feeding(said), clock=ControlledClock()) as service:
        items = service.stream("u.feed", ADA)
        assert await anext(items) == 1
        await crash(service, "u")
        with pytest.raises(Unavailable):
            await anext(items)
        assert said == ["ada", "closed"]
