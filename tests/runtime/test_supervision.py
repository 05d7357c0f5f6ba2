"""Groups, strategies and limits of restarts; and what becomes of calls when their cube crashes."""

from __future__ import annotations

import logging
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Annotated, Any, Protocol

import anyio
import pytest
from opentelemetry.metrics import CallbackOptions, Observation

from cubekit import Cube, CubekitError, CubeStateChanged, Event, Unavailable, contract, current_call, operation
from cubekit.runtime.instances import State
from cubekit.runtime.service import Service
from cubekit.testing import ControlledClock, Part, crash, running

pytestmark = pytest.mark.anyio


@contract("test.base", version="1.0")
class Base(Protocol):
    async def ping(self) -> str:
        """Answer."""
        ...


@contract("test.middle", version="1.0")
class Middle(Protocol):
    async def pong(self) -> str:
        """Answer."""
        ...


class Logged(Cube):
    """Writes down when it starts and stops."""

    log_of_lives: list[str]

    async def start(self) -> None:
        self.log_of_lives.append(f"+{self.name}")

    async def destroy(self) -> None:
        self.log_of_lives.append(f"-{self.name}")


def chain_of_three(log: list[str]) -> dict[str, Part]:
    """``c`` requires ``b``, which requires ``a``; ``d`` is alone."""

    class A(Logged, Base, implements="test.base@1.0"):
        log_of_lives = log

        @operation
        async def ping(self) -> str:
            return "ping"

    class B(Logged, Middle, implements="test.middle@1.0"):
        log_of_lives = log
        base: Annotated[Base, ">=1,<2"]

        @operation
        async def pong(self) -> str:
            return await self.base.ping()

        async def stop(self) -> None:
            # What it requires still answers, unless it is what has crashed.
            try:
                self.log_of_lives.append(await self.base.ping())
            except Unavailable:
                self.log_of_lives.append("gone")

    class C(Logged):
        log_of_lives = log
        middle: Annotated[Middle, ">=1,<2"]

    class D(Logged):
        log_of_lives = log

    return {"a": Part(A), "b": Part(B), "c": Part(C), "d": Part(D)}


def supervise(strategy: str, **more: Any) -> Mapping[str, Any]:
    return {"default": {"strategy": strategy, **more}}


@pytest.mark.parametrize(
    ("strategy", "crashed", "expected"),
    [
        ("one_for_one", "a", ["-a", "+a"]),
        ("rest_for_one", "a", ["-a", "-c", "gone", "-b", "+a", "+b", "+c"]),
        ("rest_for_one", "b", ["-b", "-c", "+b", "+c"]),
        ("rest_for_one", "d", ["-d", "+d"]),
    ],
)
async def test_strategies(strategy: str, crashed: str, expected: list[str]) -> None:
    log: list[str] = []
    clock = ControlledClock()
    async with running(chain_of_three(log), clock=clock, supervise=supervise(strategy)) as service:
        log.clear()
        await crash(service, crashed)
        await clock.until_asleep()
        await anyio.wait_all_tasks_blocked()
        assert [entry for entry in log if entry.startswith("+")] == [], "there is a pause before the first start"
        await clock.advance(1)
        assert log == expected
        assert {instance.state for instance in service.instances.values()} == {State.RUNNING}
        restarted = {entry[1:] for entry in expected if entry.startswith("+")}
        assert {name for name, instance in service.instances.items() if instance.restarts} == restarted


async def test_one_for_all_keeps_the_order_of_dependencies() -> None:
    log: list[str] = []
    clock = ControlledClock()
    async with running(chain_of_three(log), clock=clock, supervise=supervise("one_for_all")) as service:
        log.clear()
        await crash(service, "b")
        await clock.until_asleep()
        await anyio.wait_all_tasks_blocked()
        await clock.advance(1)
        assert sorted(log) == sorted(["-a", "-b", "-c", "-d", "+a", "+b", "+c", "+d"])
        assert log.index("+a") < log.index("+b") < log.index("+c")
        assert max(log.index(f"-{name}") for name in "abcd") < log.index("+a")
        assert await service.call("b.pong") == "ping"


