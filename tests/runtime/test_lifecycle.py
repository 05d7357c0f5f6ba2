"""Start, stop, restart and failure of cubes, on asyncio and trio."""

from __future__ import annotations

import gc
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated, Any, Protocol

import anyio
import pytest

from cubekit import (
    Cube,
    CubekitError,
    CubeRegistered,
    CubeStateChanged,
    Health,
    Unavailable,
    contract,
    operation,
)
from cubekit.runtime.health import worst
from cubekit.runtime.instances import State
from cubekit.runtime.service import Service
from cubekit.testing import ControlledClock, Part, compose_parts, crash, running

pytestmark = pytest.mark.anyio

STEPS = ["initialize", "start", "stop", "destroy"]


@contract("test.clock", version="1.0")
class Clock(Protocol):
    async def tick(self) -> int:
        """Count."""
        ...


def recording(log: list[str], *, fail_in: str = "", hang_in: str = "") -> type[Cube]:
    """A cube that writes down its steps."""

    class Recorder(Cube):
        async def _step(self, step: str) -> None:
            log.append(f"{self.name}.{step}")
            if step == fail_in:
                raise ValueError(f"{step} failed")
            if step == hang_in:
                await anyio.sleep_forever()

        async def initialize(self) -> None:
            await self._step("initialize")

        async def start(self) -> None:
            await self._step("start")

        async def stop(self) -> None:
            await self._step("stop")

        async def destroy(self) -> None:
            await self._step("destroy")

        @operation
        async def ping(self) -> str:
            return "pong"

    return Recorder


async def test_runs_the_four_steps_in_order() -> None:
    log: list[str] = []
    async with running({"a": recording(log)}) as service:
        assert log == ["a.initialize", "a.start"]
        assert await service.call("a.ping") == "pong"
    assert log == [f"a.{step}" for step in STEPS]
    assert service.instances["a"].state is State.STOPPED


async def test_a_cube_that_does_not_run_on_this_event_loop(anyio_backend_name: str) -> None:
    class Elsewhere(Cube, backends=("nowhere",)):
        pass

    with pytest.raises(CubekitError, match=rf'"a" does not run on {anyio_backend_name} \[CK406\]'):
        async with running({"a": Elsewhere}):
            pytest.fail("the service must not have started")


async def test_runs_a_lifespan() -> None:
    log: list[str] = []

    class Spanning(Cube):
        @asynccontextmanager
        async def _span(self) -> AsyncIterator[None]:
            log.append("up")
            yield
            log.append("down")

        lifespan = _span

    async with running({"a": Spanning}):
        assert log == ["up"]
    assert log == ["up", "down"]


async def test_starts_providers_first_and_stops_them_last() -> None:
    log: list[str] = []

    recorder: Any = recording(log)

    class Provider(recorder, Clock, implements="test.clock@1.0"):  # type: ignore[misc,call-arg]
        async def tick(self) -> int:
            return 1

    class Consumer(recorder):  # type: ignore[misc]
        ticker: Annotated[Clock, ">=1,<2"]

        async def stop(self) -> None:
            # What it requires still answers while it stops.
            log.append(f"tick {await self.ticker.tick()}")

    async with running({"consumer": Consumer, "provider": Provider}):
        assert log == ["provider.initialize", "provider.start", "consumer.initialize", "consumer.start"]
    assert log[4:] == ["tick 1", "consumer.destroy", "provider.stop", "provider.destroy"]


async def test_independent_cubes_start_at_the_same_time() -> None:
    met = anyio.Event()
    waiting: list[str] = []

    class Meeting(Cube):
        async def start(self) -> None:
            waiting.append(self.name)
            if len(waiting) == 2:
                met.set()
            await met.wait()  # each alone would wait for ever

    with anyio.fail_after(5):
        async with running({"a": Meeting, "b": Meeting}):
            assert sorted(waiting) == ["a", "b"]


@pytest.mark.parametrize("step", ["initialize", "start"])
async def test_a_required_cube_that_cannot_start_stops_the_service(step: str) -> None:
    log: list[str] = []
    with pytest.raises(CubekitError, match=rf"could not start: ValueError: {step} failed \[CK401\]\n fix: mend it"):
        async with running({"bad": recording(log, fail_in=step), "good": recording(log)}):
            pytest.fail("the service must not have started")
    assert "bad.destroy" in log, "what was acquired is released"
    if "good.initialize" in log:
        assert "good.destroy" in log


async def test_an_optional_cube_that_cannot_start_is_degraded_and_the_service_lives(
    caplog: pytest.LogCaptureFixture,
) -> None:
    log: list[str] = []
    bad = Part(recording(log, fail_in="start"), settings={"optional": True})
    parts: dict[str, Part | type[Cube]] = {"bad": bad, "good": recording(log)}
    async with running(parts) as service:
        assert service.instances["bad"].state is State.DEGRADED
        assert await service.call("good.ping") == "pong"
        with pytest.raises(Unavailable):
            await service.call("bad.ping")
    assert any(record.levelno == logging.ERROR and "start failed" in record.message for record in caplog.records)


