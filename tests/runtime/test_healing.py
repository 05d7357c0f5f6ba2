"""What a service does to heal itself: each step is an event, counted, in the log, and remembered."""

from __future__ import annotations

import logging
from typing import Annotated, Any, Protocol

import anyio
import pytest

from cubekit import (
    Cube,
    CubekitError,
    CubeStateChanged,
    HealingStepTaken,
    Health,
    Overloaded,
    Subscription,
    Unavailable,
    contract,
    operation,
)
from cubekit.runtime.instances import State
from cubekit.runtime.service import Service
from cubekit.testing import ControlledClock, Part, compose_parts, crash, failing, running

pytestmark = pytest.mark.anyio


@contract("test.source", version="1.0")
class Source(Protocol):
    async def read(self) -> str:
        """Read."""
        ...


class Spring(Cube, Source, implements="test.source@1.0"):
    """Says who it is; is well unless told otherwise."""

    def __init__(self) -> None:
        self.ill = ""

    @operation(idempotent=True)
    async def read(self) -> str:
        return self.name

    async def health_check(self) -> Health:
        return Health("fail", self.ill) if self.ill else Health()


class Reader(Cube):
    source: Annotated[Source, ">=1,<2"]

    @operation
    async def ask(self) -> str:
        return await self.source.read()


class Shaky(Cube):
    """Fails until it is told to work; or waits."""

    def __init__(self) -> None:
        self.works = False
        self.go_on = anyio.Event()

    @operation
    async def work(self) -> None:
        if not self.works:
            raise Unavailable("not yet")

    @operation
    async def wait(self) -> None:
        await self.go_on.wait()


TWO: dict[str, Part] = {
    "first": Part(Spring),
    "second": Part(Spring),
    "reader": Part(Reader, settings={"bind": {"source": ["first", "second"]}}),
}


def steps(service: Service) -> list[tuple[str, str]]:
    return [(taken.step.value, taken.instance) for taken in service.healing.recent]


async def looked(service: Service, clock: ControlledClock) -> None:
    """Let the time pass after which health is asked for again, and wait until it has been."""
    await clock.advance(service.plan.health.max_age)
    await clock.until_asleep()


async def entered(changes: Subscription[CubeStateChanged], state: State) -> None:
    async for change in changes:
        if change.after == state:
            return


async def test_calls_go_to_another_provider_while_the_first_is_not_well(caplog: pytest.LogCaptureFixture) -> None:
    clock = ControlledClock()
    async with running(TWO, clock=clock) as service:
        first: Any = service.instances["first"].living()
        assert await service.call("reader.ask") == "first"
        with service.bus.subscribe(HealingStepTaken) as events:
            first.ill = "the pump is broken"
            with caplog.at_level(logging.WARNING, "cubekit.healing"):
                await looked(service, clock)
                assert await service.call("reader.ask") == "second"
            event = await anext(aiter(events))
        assert (event.step, event.instance) == ("fail_over", "first")
        assert event.reason == 'calls of reader.source go to "second"'
        assert "healing of first: fail over" in caplog.text
        first.ill = ""
        await looked(service, clock)
        await looked(service, clock)
        assert await service.call("reader.ask") == "first"
        assert steps(service) == [("fail_over", "first"), ("fail_over", "second")]
        assert service.healing.counts["first", service.healing.recent[0].step] == 1
        assert service.healing.recent[0].at == clock.time() - 2 * service.plan.health.max_age


async def test_a_provider_that_comes_and_goes_with_every_call_is_told_once() -> None:
    clock = ControlledClock()
    async with running(TWO, clock=clock) as service:
        for turn in range(50):
            with failing(service, "first.read", Unavailable("not now"), times=turn % 2):
                assert await service.call("reader.ask") == ("second" if turn % 2 else "first")
        assert steps(service) == [("fail_over", "first")]