async def test_groups_are_independent() -> None:
    log: list[str] = []
    clock = ControlledClock()
    groups = {"pair": {"cubes": ["a", "b"], "strategy": "one_for_all"}}
    async with running(chain_of_three(log), clock=clock, supervise=groups) as service:
        log.clear()
        await crash(service, "a")
        await clock.until_asleep()
        await anyio.wait_all_tasks_blocked()
        await clock.advance(1)
        assert sorted(log) == ["+a", "+b", "-a", "-b", "gone"]
        assert service.instances["c"].restarts == 0, "a dependent in another group is left alone: its proxy is enough"


async def test_a_crash_during_a_restart_restarts_those_who_still_wait_too() -> None:
    log: list[str] = []
    clock = ControlledClock()
    parts = chain_of_three(log)
    failing = False

    class Weak(parts["b"].cube):  # type: ignore[misc]
        async def initialize(self) -> None:
            if failing:
                raise ValueError("not yet")

    parts["b"] = Part(Weak)
    async with running(parts, clock=clock, supervise=supervise("rest_for_one")) as service:
        failing = True
        await crash(service, "a")
        await clock.until_asleep()
        await anyio.wait_all_tasks_blocked()
        await clock.advance(1)
        assert service.instances["a"].state is State.RUNNING
        assert {service.instances[name].state for name in "bc"} == {State.RESTARTING}
        failing = False
        await clock.until_asleep()
        await clock.advance(1)
        assert {instance.state for instance in service.instances.values()} == {State.RUNNING}
        assert log[-2:] == ["+b", "+c"]


async def test_too_many_crashes_of_a_group_give_it_up() -> None:
    log: list[str] = []
    clock = ControlledClock()
    parts = {name: Part(part.cube, settings={"optional": True}) for name, part in chain_of_three(log).items()}
    limits = supervise("rest_for_one", max=2, within="10s")
    async with running(parts, clock=clock, supervise=limits) as service:
        for crashed in ("b", "c"):
            await crash(service, crashed)
            await clock.until_asleep()
            await anyio.wait_all_tasks_blocked()
            await clock.advance(1)
        await crash(service, "b")
        await anyio.wait_all_tasks_blocked()
        states = {name: instance.state.value for name, instance in service.instances.items()}
        assert states == {"a": "running", "b": "degraded", "c": "degraded", "d": "running"}
        with pytest.raises(Unavailable):
            await service.call("b.pong")


async def test_who_was_given_up_stays_so_when_what_it_depends_on_restarts() -> None:
    clock = ControlledClock()
    parts = {name: Part(part.cube, settings={"optional": True}) for name, part in chain_of_three([]).items()}
    async with running(parts, clock=clock, supervise=supervise("rest_for_one", max=1, within="10s")) as service:
        for _ in range(2):
            await crash(service, "c")
            await anyio.wait_all_tasks_blocked()
            await clock.advance(1)
        assert service.instances["c"].state is State.DEGRADED
        await clock.advance(20)
        await crash(service, "a")
        await clock.until_asleep()
        await clock.advance(1)
        states = {name: instance.state.value for name, instance in service.instances.items()}
        assert states == {"a": "running", "b": "running", "c": "degraded", "d": "running"}


async def test_a_required_cube_of_a_group_that_is_given_up_stops_the_service() -> None:
    with pytest.raises(CubekitError, match=r'"a" .* crashed too often \[CK404\]'):
        async with running(chain_of_three([]), supervise=supervise("one_for_all", max=0)) as service:
            await crash(service, "a")
            await anyio.sleep_forever()


async def test_every_call_that_ends_with_its_cube_has_a_failure_of_its_own() -> None:
    failures: list[Unavailable] = []

    class Waiting(Cube):
        @operation
        async def wait(self) -> None:
            await anyio.sleep_forever()

    async def call(service: Service) -> None:
        try:
            await service.call("a.wait")
        except Unavailable as failure:
            failures.append(failure)

    async with running({"a": Waiting}, clock=ControlledClock()) as service, anyio.create_task_group() as tasks:
        for _ in range(3):
            tasks.start_soon(call, service)
        await anyio.wait_all_tasks_blocked()
        await crash(service, "a")
    assert len({id(failure) for failure in failures}) == 3
    assert {(str(failure), failure.retry_after) for failure in failures} == {('Cube "a" is stopping.', 0.0)}


class Busy(Cube):
    """Its calls wait for ever, and its end takes as long as the test wants."""

    released: anyio.Event

    async def destroy(self) -> None:
        await self.released.wait()

    @operation(idempotent=True)
    async def wait(self) -> None:
        await anyio.sleep_forever()

    @operation
    async def quick(self) -> str:
        return "quick"

    @operation
    async def items(self) -> AsyncIterator[int]:
        yield 1
        await anyio.sleep_forever()