@pytest.mark.parametrize("step", ["stop", "destroy"])
async def test_a_crash_while_stopping_is_logged_and_everyone_else_stops(
    step: str, caplog: pytest.LogCaptureFixture
) -> None:
    log: list[str] = []
    with pytest.raises(CubekitError, match=rf'"bad" failed while stopping: ValueError: {step} failed \[CK403\]'):
        async with running({"bad": recording(log, fail_in=step), "good": recording(log)}) as service:
            pass
    assert log.count("good.destroy") == 1
    assert "bad.destroy" in log
    assert {instance.state for instance in service.instances.values()} == {State.STOPPED}
    assert f"{step} failed" in caplog.text


@pytest.mark.parametrize("step", ["initialize", "start"])
async def test_a_start_that_hangs_is_reported_with_its_stack(step: str) -> None:
    parts = {"slow": Part(recording([], hang_in=step), settings={"start_timeout": "50ms"})}
    with pytest.raises(CubekitError) as caught:
        async with running(parts):
            pytest.fail("the service must not have started")
    (diagnostic,) = caught.value.diagnostics
    assert diagnostic.code == "CK402"
    assert diagnostic.found is not None
    assert f"in {step}" in diagnostic.found
    assert "await anyio.sleep_forever()" in diagnostic.found


async def test_a_hanging_lifespan_is_reported_with_its_stack() -> None:
    class Hanging(Cube):
        @asynccontextmanager
        async def _span(self) -> AsyncIterator[None]:
            await anyio.sleep_forever()
            yield

        lifespan = _span

    with pytest.raises(CubekitError, match=r"CK402[\s\S]*await anyio.sleep_forever"):
        async with running({"a": Part(Hanging, settings={"start_timeout": "50ms"})}):
            pytest.fail("the service must not have started")


@pytest.mark.parametrize("step", ["stop", "destroy"])
async def test_a_stop_that_hangs_does_not_hold_the_others(step: str, caplog: pytest.LogCaptureFixture) -> None:
    log: list[str] = []
    hanging = Part(recording(log, hang_in=step), settings={"stop_timeout": "50ms"})
    parts: dict[str, Part | type[Cube]] = {"slow": hanging, "good": recording(log)}
    with anyio.fail_after(10), pytest.raises(CubekitError, match=r"\[CK403\]"):
        async with running(parts):
            pass
    assert "good.destroy" in log
    assert f"{step}() did not finish within 0.05 s" in caplog.text


async def test_a_crashed_cube_is_restarted_as_a_new_object() -> None:
    clock = ControlledClock()
    async with running({"a": recording([])}, clock=clock) as service:
        instance = service.instances["a"]
        first = instance.living()
        await crash(service, "a")
        assert instance.state.value == "restarting"
        with pytest.raises(Unavailable) as refused:
            await service.call("a.ping")
        assert refused.value.retry_after is not None
        assert 0 < refused.value.retry_after <= 0.1
        await clock.advance(1)
        assert instance.state is State.RUNNING
        assert instance.living() is not first
        assert instance.restarts == 1
        assert await service.call("a.ping") == "pong"


async def test_restarts_wait_longer_each_time_and_end_when_there_were_too_many() -> None:
    clock = ControlledClock()
    supervise = {"default": {"max": 2, "within": "1h", "backoff": "1s..60s"}}
    with pytest.raises(CubekitError, match="CK404"):
        async with running({"a": recording([])}, clock=clock, supervise=supervise) as service:
            for longest in (1, 2):
                await crash(service, "a")
                await clock.until_asleep()
                await clock.advance(longest * 0.7)
                assert service.instances["a"].state.value == "restarting"
                await clock.advance(longest * 0.31)
                assert service.instances["a"].state is State.RUNNING
            await crash(service, "a")
            await anyio.sleep_forever()


async def test_crashes_that_are_long_ago_do_not_count() -> None:
    clock = ControlledClock()
    supervise = {"default": {"max": 1, "within": "10s", "backoff": "1s..1s"}}
    async with running({"a": recording([])}, clock=clock, supervise=supervise) as service:
        for _ in range(4):
            await crash(service, "a")
            await clock.advance(20)
            assert service.instances["a"].state is State.RUNNING
        assert service.instances["a"].restarts == 4


async def test_an_operation_that_raises_is_no_crash() -> None:
    class Fragile(Cube):
        @operation
        async def fail(self) -> None:
            raise ValueError("inside")

    async with running({"a": Fragile}) as service:
        living = service.instances["a"].living()
        with pytest.raises(Exception, match="made a mistake"):
            await service.call("a.fail")
        assert service.instances["a"].living() is living


