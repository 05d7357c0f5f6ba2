"""From start to stop."""

from __future__ import annotations

import asyncio
import gc
import os
import threading
from itertools import count
from pathlib import Path
from typing import Any

import anyio
import pytest

from cubekit.authoring.events import CubeStateChanged
from cubekit.ground.diagnostics import CubekitError
from cubekit.kit.calls import call
from cubekit.kit.mistakes import no_mistakes, waiting_at
from cubekit.kit.steps import Breakpoint, cancelled_life
from cubekit.kit.subjects import Subject
from cubekit.runtime.instances import State
from cubekit.runtime.service import Service
from cubekit.runtime.tickets import asyncio_runs
from cubekit.testing import ControlledClock, crash

_MOST_WAITS = 100
_LIVES = 5
_LONGEST_PAUSE = 60


@pytest.mark.rule("lifecycle")
@pytest.mark.anyio
async def test_it_starts_and_stops_twice(cube: Subject) -> None:
    """The second time finds nothing of the first, and nothing goes on when it has stopped."""
    before = _tasks()
    for _ in range(2):
        async with cube.running() as (service, planned):
            assert service.instances[planned.name].state is State.RUNNING
        assert service.instances[planned.name].state is State.STOPPED
    await anyio.wait_all_tasks_blocked()
    left = {_where(cube, task.get_coro()) for task in _tasks() - before}
    assert not left, f"still runs after the stop: {', '.join(sorted(left))}; begin it with self.tasks.start_soon"


@pytest.mark.rule("configuration")
def test_a_wrong_configuration_is_refused_by_key(cube: Subject) -> None:
    """Neither an unknown key nor a value of the wrong kind gets through, and no validator falls over."""
    with pytest.raises(CubekitError) as refused:
        cube.plan(config={"no_such_key_9": 1})
    assert "no_such_key_9" in str(refused.value)
    bad: list[Any] = [None, [], {}, "\0", "", -1, 10**400, float("nan"), [{}], {"env": 1}, "text" * 1_000]
    for name in cube.descriptor.config_type.model_fields:
        for value in bad:
            codes = _problems(cube, {name: value})
            assert codes <= {"CK103", "CK104", "CK107", "CK108"}, f"{name} = {value!r} is answered with {codes}"


@pytest.mark.rule("cancellation")
@pytest.mark.anyio
async def test_a_life_can_be_cancelled_wherever_it_waits(cube: Subject) -> None:
    """It ends, raises nothing of its own, and the next life is like the first."""
    for at in count(1):
        with anyio.CancelScope() as scope:
            point = Breakpoint(scope, at, cube.package)
            with cancelled_life(cube.descriptor.cube, point):
                async with cube.running():
                    pass
        assert not point.swallowed, point.swallowed[0]
        if not point.reached:
            break
        assert at < _MOST_WAITS, f"its lifecycle waits more than {_MOST_WAITS} times"
    async with cube.running() as (service, planned):
        assert service.instances[planned.name].state is State.RUNNING


@pytest.mark.rule("stop-under-load")
@pytest.mark.anyio
async def test_it_stops_while_it_is_called(cube: Subject) -> None:
    """Every call ends with a result or a failure, and the stop reports nothing."""
    ended = started = 0
    with no_mistakes(cube.package):
        async with anyio.create_task_group() as tasks, cube.running() as (service, planned):

            async def ask(operation: Any, data: Any) -> None:
                nonlocal ended, started
                started += 1
                await call(service, planned, operation, data)
                ended += 1

            for operation in cube.methods:
                for data in cube.inputs(operation, 3):
                    tasks.start_soon(ask, operation, data)
            await anyio.lowlevel.checkpoint()
    assert ended == started


@pytest.mark.rule("health")
@pytest.mark.anyio
async def test_it_is_healthy(cube: Subject) -> None:
    """Alone, and while others ask too."""
    async with cube.running() as (service, planned):
        with no_mistakes(cube.package):
            async with anyio.create_task_group() as tasks:
                for _ in range(5):
                    tasks.start_soon(service.health.check)
        await _check_health(cube, service, planned.name)


@pytest.mark.rule("restart")
@pytest.mark.anyio
async def test_it_starts_again_after_a_crash(cube: Subject) -> None:
    """The new object is healthy and answers."""
    clock = ControlledClock()
    async with cube.running(clock, crashes=1) as (service, planned):
        with service.bus.subscribe(CubeStateChanged) as changes:
            await crash(service, planned.name)
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(_let_time_pass, clock)
                async for change in changes:
                    if change.instance == planned.name and change.after == State.RUNNING:
                        break
                tasks.cancel_scope.cancel()
        await _check_health(cube, service, planned.name)
        for operation in cube.methods:
            for data in cube.inputs(operation, 1):
                with no_mistakes(cube.package, data):
                    await call(service, planned, operation, data)


@pytest.mark.rule("no-leaks")
def test_further_lives_leave_nothing_behind(cube: Subject) -> None:
    """No object of the cube, no thread, no open file."""
    backend = cube.descriptor.cube.backends[0]
    anyio.run(_live, cube, backend=backend)
    before = _left_behind(cube)
    for _ in range(_LIVES):
        anyio.run(_live, cube, backend=backend)
    after = _left_behind(cube)
    grown = {what: f"{before[what]} → {after[what]}" for what in before if after[what] > before[what]}
    assert not grown, f"left behind by {_LIVES} lives: {grown}"


@pytest.mark.rule("side-by-side")
@pytest.mark.anyio
async def test_two_instances_run_in_one_service(cube: Subject) -> None:
    """Both are healthy, and what is asked of one leaves no trace in the other; an exclusive cube need not."""
    if cube.descriptor.cube.exclusive:
        return
    async with cube.running(also="kit-second") as (service, planned):
        await _check_health(cube, service, planned.name, "kit-second")
        for operation in cube.methods:
            for data in cube.inputs(operation, 1):
                await call(service, planned, operation, data)
    shared = cube.changed_in_class()
    assert not shared, f"both instances share {', '.join(shared)}, which belongs to the class: make it in __init__"


def _tasks() -> set[asyncio.Task[Any]]:
    """The tasks of the event loop; trio has none that nobody waits for."""
    return asyncio.all_tasks() if asyncio_runs() else set()


def _where(cube: Subject, work: Any) -> str:
    return waiting_at(cube.package, work) or work.__qualname__


async def _check_health(cube: Subject, service: Service, *names: str) -> None:
    with no_mistakes(cube.package):
        found = await service.health.check(*names)
    for name, said in found.items():
        assert said.status == "pass", f"the health of {name} is {said.status}: {said.output}"


async def _let_time_pass(clock: ControlledClock) -> None:
    while True:
        await clock.until_asleep()
        await clock.advance(_LONGEST_PAUSE)


def _problems(cube: Subject, config: dict[str, Any]) -> set[str]:
    try:
        cube.plan(config)
    except CubekitError as error:
        return {diagnostic.code for diagnostic in error.diagnostics}
    return set()


async def _live(cube: Subject) -> None:
    async with cube.running() as (service, planned):
        for operation in cube.methods:
            for data in cube.inputs(operation, 1):
                await call(service, planned, operation, data)


def _left_behind(cube: Subject) -> dict[str, int]:
    gc.collect()
    kind = cube.descriptor.cube
    descriptors = Path("/proc/self/fd")
    return {
        "objects": sum(type(found) is kind for found in gc.get_objects()),
        "threads": threading.active_count(),
        "files": len(os.listdir(descriptors)) if descriptors.exists() else 0,
    }