async def test_calls_under_way_end_when_their_cube_crashes_and_nobody_calls_it_while_it_is_torn_down() -> None:
    released = anyio.Event()
    ended: list[str] = []

    async def expect_unavailable(service: Service) -> None:
        with pytest.raises(Unavailable) as refused:
            await service.call("busy.wait")
        assert refused.value.retry_after is not None
        ended.append("call")

    async def expect_end_of_stream(service: Service) -> None:
        with pytest.raises(Unavailable):
            async for item in service.stream("busy.items"):
                assert item == 1
        ended.append("stream")

    cube = type("Held", (Busy,), {"released": released})
    async with running({"busy": cube}, clock=ControlledClock()) as service:
        instance = service.instances["busy"]
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(expect_unavailable, service)
            tasks.start_soon(expect_end_of_stream, service)
            await anyio.wait_all_tasks_blocked()
            assert instance.in_flight == 2
            await crash(service, "busy")
        assert sorted(ended) == ["call", "stream"]
        assert not released.is_set(), "the calls do not wait for the end of the object"
        with pytest.raises(Unavailable):
            await service.call("busy.quick")
        assert service.endpoints["busy.wait"].metrics.outcomes == {"UNAVAILABLE": 1}
        released.set()


async def test_a_cancelled_caller_is_cancelled_even_if_the_cube_crashes_at_the_same_time() -> None:
    released = anyio.Event()
    released.set()
    cube = type("Held", (Busy,), {"released": released})
    async with running({"busy": cube}, clock=ControlledClock()) as service:
        with anyio.CancelScope() as scope:
            async with anyio.create_task_group() as tasks:

                async def call() -> None:
                    await service.call("busy.wait")

                tasks.start_soon(call)
                await anyio.wait_all_tasks_blocked()
                scope.cancel()
                life = service.instances["busy"].life
                assert life is not None
                life.tickets.interrupt(Unavailable())
        assert scope.cancelled_caught


async def test_tasks_started_by_a_call_do_not_belong_to_it() -> None:
    done = anyio.Event()
    seen: list[object] = []

    class Starter(Cube):
        @operation(timeout="20ms")
        async def begin(self) -> None:
            self.tasks.start_soon(self.work)

        async def work(self) -> None:
            try:
                current_call()
            except RuntimeError as error:
                seen.append(error)
            await anyio.sleep(0.05)
            done.set()

    async with running({"a": Starter}) as service:
        await service.call("a.begin")
        with anyio.fail_after(5):
            await done.wait()
    assert len(seen) == 1


async def test_a_background_task_that_exits_the_program_is_a_crash() -> None:
    clock = ControlledClock()

    class Leaving(Cube):
        @operation
        async def leave(self) -> None:
            self.tasks.start_soon(self.work)

        async def work(self) -> None:
            sys.exit("enough")

    async with running({"a": Leaving}, clock=clock) as service:
        await service.call("a.leave")
        await clock.until_asleep()
        assert service.instances["a"].state is State.RESTARTING
        assert "sys.exit('enough')" in str(service.instances["a"].problem)


async def test_started_tasks_report_and_their_names_are_their_own() -> None:
    names: list[str | None] = []

    class Reporting(Cube):
        async def start(self) -> None:
            assert await self.tasks.start(self.work) == "ready"

        async def work(self, *, task_status: anyio.abc.TaskStatus[str]) -> None:
            names.append(anyio.get_current_task().name)
            task_status.started("ready")

    async with running({"a": Reporting}):
        pass
    (name,) = names
    assert name is not None
    assert "Reporting.work" in name


class Knock(Event):
    pass


async def test_subscriptions_and_gauges_end_with_the_object_that_made_them() -> None:
    clock = ControlledClock()
    lives: list[int] = []

    class Listener(Cube):
        async def start(self) -> None:
            lives.append(len(lives))
            number = lives[-1]
            self.subscription = self.events.subscribe(Knock)
            self.meter.create_observable_gauge("life", [lambda options: self._observe(number, options)])

        def _observe(self, number: int, options: CallbackOptions) -> list[Observation]:
            return [Observation(number)]

    async with running({"a": Listener}, clock=clock) as service:
        first = service.instances["a"].living()
        assert isinstance(first, Listener)
        await crash(service, "a")
        await clock.until_asleep()
        with anyio.fail_after(5):
            assert [event async for event in first.subscription] == [], "it has ended"
        measured = service.telemetry.collected()
        assert measured is None or not measured.resource_metrics
        await clock.advance(1)
        measured = service.telemetry.collected()
        assert measured is not None
        (metric,) = measured.resource_metrics[0].scope_metrics[0].metrics
        assert [point.value for point in metric.data.data_points] == [1]  # type: ignore[union-attr]


