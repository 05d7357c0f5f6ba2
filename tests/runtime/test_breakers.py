"""What opens and closes a breaker: what the operation does, each time that it runs, and nothing else."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import aclosing
from time import monotonic

import anyio
import pytest

from cubekit import Cache, CallContext, Cube, DeadlineExceeded, Failure, Internal, NotFound, Unavailable, operation
from cubekit.runtime.dispatch import retries
from cubekit.runtime.dispatch.breaker import Breaker
from cubekit.runtime.service import Service
from cubekit.testing import ControlledClock, Part, running

pytestmark = pytest.mark.anyio


class Doing(Cube):
    """Does what it is told."""

    executed = 0

    def __init__(self) -> None:
        self.gates: dict[str, anyio.Event] = {}

    async def _do(self, how: str) -> str:
        self.executed += 1
        gate = self.gates[how] = anyio.Event()
        if how == "fail":
            raise ValueError("a mistake")
        if how.startswith("wait"):
            await gate.wait()
        if how.endswith("fail"):
            raise ValueError("a mistake")
        if how == "hang":
            await anyio.sleep_forever()
        if how == "domain in group":
            async with anyio.create_task_group():
                raise NotFound("within")
        if how == "unavailable in group" and self.executed == 1:
            async with anyio.create_task_group():
                raise Unavailable("within")
        return how

    @operation(idempotent=True)
    async def act(self, how: str) -> str:
        return await self._do(how)

    @operation(timeout="20ms")
    async def limited(self, how: str) -> str:
        return await self._do(how)

    @operation(public=True, cache=Cache("1h"))
    async def kept(self, how: str) -> str:
        return await self._do(how)

    @operation
    async def items(self, how: str) -> AsyncIterator[str]:
        yield "first"
        if how == "group":
            async with anyio.create_task_group():
                raise NotFound("within")
        yield await self._do(how)

    @operation(timeout="20ms")
    async def endless(self) -> AsyncIterator[int]:
        while True:
            yield 1


def breaking(failures: int, **more: object) -> dict[str, Part]:
    return {"a": Part(Doing, settings={"breaker": {"failures": failures, "pause": "5s"}, **more})}


def breaker(service: Service, name: str) -> Breaker:
    found = service.endpoints[f"a.{name}"].layer_state.breaker
    assert found is not None
    return found


def cube(service: Service) -> Doing:
    found = service.instances["a"].living()
    assert isinstance(found, Doing)
    return found


async def outcome(service: Service, name: str, how: str, context: CallContext | None = None) -> object:
    try:
        return await service.call(f"a.{name}", context, how=how)
    except Failure as failure:
        return type(failure)


@pytest.mark.parametrize("name", ["act", "limited"])
async def test_a_deadline_of_the_callers_own_is_no_failure(name: str) -> None:
    async with running(breaking(1)) as service:
        hurried = CallContext(deadline=monotonic() + 0.005)
        assert await outcome(service, name, "hang", hurried) is DeadlineExceeded
        assert not breaker(service, name).open
        assert await outcome(service, name, "ok") == "ok"


async def test_the_operations_own_deadline_is_a_failure() -> None:
    async with running(breaking(1)) as service:
        patient = CallContext(deadline=monotonic() + 60)
        assert await outcome(service, "limited", "hang", patient) is DeadlineExceeded
        assert breaker(service, "limited").open


async def test_a_hurried_try_leaves_the_next_one_its_turn() -> None:
    clock = ControlledClock()
    async with running(breaking(1), clock=clock) as service:
        assert await outcome(service, "act", "fail") is Internal
        await clock.advance(5)
        assert await outcome(service, "act", "hang", CallContext(deadline=monotonic() + 0.005)) is DeadlineExceeded
        assert await outcome(service, "act", "ok") == "ok"


async def test_what_fails_once_counts_once_however_many_wait_for_it() -> None:
    async with running(breaking(3)) as service, anyio.create_task_group() as tasks:
        for _ in range(5):
            tasks.start_soon(outcome, service, "kept", "wait, then fail")
        await anyio.wait_all_tasks_blocked()
        assert service.endpoints["a.kept"].metrics.in_flight == service.instances["a"].in_flight == 5
        cube(service).gates["wait, then fail"].set()
        await anyio.wait_all_tasks_blocked()
        assert cube(service).executed == breaker(service, "kept").failures == 1
        assert service.endpoints["a.kept"].metrics.outcomes == {"INTERNAL": 5}


async def test_the_haste_of_the_one_who_computes_is_not_shared() -> None:
    async with running(breaking(3)) as service, anyio.create_task_group() as tasks:
        answers: list[object] = []

        async def ask(context: CallContext | None = None) -> None:
            answers.append(await outcome(service, "kept", "wait", context))

        tasks.start_soon(ask, CallContext(deadline=monotonic() + 0.02))
        await anyio.wait_all_tasks_blocked()
        tasks.start_soon(ask)
        with anyio.fail_after(5):
            while cube(service).executed < 2:
                await anyio.lowlevel.checkpoint()
        cube(service).gates["wait"].set()
        await anyio.wait_all_tasks_blocked()
        assert answers == [DeadlineExceeded, "wait"]


@pytest.mark.parametrize("encoded", [False, True])
async def test_who_waits_for_anothers_result_has_a_deadline_too(encoded: bool) -> None:
    async with running(breaking(1)) as service, anyio.create_task_group() as tasks:
        tasks.start_soon(outcome, service, "kept", "wait")
        await anyio.wait_all_tasks_blocked()
        hurried = CallContext(deadline=monotonic() + 0.01)
        endpoint = service.endpoints["a.kept"]
        with pytest.raises(DeadlineExceeded):
            await endpoint.compiled(str.encode if encoded else None)(hurried, {"how": "wait"})
        assert not breaker(service, "kept").open
        tasks.cancel_scope.cancel()


async def test_an_answer_out_of_a_task_group_is_the_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retries, "_FIRST_PAUSE", 0.001)
    async with running(breaking(1, retry={})) as service:
        for _ in range(2):
            assert await outcome(service, "act", "domain in group") is NotFound
            with pytest.raises(NotFound):
                assert [item async for item in service.stream("a.items", how="group")] == []
        assert not breaker(service, "act").open
        assert not breaker(service, "items").open
    async with running({"a": Part(Doing, settings={"retry": {}})}) as service:
        assert await outcome(service, "act", "unavailable in group") == "unavailable in group"
        assert cube(service).executed == 2


async def test_calls_from_before_the_opening_neither_close_it_nor_try() -> None:
    clock = ControlledClock()
    async with running(breaking(1), clock=clock) as service, anyio.create_task_group() as tasks:
        cancelled = anyio.CancelScope()

        async def cancellable() -> None:
            with cancelled:
                await service.call("a.act", how="wait 1")

        tasks.start_soon(cancellable)
        for how in ("wait 2", "wait 3, then fail"):
            tasks.start_soon(outcome, service, "act", how)
        await anyio.wait_all_tasks_blocked()
        assert await outcome(service, "act", "fail") is Internal
        gates = cube(service).gates
        gates["wait 2"].set()
        await anyio.wait_all_tasks_blocked()
        assert breaker(service, "act").open, "an answer to what was asked before says nothing of now"
        await clock.advance(4)
        gates["wait 3, then fail"].set()
        await anyio.wait_all_tasks_blocked()
        await clock.advance(1)
        assert not breaker(service, "act").refuses, "nor does a failure make the pause longer"
        tasks.start_soon(outcome, service, "act", "wait 4")
        await anyio.wait_all_tasks_blocked()
        cancelled.cancel()
        await anyio.wait_all_tasks_blocked()
        assert await outcome(service, "act", "ok") is Unavailable, "the one that tries is still under way"
        gates["wait 4"].set()
        await anyio.wait_all_tasks_blocked()
        assert await outcome(service, "act", "ok") == "ok"


async def test_a_stream_has_succeeded_at_its_end() -> None:
    async with running(breaking(2)) as service:
        for expected in (Internal, Internal, Unavailable):
            with pytest.raises(expected):
                assert [item async for item in service.stream("a.items", how="fail")] == []
        assert cube(service).executed == 2
    async with running(breaking(2)) as service:
        for how in ("fail", "ok", "fail", "ok"):
            try:
                assert [item async for item in service.stream("a.items", how=how)] == ["first", "ok"]
            except Internal:
                assert how == "fail"
        assert not breaker(service, "items").open


async def test_a_stream_that_tries_closes_the_breaker_with_its_first_item() -> None:
    clock = ControlledClock()
    async with running(breaking(1), clock=clock) as service:
        with pytest.raises(Internal):
            assert [item async for item in service.stream("a.items", how="fail")] == []
        await clock.advance(5)
        async with aclosing(service.stream("a.items", how="ok")) as items:
            assert await anext(items) == "first"
            assert not breaker(service, "items").open


async def test_a_slow_reader_is_no_failure_of_a_stream() -> None:
    async with running(breaking(1)) as service:
        with pytest.raises(DeadlineExceeded):
            async for _ in service.stream("a.endless"):
                await anyio.sleep(0.03)
        assert not breaker(service, "endless").open