async def test_a_crash_is_a_restart_and_too_many_are_the_end() -> None:
    clock = ControlledClock()
    parts = {"spring": Part(Spring, settings={"optional": True})}
    async with running(parts, clock=clock, supervise={"default": {"max": 1, "backoff": "1s..1s"}}) as service:
        with service.bus.subscribe(CubeStateChanged) as changes:
            await crash(service, "spring")
            await clock.advance(1)
            await entered(changes, State.RUNNING)
            await crash(service, "spring")
            await entered(changes, State.DEGRADED)
        assert steps(service) == [("restart", "spring"), ("give_up", "spring")]
        assert "crashed" in service.healing.recent[0].reason


async def test_a_cube_that_is_not_well_for_too_long_is_recycled() -> None:
    clock = ControlledClock()
    supervise = {"default": {"unhealthy": "12s", "max": 1, "within": "1h"}}
    plan = compose_parts({"spring": Part(Spring), "other": Part(Spring)}, supervise=supervise)
    with pytest.raises(CubekitError, match="CK404"):
        async with running(plan, clock=clock) as service:
            before: Any = service.instances["spring"].living()
            other = service.instances["other"].living()
            before.ill = "the pump is broken"
            for _ in range(3):
                assert service.instances["spring"].life is not None
                assert service.instances["spring"].living() is before
                await looked(service, clock)
            await looked(service, clock)
            while service.instances["spring"].state is not State.RUNNING:
                await anyio.lowlevel.checkpoint()
            after: Any = service.instances["spring"].living()
            assert after is not before
            assert service.instances["other"].living() is other
            [taken] = service.healing.recent
            assert (taken.step, taken.instance) == ("recycle", "spring")
            assert taken.reason == "unhealthy for 12 s: the pump is broken"
            # One that never gets well is given up, as one that crashes too often is.
            after.ill = "still broken"
            for _ in range(5):
                await looked(service, clock)
            await anyio.sleep_forever()


async def test_the_time_that_a_cube_was_down_or_the_clock_was_set_does_not_count() -> None:
    clock = ControlledClock()
    supervise = {"default": {"unhealthy": "12s", "backoff": "40s..40s"}}
    async with running({"spring": Spring}, clock=clock, supervise=supervise) as service:
        await crash(service, "spring")
        for _ in range(8):
            await looked(service, clock)
        while service.instances["spring"].life is None:
            await anyio.lowlevel.checkpoint()
        cube: Any = service.instances["spring"].living()
        cube.ill = "warming up"
        await looked(service, clock)
        clock.jump(3_600)
        await looked(service, clock)
        assert service.instances["spring"].living() is cube
        assert steps(service) == [("restart", "spring")]


async def test_a_breaker_that_opens_and_closes() -> None:
    clock = ControlledClock()
    part = Part(Shaky, settings={"breaker": {"failures": 2, "pause": "5s"}})
    async with running({"shaky": part}, clock=clock) as service:
        for _ in range(2):
            with pytest.raises(Unavailable, match="not yet"):
                await service.call("shaky.work")
        cube: Any = service.instances["shaky"].living()
        cube.works = True
        await clock.advance(5)
        await service.call("shaky.work")
        assert steps(service) == [("break", "shaky"), ("resume", "shaky")]
        assert service.healing.recent[0].reason == "work has failed too often in a row"


async def test_shedding_is_told_once_while_it_goes_on() -> None:
    clock = ControlledClock()
    async with running({"shaky": Part(Shaky, settings={"limits": {"queue": 1}})}, clock=clock) as service:
        cube: Any = service.instances["shaky"].living()
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(service.call, "shaky.wait")
            while service.instances["shaky"].in_flight == 0:
                await anyio.lowlevel.checkpoint()
            for seconds in (0, 1, 5, 11):
                await clock.advance(seconds)
                with pytest.raises(Overloaded):
                    await service.call("shaky.wait")
            cube.go_on.set()
        assert steps(service) == [("shed", "shaky"), ("shed", "shaky")]


async def test_nobody_asks_for_health_where_nothing_would_follow() -> None:
    clock = ControlledClock()
    asked = []

    class Asked(Cube):
        async def health_check(self) -> Health:
            asked.append(self.name)
            return Health()

    async with running({"one": Asked}, clock=clock):
        await clock.advance(60)
        await anyio.lowlevel.checkpoint()
    assert asked == []
