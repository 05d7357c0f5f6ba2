"""Who blocks the event loop is found while it is blocked, and named."""

from __future__ import annotations

import inspect
import logging
import sys
import time
import traceback
from collections.abc import Mapping

import anyio
import pytest

from cubekit import Cube, EventLoopBlocked, operation
from cubekit.testing import running

pytestmark = pytest.mark.anyio


class Blocking(Cube):
    @operation
    async def sleep(self, seconds: float) -> None:
        time.sleep(seconds)  # noqa: ASYNC251 - on purpose

    @operation
    async def compute(self) -> int:
        # One call of a C function, which holds the interpreter's lock: the thread sees it when it is over.
        return sum(range(60_000_000))


class Other(Cube):
    @operation
    async def ping(self) -> str:
        return "pong"


SLEEP = f"{__file__}:{inspect.getsourcelines(Blocking.sleep)[1] + 2}"


@pytest.mark.parametrize("anyio_backend", ["asyncio", ("asyncio", {"use_uvloop": True}), "trio"])
async def test_a_block_of_a_second_is_found_within_two_with_its_line(caplog: pytest.LogCaptureFixture) -> None:
    async with running({"slow": Blocking}) as service:
        found: list[tuple[float, str]] = []
        handler = _Noting(found)
        logging.getLogger("cubekit.watchdog").addHandler(handler)
        try:
            with service.bus.subscribe(EventLoopBlocked) as blocks:
                began = time.monotonic()
                await service.call("slow.sleep", seconds=1.0)
                event = await anext(aiter(blocks))
        finally:
            logging.getLogger("cubekit.watchdog").removeHandler(handler)
        assert (event.place, event.instance) == (SLEEP, "slow")
        assert event.seconds > 0.5
        assert "in sleep" in event.stack
        assert "in run_until_complete" not in event.stack, "what runs the loop is nobody's business"
        assert found[0][0] - began < 2
        assert SLEEP in found[0][1]
        assert service.watchdog.blocks == 1
        assert service.watchdog.blocked == event.seconds
        assert service.watchdog.last is not None
        assert service.watchdog.last.place == SLEEP


class _Noting(logging.Handler):
    """Notes when lines were logged."""

    def __init__(self, found: list[tuple[float, str]]) -> None:
        super().__init__()
        self._found = found

    def emit(self, record: logging.LogRecord) -> None:
        self._found.append((time.monotonic(), record.getMessage()))


async def test_c_code_that_holds_the_interpreter_is_found_too() -> None:
    async with running({"slow": Blocking}, health={"livez": {"max_lag": "100ms"}}) as service:
        with service.bus.subscribe(EventLoopBlocked) as blocks:
            await service.call("slow.compute")
            event = await anext(aiter(blocks))
        assert event.place.startswith(__file__)
        assert "in compute" in event.stack


async def test_an_event_loop_that_waits_is_not_blocked(caplog: pytest.LogCaptureFixture) -> None:
    async with running({"a": Blocking, "b": Other}, health={"livez": {"max_lag": "100ms"}}) as service:
        await anyio.sleep(0.7)  # time itself is what is tested
        assert (service.watchdog.blocks, service.watchdog.last) == (0, None)
        await service.call("a.sleep", seconds=0.02)
        assert await service.call("b.ping") == "pong"
    assert service.watchdog.blocks == 0
    assert "blocked" not in caplog.text


async def test_the_instance_is_known_from_the_call_or_if_the_code_is_only_its_own() -> None:
    quick = {"livez": {"max_lag": "100ms"}}
    parts: Mapping[str, type[Cube]]
    for parts, owner in (({"a": Blocking}, "a"), ({"a": Blocking, "b": Other}, "")):
        async with running(parts, health=quick) as service:
            with service.bus.subscribe(EventLoopBlocked) as blocks:
                await service.call("a.sleep", seconds=0.5)
                event = await anext(aiter(blocks))
                assert (event.place, event.instance) == (SLEEP, "a")
                cube = service.instances["a"].living()
                assert isinstance(cube, Blocking)
                cube.tasks.start_soon(Blocking.sleep, cube, 0.5)
                event = await anext(aiter(blocks))
                assert (event.place, event.instance) == (SLEEP, owner)


async def test_the_thread_ends_with_the_service() -> None:
    async with running({"b": Other}):
        await anyio.wait_all_tasks_blocked()
    watching = [
        frame
        for innermost in sys._current_frames().values()
        for frame, _ in traceback.walk_stack(innermost)
        if frame.f_globals["__name__"] == "cubekit.runtime.watchdog"
    ]
    assert watching == []
