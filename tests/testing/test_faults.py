"""Faults of `cubekit.testing`: each does what it says, where it is told to, and nothing once it is over."""

from __future__ import annotations

import errno
import os
import socket
import tempfile
import tracemalloc
from collections.abc import AsyncIterator, Callable
from contextlib import ExitStack, asynccontextmanager
from pathlib import Path
from typing import Annotated, Any, Protocol
from urllib.parse import urlsplit

import anyio
import pytest

from cubekit import Cube, CubekitError, EventLoopBlocked, Unavailable, contract, operation
from cubekit.runtime.service import Service
from cubekit.testing import (
    ControlledClock,
    blocking,
    crash,
    dead_collector,
    failing,
    full_disk,
    hanging,
    leaking,
    running,
    slow,
)

pytestmark = pytest.mark.anyio


@contract("test.ink", version="1.0")
class Ink(Protocol):
    async def drop(self) -> int:
        """How much is left."""
        ...


class Pot(Cube, Ink, implements="test.ink@1.0"):
    async def drop(self) -> int:
        return 7


class Diary(Cube):
    """Takes each step, and notes it."""

    ink: Annotated[Ink, ">=1,<2"]
    steps: list[str] = []

    async def initialize(self) -> None:
        self.steps.append("initialize")

    async def start(self) -> None:
        self.steps.append("start")

    async def stop(self) -> None:
        self.steps.append("stop")

    async def destroy(self) -> None:
        self.steps.append("destroy")

    @operation
    async def write(self) -> int:
        return await self.ink.drop()


class Calendar(Diary):
    """The same as one lifespan."""

    initialize = Cube.initialize
    start = Cube.start
    stop = Cube.stop
    destroy = Cube.destroy

    @asynccontextmanager
    async def lifespan(self) -> AsyncIterator[None]:
        self.steps.append("start")
        try:
            yield
        finally:
            self.steps.append("stop")


PARTS = {"diary": Diary, "pot": Pot}
OFTEN = {"default": {"max": 10}}


@pytest.fixture(autouse=True)
def _forget_steps() -> None:
    Diary.steps.clear()


@pytest.mark.parametrize("step", ["initialize", "start"])
async def test_a_step_fails_as_often_as_it_is_told_to(step: str) -> None:
    clock = ControlledClock()
    async with running(PARTS, clock=clock, supervise=OFTEN) as service:
        with failing(service, f"diary.{step}", ValueError("no ink"), times=2):
            await crash(service, "diary")
            for _ in range(3):
                await clock.until_asleep()
                await clock.advance(10)
        assert service.instances["diary"].restarts == 3
        assert await service.call("diary.write") == 7


@pytest.mark.parametrize("step", ["stop", "destroy"])
async def test_a_step_of_the_end_fails(step: str) -> None:
    with ExitStack() as faults, pytest.raises(CubekitError, match="torn"):
        async with running(PARTS) as service:
            faults.enter_context(failing(service, f"diary.{step}", ValueError("torn")))
    assert Diary.steps[-1] == ("destroy" if step == "stop" else "stop")


async def test_the_way_into_a_lifespan_fails() -> None:
    clock = ControlledClock()
    async with running({"diary": Calendar, "pot": Pot}, clock=clock, supervise=OFTEN) as service:
        with failing(service, "diary.start", ValueError("torn"), times=1):
            await crash(service, "diary")
            for _ in range(2):
                await clock.until_asleep()
                await clock.advance(10)
        assert service.instances["diary"].restarts == 2
        assert await service.call("diary.write") == 7
    assert Calendar.steps == ["start", "stop", "start", "stop"]


async def test_the_way_out_of_a_lifespan_fails() -> None:
    clock = ControlledClock()
    with ExitStack() as faults, pytest.raises(CubekitError, match="torn"):
        async with running({"diary": Calendar, "pot": Pot}, clock=clock) as service:
            faults.enter_context(failing(service, "diary.stop", ValueError("torn")))
            await crash(service, "diary")
            await clock.until_asleep()
            await clock.advance(10)
            assert await service.call("diary.write") == 7
    assert Calendar.steps == ["start", "stop", "start", "stop"]


async def test_a_health_check_can_hang() -> None:
    async with running(PARTS, health={"timeout": "50ms"}) as service:
        with hanging(service, "diary.health_check") as reached:
            checks = await service.health.check()
            assert reached.is_set()
        assert {name: check.status for name, check in checks.items()} == {"pot": "pass", "diary": "fail"}
        assert Diary.health_check is Cube.health_check


async def test_only_the_named_instance_is_met() -> None:
    async with running({**PARTS, "other": Diary}, health={"timeout": "5s"}) as service:
        with failing(service, "other.health_check", ValueError()):
            checks = await service.health.check()
    assert {name: check.status for name, check in checks.items()} == {"pot": "pass", "diary": "pass", "other": "fail"}