STEPS = ["__init__", "initialize", "start", "body", "stop", "destroy"]


@pytest.mark.parametrize("how", ["raise", "hang"])
@pytest.mark.parametrize("step", STEPS)
async def test_whatever_happens_in_a_restart_the_others_live_and_the_service_stops(
    step: str, how: str, caplog: pytest.LogCaptureFixture
) -> None:
    """The second object goes wrong in one step; the third is sound."""
    lives: list[int] = []
    caplog.set_level(logging.CRITICAL)

    class Fragile(Cube):
        def __init__(self) -> None:
            lives.append(len(lives))
            self.number = lives[-1]
            if self.number == 1 and step == "__init__" and how == "raise":
                raise ValueError("in __init__")

        async def _reach(self, here: str) -> None:
            if self.number == 1 and step == here:
                if how == "raise":
                    raise ValueError(f"in {here}")
                await anyio.sleep_forever()

        async def initialize(self) -> None:
            await self._reach("initialize")

        async def start(self) -> None:
            await self._reach("start")
            self.tasks.start_soon(self._reach, "body")

        async def stop(self) -> None:
            await self._reach("stop")

        async def destroy(self) -> None:
            await self._reach("destroy")

        @operation
        async def ping(self) -> int:
            return self.number

    class Sound(Cube):
        @operation
        async def ping(self) -> str:
            return "pong"

    settings = {"start_timeout": "30ms", "stop_timeout": "30ms"}
    group = {"default": {"backoff": "1ms..2ms", "max": 20}}
    changed = anyio.Event()

    async def watch(service: Service) -> None:
        with service.bus.subscribe(CubeStateChanged) as changes:
            changed.set()
            async for change in changes:
                if change.after == State.RUNNING:
                    return

    with anyio.fail_after(10):
        async with running({"bad": Part(Fragile, settings=settings), "good": Sound}, supervise=group) as service:
            while (instance := service.instances["bad"]).life is None or not await _is_sound(service):
                async with anyio.create_task_group() as tasks:
                    tasks.start_soon(watch, service)
                    await changed.wait()
                    changed = anyio.Event()
                    await anyio.wait_all_tasks_blocked()  # it may be about to crash by itself
                    if instance.life is not None:
                        await crash(service, "bad")
                assert await service.call("good.ping") == "pong"
    assert lives[-1] >= 2


async def _is_sound(service: Service) -> bool:
    number: int = await service.call("bad.ping")
    return number >= 2


async def test_cancellation_at_every_await_of_a_start_releases_everything() -> None:
    """The service is stopped after each number of steps that a start may take."""

    def counting(stop_after: int, log: list[str]) -> tuple[type[Cube], anyio.Event]:
        reached = anyio.Event()

        class Counting(Cube):
            steps = 0

            async def _step(self) -> None:
                self.steps += 1
                if self.steps == stop_after:
                    reached.set()
                    await anyio.sleep_forever()
                await anyio.lowlevel.checkpoint()

            @asynccontextmanager
            async def _span(self) -> AsyncIterator[None]:
                log.append("acquired")
                try:
                    for _ in range(3):
                        await self._step()
                    async with anyio.create_task_group() as tasks:
                        await self._step()
                        tasks.start_soon(anyio.sleep_forever)
                        yield
                        tasks.cancel_scope.cancel()
                finally:
                    log.append("released")

            lifespan = _span

        return Counting, reached

    for stop_after in range(1, 5):
        log: list[str] = []
        cube, reached = counting(stop_after, log)
        with anyio.fail_after(5):
            async with anyio.create_task_group() as tasks:

                async def run(cube: type[Cube] = cube) -> None:
                    async with running({"a": cube, "b": type("Quiet", (Logged,), {"log_of_lives": []})}):
                        await anyio.sleep_forever()

                tasks.start_soon(run)
                await reached.wait()
                tasks.cancel_scope.cancel()
        assert log == ["acquired", "released"]
