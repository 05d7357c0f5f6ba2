"""Restarts of several cubes at once: their order, who takes part, and what does not count as a crash."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Protocol

import anyio
import pytest

from cubekit import Cube, CubekitError, CubeStateChanged, Failure, contract, operation
from cubekit.runtime.instances import State
from cubekit.runtime.service import Service
from cubekit.testing import ControlledClock, Part, crash, running

pytestmark = pytest.mark.anyio


@contract("test.store", version="1.0")
class Store(Protocol):
    async def save(self) -> str:
        """Keep something."""
        ...


class Noting(Cube):
    """Writes down what happens to it; ``stop`` waits for a gate, if there is one."""

    log_of_lives: list[str]
    gates: Mapping[str, anyio.Event] = {}

    def __init__(self) -> None:
        self.log_of_lives.append(f"+{self.name}")

    async def stop(self) -> None:
        if self.name in self.gates:
            await self.gates[self.name].wait()
        await self.finish()

    async def finish(self) -> None:
        """Done when it stops."""

    async def destroy(self) -> None:
        self.log_of_lives.append(f"-{self.name}")


def noting(log: list[str], **gates: anyio.Event) -> dict[str, Part]:
    """``user`` requires ``store``; ``other`` is alone."""

    class Provider(Noting, Store, implements="test.store@1.0"):
        log_of_lives = log

        @operation
        async def save(self) -> str:
            return "saved"

    class User(Noting):
        log_of_lives = log
        store: Annotated[Store, ">=1,<2"]

        async def finish(self) -> None:
            try:
                log.append(await self.store.save())
            except Failure as failure:
                log.append(failure.code)

    class Other(Noting):
        log_of_lives = log

    parts = {"store": Provider, "user": User, "other": Other}
    return {name: Part(type(name.title(), (cube,), {"gates": gates})) for name, cube in parts.items()}


def group(**section: Any) -> dict[str, Any]:
    return {"default": {"strategy": "one_for_all", **section}}


def states(service: Service) -> dict[str, str]:
    return {name: instance.state.value for name, instance in service.instances.items()}


async def reached(service: Service, name: str, state: State) -> None:
    """Wait until an instance is in a state."""
    with anyio.fail_after(5), service.bus.subscribe(CubeStateChanged) as changes:
        while service.instances[name].state is not state:
            await anext(changes)


class FailingToStop(Cube):
    """Goes wrong when it is stopped, in one of two ways."""

    hangs = False

    async def stop(self) -> None:
        if self.hangs:
            await anyio.sleep_forever()
        raise ValueError("cannot stop")


class HangingToStop(FailingToStop):
    hangs = True


@pytest.mark.parametrize("cube", [FailingToStop, HangingToStop])
async def test_a_failed_stop_is_no_crash(cube: type[Cube], caplog: pytest.LogCaptureFixture) -> None:
    clock = ControlledClock()
    parts = {"a": Part(Cube), "bad": Part(cube, settings={"stop_timeout": "30ms"})}
    with pytest.raises(CubekitError, match="CK403"):
        async with running(parts, clock=clock, supervise=group(max=1)) as service:
            await crash(service, "a")
            with anyio.fail_after(5):
                await clock.until_asleep()
            caplog.clear()
            await reached(service, "bad", State.RESTARTING)
            await clock.advance(1)
            assert states(service) == {"a": "running", "bad": "running"}
            assert [instance.restarts for instance in service.instances.values()] == [1, 1]
            assert service.instances["bad"].problem is None
    assert "crashed" not in caplog.text
    if cube is HangingToStop:
        assert '[cubes.bad] stop_timeout = "0.06s"' in caplog.text
        assert "start_timeout" not in caplog.text


async def test_too_many_slow_starts_are_too_many() -> None:
    class Slow(Cube):
        made = 0

        async def start(self) -> None:
            type(self).made += 1
            if self.made > 1:
                await anyio.sleep_forever()

    clock = ControlledClock()
    part = Part(Slow, settings={"optional": True, "start_timeout": "20ms"})
    async with running({"a": part}, clock=clock, supervise=group(max=1)) as service:
        await crash(service, "a")
        await clock.until_asleep()
        await clock.advance(1)
        await reached(service, "a", State.DEGRADED)
        problem = service.instances["a"].problem
        assert problem is not None
        assert problem.code == "CK404"
        assert problem.found == "TimedOut: start() did not finish within 0.02 s"


async def test_who_is_given_up_stops_in_order_and_is_reported_once() -> None:
    log: list[str] = []
    with pytest.raises(CubekitError, match=r'"other" .* crashed too often') as caught:
        async with running(noting(log), supervise=group(max=0)) as service:
            log.clear()
            await crash(service, "other")
            await anyio.sleep_forever()
    assert log == ["-other", "saved", "-user", "-store"]
    (problem,) = caught.value.diagnostics
    assert problem.fix == "mend it, by the tracebacks in the log; or allow more: [supervise.default] max = 1"
    assert set(states(service).values()) == {"failed"}
    assert {instance.problem for instance in service.instances.values()} == set(caught.value.diagnostics)


async def test_the_order_of_ends_holds_over_a_second_crash() -> None:
    log: list[str] = []
    gate = anyio.Event()
    clock = ControlledClock()
    async with running(noting(log, user=gate), clock=clock, supervise=group()) as service:
        log.clear()
        await crash(service, "other")
        await clock.until_asleep()
        await clock.advance(1)
        assert states(service) == {"store": "running", "user": "stopping", "other": "running"}
        await crash(service, "other")
        await clock.until_asleep()
        assert log == ["-other", "+other", "-other"], "the store still waits for its user"
        gate.set()
        await anyio.wait_all_tasks_blocked()
        assert log[3:] == ["saved", "-user", "-store"]
        await clock.advance(2)
        assert set(states(service).values()) == {"running"}


async def test_a_crash_during_the_stop_reaches_nobody_who_has_finished() -> None:
    gate = anyio.Event()
    clock = ControlledClock()

    class Lingering(Cube):
        store: Annotated[Store, ">=1,<2"]

        async def stop(self) -> None:
            await gate.wait()

    parts: dict[str, Part] = {**noting([]), "lingering": Part(Lingering)}
    async with running(parts, clock=clock, supervise=group()) as service:
        service.stop()
        await anyio.wait_all_tasks_blocked()
        stopped = {"store": "running", "user": "stopped", "other": "stopped", "lingering": "stopping"}
        assert states(service) == stopped
        await crash(service, "store")
        await anyio.wait_all_tasks_blocked()
        assert states(service) == {**stopped, "store": "restarting"}
        await clock.advance(1)
        assert states(service) == stopped, "somebody may still need it"
        gate.set()
    assert set(states(service).values()) == {"stopped"}
    assert [instance.restarts for instance in service.instances.values()] == [1, 0, 0, 0]


async def test_nobody_starts_during_the_stop_whom_nobody_needs() -> None:
    log: list[str] = []
    async with running(noting(log), clock=ControlledClock(), supervise=group()) as service:
        await crash(service, "user")
        await anyio.wait_all_tasks_blocked()
        assert set(states(service).values()) == {"restarting"}
        log.clear()
    assert log == []
    assert set(states(service).values()) == {"stopped"}
