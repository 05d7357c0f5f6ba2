"""Checks of cubes: at the same time, within a time, kept for a while, and told apart from those of their providers."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Annotated, Any, Protocol

import anyio
import anyio.lowlevel
import pytest

from cubekit import Cube, CubeHealthChanged, Health, contract, operation
from cubekit.runtime.health import worst
from cubekit.testing import ControlledClock, Part, crash, fake, running

pytestmark = pytest.mark.anyio

QUICK: Mapping[str, Any] = {"timeout": "200ms"}


@contract("test.store", version="1.0")
class Store(Protocol):
    async def get(self) -> int:
        """A number."""
        ...


async def get() -> int:
    return 1


class Moody(Cube):
    """Says what it is told to, and counts how often it was asked."""

    def __init__(self) -> None:
        self.asked = 0
        self.mood = Health()

    async def health_check(self) -> Health:
        self.asked += 1
        await anyio.lowlevel.checkpoint()
        return self.mood


class MoodyStore(Moody, Store, implements="test.store@1.0"):
    async def get(self) -> int:
        return 1


class Hanging(Cube):
    async def health_check(self) -> Health:
        await anyio.sleep_forever()
        raise AssertionError


class Stubborn(Cube):
    def __init__(self) -> None:
        self.asked = 0
        self.go_on = anyio.Event()

    async def health_check(self) -> Health:
        self.asked += 1
        with anyio.CancelScope(shield=True):
            await self.go_on.wait()
        return Health()


class Consumer(Moody):
    store: Annotated[Store, ">=1,<2"]

    @operation
    async def read(self) -> int:
        return await self.store.get()


class Reader(Moody):
    """Requires something of a consumer: the far end of a chain."""

    store: Annotated[Store, ">=1,<2"]


async def test_a_hundred_cubes_of_which_three_hang_answer_within_the_time_box() -> None:
    hang = {"c10", "c50", "c90"}
    parts = {f"c{n}": Hanging if f"c{n}" in hang else Moody for n in range(100)}
    async with running(parts, health=QUICK) as service:
        began = time.monotonic()
        checks = await service.health.check()
        assert time.monotonic() - began < 5, "the time box is 0.2 s; the rest is for a busy machine"
    assert len(checks) == 100
    failing = {name: check.output for name, check in checks.items() if check.status != "pass"}
    assert failing == dict.fromkeys(sorted(hang), "health_check() did not answer within 0.2 s")
    assert worst(checks.values()) == "fail"


async def test_a_check_that_does_not_let_itself_be_cancelled_is_there_once() -> None:
    clock = ControlledClock()
    async with running({"a": Stubborn, "b": Moody}, clock=clock, health=QUICK) as service:
        cube: Any = service.instances["a"].living()
        for _ in range(2):
            assert {name: check.status for name, check in (await service.health.check()).items()} == {
                "a": "fail",
                "b": "pass",
            }
            await clock.advance(10)
        assert cube.asked == 1
        cube.go_on.set()
        await anyio.wait_all_tasks_blocked()
        assert (await service.health.check("a"))["a"].status == "pass", "late, and true"
        await clock.advance(10)
        await service.health.check("a")
        assert cube.asked == 2


async def test_answers_are_kept_and_shared_until_they_are_too_old() -> None:
    clock = ControlledClock()
    async with running({"a": Moody}, clock=clock, health={"max_age": "4s"}) as service:
        cube: Any = service.instances["a"].living()
        async with anyio.create_task_group() as tasks:
            for _ in range(5):
                tasks.start_soon(service.health.check)
        assert cube.asked == 1
        await clock.advance(2.9)  # three quarters of max_age are certain, the rest is jitter
        await service.health.check()
        assert cube.asked == 1
        await clock.advance(1.1)
        await service.health.check()
        assert cube.asked == 2


async def test_who_leaves_does_not_end_the_check_for_the_others() -> None:
    class Slow(Moody):
        async def health_check(self) -> Health:
            await entered.wait()
            return await super().health_check()

    entered = anyio.Event()
    async with running({"a": Slow}) as service:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(service.health.check)
            await anyio.wait_all_tasks_blocked()
            tasks.cancel_scope.cancel()
        entered.set()
        assert (await service.health.check())["a"].status == "pass"
        cube: Any = service.instances["a"].living()
        assert cube.asked == 1


async def test_it_tells_since_when_and_when_it_was_well_and_publishes_changes(
    caplog: pytest.LogCaptureFixture,
) -> None:
    clock = ControlledClock(start=1000.0)
    async with running({"a": Moody}, clock=clock) as service:
        cube: Any = service.instances["a"].living()
        with service.bus.subscribe(CubeHealthChanged) as changes:
            await clock.advance(10)
            first = (await service.health.check())["a"]
            assert (first.status, first.since, first.last_success) == ("pass", 1000.0, 1010.0)
            cube.mood = Health("warn", "nearly full", {"free": 3})
            for passed in (10, 20):
                await clock.advance(10)
                found = (await service.health.check())["a"]
                assert (found.status, found.output, found.observed) == ("warn", "nearly full", {"free": 3})
                assert (found.since, found.last_success) == (1020.0, 1010.0), passed
            cube.mood = Health()
            await clock.advance(10)
            await service.health.check()
        assert [(one.instance, one.before, one.after, one.reason) async for one in changes] == [
            ("a", "pass", "warn", "nearly full"),
            ("a", "warn", "pass", ""),
        ]
    assert 'health of cube "a": warn nearly full' in caplog.text


async def test_a_cube_whose_provider_is_down_names_it_instead_of_failing_itself() -> None:
    clock = ControlledClock()
    parts = {"c": Consumer, "s": MoodyStore}
    async with running(parts, clock=clock) as service:
        consumer: Any = service.instances["c"].living()
        consumer.mood = Health("fail", "cannot read")
        store: Any = service.instances["s"].living()
        store.mood = Health("fail", "disk is full")
        checks = await service.health.check("c")
        assert checks.keys() == {"c"}, "the provider was asked too, but not for"
        assert (checks["c"].status, checks["c"].caused_by) == ("warn", ("s",))
        assert checks["c"].output == 'provider "s" is down: disk is full'

        store.mood = Health()
        await clock.advance(10)
        own = (await service.health.check())["c"]
        assert (own.status, own.output, own.caused_by) == ("fail", "cannot read", ())

        consumer.mood = Health()
        await crash(service, "s")
        await clock.advance(0)
        checks = await service.health.check()
        assert (checks["s"].status, checks["c"].status, checks["c"].caused_by) == ("fail", "warn", ("s",))
        assert checks["s"].output.startswith("restarting: ")
        assert "injected by a test" in checks["c"].output


async def test_a_chain_names_its_root() -> None:
    class Middle(Consumer, Store, implements="test.store@1.0"):
        async def get(self) -> int:
            return await self.store.get()

    parts: dict[str, Part | type[Cube]] = {
        "far": Part(Reader, settings={"bind": {"store": "middle"}}),
        "middle": Part(Middle, settings={"bind": {"store": "near"}}),
        "near": MoodyStore,
    }
    async with running(parts) as service:
        near: Any = service.instances["near"].living()
        near.mood = Health("fail", "gone")
        checks = await service.health.check()
    assert {name: (check.status, check.caused_by) for name, check in checks.items()} == {
        "near": ("fail", ()),
        "middle": ("warn", ("near",)),
        "far": ("warn", ("near",)),
    }
    assert checks["far"].output == 'provider "middle" is down: provider "near" is down: gone'


async def test_a_provider_that_is_down_does_no_harm_while_there_is_another() -> None:
    parts: dict[str, Part | type[Cube]] = {
        "c": Part(Consumer, settings={"bind": {"store": ["first", "second"]}}),
        "first": MoodyStore,
        "second": fake(Store, get=get),
    }
    async with running(parts) as service:
        first: Any = service.instances["first"].living()
        first.mood = Health("fail", "gone")
        checks = await service.health.check()
    assert {name: check.status for name, check in checks.items()} == {"first": "fail", "second": "pass", "c": "pass"}


async def test_readiness_ends_when_draining_begins() -> None:
    async with running({"a": Moody}) as service:
        assert service.ready
        service.draining = True
        assert not service.ready
    async with running({"a": Moody}) as service:
        service.stop()
        assert service.draining