async def test_registration_and_every_state_are_events() -> None:
    service = Service(compose_parts({"a": recording([])}))
    with service.bus.subscribe(CubeRegistered) as registered, service.bus.subscribe(CubeStateChanged) as states:
        async with service.running():
            pass
    assert [event.instance async for event in registered] == ["a"]
    assert [event.after async for event in states] == ["starting", "running", "stopping", "stopped"]


async def test_background_tasks_end_with_the_cube() -> None:
    ended: list[str] = []

    class Busy(Cube):
        async def start(self) -> None:
            self.tasks.start_soon(self._work)

        async def _work(self) -> None:
            try:
                await anyio.sleep_forever()
            finally:
                ended.append(self.name)

    async with running({"a": Busy}):
        await anyio.wait_all_tasks_blocked()
    assert ended == ["a"]


async def test_a_task_that_comes_too_late_is_refused_and_leaves_nothing_behind() -> None:
    class Holder(Cube):
        async def work(self) -> None:
            await anyio.sleep_forever()

    async with running({"holder": Holder}) as service:
        cube = service.instances["holder"].living()
        assert isinstance(cube, Holder)
    with pytest.raises(RuntimeError, match="not active"):
        cube.tasks.start_soon(cube.work)
    gc.collect()  # a coroutine that was never awaited would warn, and warnings are errors


async def test_a_stopping_cube_lets_calls_finish_and_takes_no_new_ones() -> None:
    entered, leave = anyio.Event(), anyio.Event()

    class Slow(Cube):
        @operation
        async def work(self) -> str:
            entered.set()
            await leave.wait()
            return "done"

    answers: list[str] = []
    service = Service(compose_parts({"a": Slow}))

    async def call() -> None:
        answers.append(await service.call("a.work"))

    async with anyio.create_task_group() as tasks:
        await tasks.start(service.run)
        tasks.start_soon(call)
        await entered.wait()
        service.stop()
        await anyio.wait_all_tasks_blocked()
        assert service.instances["a"].state is State.STOPPING
        with pytest.raises(Unavailable):
            await service.call("a.work")
        leave.set()
    assert answers == ["done"]


async def test_a_body_that_raises_still_stops_the_cubes() -> None:
    log: list[str] = []
    with pytest.raises(KeyError, match="mine"):
        async with running({"a": recording(log)}):
            raise KeyError("mine")
    assert log == [f"a.{step}" for step in STEPS]


async def test_a_crash_in_the_constructor_is_a_failed_start() -> None:
    class Fragile(Cube):
        def __init__(self) -> None:
            raise ValueError("not today")

    with pytest.raises(CubekitError, match=r"could not start: ValueError: not today \[CK401\]"):
        async with running({"a": Fragile}):
            pytest.fail("the service must not have started")


@pytest.mark.parametrize("where", ["before", "after"])
async def test_a_crash_in_a_lifespan(where: str, caplog: pytest.LogCaptureFixture) -> None:
    class Fragile(Cube):
        @asynccontextmanager
        async def _span(self) -> AsyncIterator[None]:
            if where == "before":
                raise ValueError("while starting")
            yield
            raise ValueError("while stopping")

        lifespan = _span

    if where == "before":
        with pytest.raises(CubekitError, match="ValueError: while starting"):
            async with running({"a": Fragile}):
                pytest.fail("the service must not have started")
        return
    with pytest.raises(CubekitError, match="failed while stopping: ValueError: while stopping"):
        async with running({"a": Fragile}) as service:
            pass
    assert service.instances["a"].state is State.STOPPED
    assert "while stopping" in caplog.text


async def test_a_health_check_that_raises_or_hangs_is_a_failed_check(caplog: pytest.LogCaptureFixture) -> None:
    class Sick(Cube):
        async def health_check(self) -> Health:
            raise ValueError("cannot say")

    async with running({"a": Sick, "b": recording([])}) as service:
        checks = await service.health.check()
        assert (checks["a"].status, checks["b"].status, worst(checks.values())) == ("fail", "pass", "fail")
        assert await service.call("b.ping") == "pong"
    assert "cannot say" in caplog.text


async def test_cancelling_everything_releases_what_was_acquired() -> None:
    log: list[str] = []
    with anyio.CancelScope() as scope:
        async with running({"a": recording(log)}):
            scope.cancel()
            await anyio.sleep_forever()
    assert scope.cancelled_caught
    assert log == ["a.initialize", "a.start", "a.destroy"]


async def test_what_depends_on_a_cube_that_cannot_start_is_not_started() -> None:
    log: list[str] = []
    recorder: Any = recording(log, fail_in="start")
    consumer: Any = recording(log)

    class Provider(recorder, Clock, implements="test.clock@1.0"):  # type: ignore[misc,call-arg]
        async def tick(self) -> int:
            return 1

    class Consumer(consumer):  # type: ignore[misc]
        ticker: Annotated[Clock, ">=1,<2"]

    with pytest.raises(CubekitError, match="CK401"):
        async with running({"consumer": Consumer, "provider": Provider}):
            pytest.fail("the service must not have started")
    assert log == ["provider.initialize", "provider.start", "provider.destroy"]