async def test_a_share_of_the_calls_fails() -> None:
    async with running(PARTS) as service:
        with failing(service, "diary.write", Unavailable(), rate=0.25):
            outcomes = [await _outcome(service) for _ in range(8)]
        assert outcomes == ["ok", "ok", "ok", "Unavailable"] * 2
        assert await _outcome(service) == "ok"


async def _outcome(service: Service) -> str:
    try:
        await service.call("diary.write")
    except Unavailable as error:
        return type(error).__name__
    return "ok"


async def test_a_method_that_only_cubes_can_call_is_met_too() -> None:
    async with running(PARTS) as service:
        with failing(service, "pot.drop", Unavailable("dry")), pytest.raises(Unavailable, match="dry"):
            await service.call("diary.write")


async def test_slow_is_slow_on_the_service_s_clock() -> None:
    clock = ControlledClock()
    async with running(PARTS, clock=clock) as service, anyio.create_task_group() as tasks:
        with slow(service, "diary.write", 60):
            written: list[Any] = []

            async def write() -> None:
                written.append(await service.call("diary.write"))

            tasks.start_soon(write)
            await clock.until_asleep()
            await clock.advance(59)
            assert written == []
            await clock.advance(1)
            assert written == [7]


async def test_blocking_holds_up_the_event_loop() -> None:
    async with running(PARTS, health={"livez": {"max_lag": "100ms"}}) as service:
        with blocking(service, "diary.write", 0.6), service.bus.subscribe(EventLoopBlocked) as blocks:
            assert await service.call("diary.write") == 7
            assert (await anext(aiter(blocks))).seconds > 0.1


async def test_leaking_keeps_memory_until_it_is_over() -> None:
    async with running(PARTS) as service:
        tracemalloc.start()
        try:
            with leaking(service, "diary.write", 1 << 20):
                for _ in range(5):
                    await service.call("diary.write")
                during, _ = tracemalloc.get_traced_memory()
            after, _ = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        assert during > 5 << 20
        assert after < 1 << 20


def test_a_full_disk_takes_no_bytes(tmp_path: Path) -> None:
    full, free = tmp_path / "full", tmp_path / "free"
    for directory in (full, free):
        directory.mkdir()
        (directory / "kept").write_text("kept")
    writers: list[Callable[[Path], object]] = [
        lambda directory: (directory / "new").write_text("x"),
        lambda directory: _append(str(directory / "kept")),
        lambda directory: _write_descriptor(directory / "raw"),
        _write_temporary,
    ]
    with full_disk(full):
        for write in writers:
            write(free)
            with pytest.raises(OSError, match="No space left") as caught:
                write(full)
            assert caught.value.errno == errno.ENOSPC
        assert (full / "kept").read_text() == "kept"
    for write in writers:
        write(full)
    assert (full / "kept").read_text() == "keptx"


def _append(name: str) -> None:
    with open(name, "a") as file:
        file.write("x")


def _write_temporary(directory: Path) -> None:
    with tempfile.NamedTemporaryFile(dir=directory, buffering=0) as file:
        file.write(b"x")


def _write_descriptor(path: Path) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT)
    try:
        os.write(descriptor, b"x")
    finally:
        os.close(descriptor)


def test_a_dead_collector_refuses_or_never_answers() -> None:
    with dead_collector() as url, pytest.raises(ConnectionRefusedError):
        socket.create_connection(_address(url), timeout=5)
    with dead_collector(silent=True) as url, socket.create_connection(_address(url), timeout=5) as connection:
        connection.sendall(b"POST / HTTP/1.1\r\n\r\n")
        connection.settimeout(0.05)
        with pytest.raises(TimeoutError):
            connection.recv(1)


def _address(url: str) -> tuple[str, int]:
    split = urlsplit(url)
    assert split.hostname is not None
    assert split.port is not None
    return split.hostname, split.port


async def test_the_time_of_day_jumps_and_what_is_monotonic_does_not() -> None:
    clock = ControlledClock(start=100.0)
    async with running(PARTS, clock=clock) as service:
        await service.health.check()
        clock.jump(-50)
        assert (clock.time(), clock.monotonic()) == (50.0, 0.0)
        await clock.advance(10)
        assert (await service.health.check())["diary"].last_success == 60.0


async def test_a_name_of_nothing_is_an_error_that_lists_what_there_is() -> None:
    async with running(PARTS) as service:
        with pytest.raises(ValueError, match=r"'diary\.sing' is no operation .* there are: diary\.write, .*pot\.stop"):
            failing(service, "diary.sing", ValueError()).__enter__()
