"""The one call path: context, scope, deadline, cache, rate, queue, streams, counting."""

from __future__ import annotations

import math
from collections.abc import AsyncIterator, Mapping
from typing import Annotated, Any, Protocol

import anyio
import pytest

from cubekit import (
    Cache,
    CallContext,
    Caller,
    Cube,
    DeadlineExceeded,
    Event,
    Internal,
    Model,
    NotFound,
    Overloaded,
    PermissionDenied,
    RateLimited,
    Unauthenticated,
    Unavailable,
    contract,
    current_call,
    hookimpl,
    operation,
)
from cubekit.composition.plugins import Middleware, Next
from cubekit.ground.colours import Colour
from cubekit.runtime.instances import State
from cubekit.runtime.service import Service
from cubekit.testing import ControlledClock, Part, compose_parts, crash, failing, fake, hanging, running, slow

pytestmark = pytest.mark.anyio


class Changed(Event):
    pass


@contract("test.numbers", version="1.1")
class Numbers(Protocol):
    async def double(self, number: int) -> int:
        """Twice the number."""
        ...

    def count(self, to: int = 3) -> AsyncIterator[int]:
        """Numbers from 0."""
        ...


class Frozen(Model):
    numbers: tuple[int, ...]


class Guard(Cube):
    """A security cube, so that scopes may be asked for."""


class Provider(Cube, Numbers, implements="test.numbers@1.1"):
    calls = 0

    @operation
    async def double(self, number: int) -> int:
        self.calls += 1
        return 2 * number

    @operation
    async def count(self, to: int = 3) -> AsyncIterator[int]:
        for number in range(to):
            yield number

    @operation(cache=Cache("1h", invalidated_by=(Changed,), size=2))
    async def remembered(self, key: str) -> int:
        self.calls += 1
        return self.calls

    @operation(cache=Cache("1h"))
    async def lists(self) -> list[list[int]]:
        return [[1]]

    @operation(cache=Cache("1h"))
    async def frozen(self) -> Frozen:
        return Frozen(numbers=(1,))

    @operation(rate="2/10s")
    async def limited(self) -> None:
        pass

    @operation(scope="numbers:secret")
    async def secret(self) -> str | None:
        return current_call().caller.principal

    @operation(timeout="20ms")
    async def endless(self) -> None:
        await anyio.sleep_forever()

    @operation(idle="20ms")
    async def stalls(self) -> AsyncIterator[int]:
        yield 1
        await anyio.sleep_forever()

    @operation(timeout="20ms")
    async def endless_stream(self) -> AsyncIterator[int]:
        while True:
            yield 1
            await anyio.sleep(0.001)


class Consumer(Cube):
    numbers: Annotated[Numbers, ">=1,<2"]

    @operation(timeout="10s")
    async def quadruple(self, number: int) -> int:
        return await self.numbers.double(await self.numbers.double(number=number))

    @operation
    async def listed(self) -> list[int]:
        return [number async for number in self.numbers.count(to=2)]


PARTS: Mapping[str, Part | type[Cube]] = {
    "p": Provider,
    "c": Consumer,
    "guard": Part(Guard, colour=Colour.SECURITY),
}


async def test_cubes_call_each_other_through_proxies() -> None:
    async with running(PARTS) as service:
        assert await service.call("c.quadruple", number=3) == 12
        assert await service.call("c.listed") == [0, 1]
        assert service.endpoints["p.double"].metrics.outcomes == {"OK": 2}


async def test_a_nested_call_inherits_the_context() -> None:
    seen: list[CallContext] = []

    async def double(number: int) -> int:
        seen.append(current_call())
        return number

    context = CallContext(caller=Caller("ada", frozenset({"x"})), locale="ko", idempotency_key="k")
    async with running({"p": fake(Numbers, double=double), "c": Consumer}) as service:
        await service.call("c.quadruple", context, number=1)
    assert {one.trace_id for one in seen} == {context.trace_id}
    assert {(one.caller, one.locale, one.idempotency_key) for one in seen} == {(context.caller, "ko", "k")}
    assert all(one.deadline is not None for one in seen), "the outer operation's deadline is passed on"


async def test_outside_of_a_call_there_is_no_context() -> None:
    with pytest.raises(RuntimeError, match="no call is being answered"):
        current_call()


async def test_scopes() -> None:
    async with running(PARTS) as service:
        with pytest.raises(Unauthenticated):
            await service.call("p.secret")
        with pytest.raises(PermissionDenied, match="numbers:secret"):
            await service.call("p.secret", CallContext(caller=Caller("ada")))
        caller = Caller("ada", frozenset({"numbers:secret"}))
        assert await service.call("p.secret", CallContext(caller=caller)) == "ada"
        assert service.endpoints["p.secret"].metrics.outcomes == {"AUTHENTICATION": 1, "PERMISSION": 1, "OK": 1}


async def test_deadlines() -> None:
    async with running(PARTS) as service:
        with pytest.raises(DeadlineExceeded):
            await service.call("p.endless")
        past = CallContext(deadline=-math.inf)
        with pytest.raises(DeadlineExceeded):
            await service.call("c.quadruple", past, number=1)
        assert service.instances["p"].in_flight == 0


async def test_limits_of_an_instance() -> None:
    parts = {"p": Part(Provider, settings={"limits": {"queue": 1, "deadline": "20ms"}}), "guard": PARTS["guard"]}
    async with running(parts) as service:
        with hanging(service, "p.double") as reached:
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(_expect_timeout, service)
                await reached.wait()
                with pytest.raises(Overloaded) as refused:
                    await service.call("p.double", number=1)
                assert refused.value.retry_after == 1
        assert await service.call("p.double", number=1) == 2


async def _expect_timeout(service: Service) -> None:
    with pytest.raises(DeadlineExceeded):
        await service.call("p.double", number=1)


async def test_results_are_remembered_until_they_age_or_an_event_says_so() -> None:
    clock = ControlledClock()
    async with running(PARTS, clock=clock) as service:

        async def ask(key: str = "a", context: CallContext | None = None) -> int:
            value: int = await service.call("p.remembered", context, key=key)
            return value

        assert (await ask(), await ask()) == (1, 1)
        assert service.endpoints["p.remembered"].metrics.cache_hits == 1
        assert await ask(context=CallContext(caller=Caller("ada"))) == 2, "another caller has results of its own"
        await clock.advance(3601)
        assert await ask() == 3
        service.bus.publish(Changed())
        assert await ask() == 4
        assert [await ask("b"), await ask("c"), await ask("a")] == [5, 6, 7], "the least recently used one is forgotten"


async def test_rates_are_per_caller_and_refill() -> None:
    clock = ControlledClock()
    async with running(PARTS, clock=clock) as service:
        ada = CallContext(caller=Caller("ada"))
        for _ in range(2):
            await service.call("p.limited", ada)
        with pytest.raises(RateLimited) as refused:
            await service.call("p.limited", ada)
        assert refused.value.retry_after == 5
        await service.call("p.limited", CallContext(client="127.0.0.2"))
        await clock.advance(5)
        await service.call("p.limited", ada)
        with pytest.raises(RateLimited):
            await service.call("p.limited", ada)


async def test_an_unexpected_exception_is_logged_and_hidden(caplog: pytest.LogCaptureFixture) -> None:
    context = CallContext()
    async with running(PARTS) as service:
        with failing(service, "p.double", ValueError("password=hunter2")), pytest.raises(Internal) as caught:
            await service.call("p.double", context, number=1)
    assert "hunter2" not in str(caught.value)
    assert "hunter2" in caplog.text
    assert context.trace_id in caplog.text


async def test_a_declared_failure_crosses_cubes_as_it_is() -> None:
    async with running(PARTS) as service:
        with failing(service, "p.double", NotFound("no {n}", n=7)), pytest.raises(NotFound, match="no 7"):
            await service.call("c.quadruple", number=1)


async def test_streams_have_deadlines_for_the_whole_and_between_items() -> None:
    async with running(PARTS) as service:
        items = service.stream("p.stalls")
        assert await anext(items) == 1
        with pytest.raises(DeadlineExceeded):
            await anext(items)
        with pytest.raises(DeadlineExceeded):
            async for item in service.stream("p.endlessStream"):
                assert item == 1
        assert service.instances["p"].in_flight == 0


async def test_a_stream_left_early_is_closed_and_counted() -> None:
    closed = anyio.Event()

    async def count(to: int = 3) -> AsyncIterator[int]:
        try:
            for number in range(10):
                yield number
        finally:
            closed.set()

    async with running({"p": fake(Numbers, count=count), "c": Consumer}) as service:
        endpoint = next(provider.endpoints["count"] for provider in service.providers("test.numbers"))
        items = endpoint.stream(CallContext(), {})
        assert await anext(items) == 0
        await items.aclose()
        assert closed.is_set()
        assert endpoint.metrics.outcomes == {"CANCELLED": 1}
        assert endpoint.metrics.in_flight == 0


async def test_a_cancelled_call_is_counted() -> None:
    async with running(PARTS) as service:
        with hanging(service, "p.double") as reached:
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(lambda: service.call("p.double", number=1))
                await reached.wait()
                tasks.cancel_scope.cancel()
        assert service.endpoints["p.double"].metrics.outcomes == {"CANCELLED": 1}


async def test_fail_over_along_bind() -> None:
    async def double(number: int) -> int:
        return -1

    clock = ControlledClock()
    parts: dict[str, Part | type[Cube]] = {
        "first": Provider,
        "second": fake(Numbers, double=double),
        "c": Part(Consumer, settings={"bind": {"numbers": ["first", "second"]}}),
        "guard": PARTS["guard"],
    }
    async with running(parts, clock=clock) as service:
        assert await service.call("c.quadruple", number=1) == 4
        await crash(service, "first")
        assert await service.call("c.quadruple", number=1) == -1
        await clock.advance(1)
        assert await service.call("c.quadruple", number=1) == 4


async def test_without_a_running_provider_calls_are_refused_at_once() -> None:
    async with running(PARTS, clock=ControlledClock()) as service:
        await crash(service, "p")
        with anyio.fail_after(5), pytest.raises(Unavailable):
            await service.call("c.quadruple", number=1)


async def test_slow_uses_the_services_clock() -> None:
    clock = ControlledClock()
    answers: list[int] = []
    async with running(PARTS, clock=clock) as service:

        async def call() -> None:
            answers.append(await service.call("p.double", number=1))

        with slow(service, "p.double", 60):
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(call)
                await clock.until_asleep()
                assert answers == []
                await clock.advance(60)
    assert answers == [2]


async def test_unknown_operations_are_not_found() -> None:
    async with running(PARTS) as service:
        with pytest.raises(NotFound, match=r"p\.nothing"):
            await service.call("p.nothing")


async def test_plugins_stand_around_calls_in_their_order() -> None:
    order: list[str] = []

    class Plugin:
        def __init__(self, name: str) -> None:
            self.name = name

        @hookimpl
        def cubekit_middleware(self, instance: str, operation: Any) -> Middleware | None:
            if (instance, operation.name) != ("p", "double"):
                return None

            async def around(context: CallContext, arguments: Mapping[str, Any], call_next: Next) -> Any:
                order.append(self.name)
                return await call_next(context, {**arguments, "number": arguments["number"] + 1})

            return around

    plan = compose_parts(PARTS)
    plan.plugins.register("outer", Plugin("outer"))
    plan.plugins.register("inner", Plugin("inner"))
    async with running(plan) as service:
        assert await service.call("p.double", number=1) == 6
    assert order == ["outer", "inner"]


async def test_nobody_changes_what_the_next_caller_gets() -> None:
    async with running(PARTS) as service:
        for _ in range(3):
            value = await service.call("p.lists")
            assert value == [[1]]
            value[0].append(2)
        assert service.endpoints["p.lists"].metrics.cache_hits == 2


async def test_a_result_that_nobody_can_change_is_not_copied() -> None:
    async with running(PARTS) as service:
        assert await service.call("p.frozen") is await service.call("p.frozen")


async def test_a_result_that_cannot_be_encoded_is_a_failure_of_the_call() -> None:
    def refuse(value: object) -> bytes:
        raise TypeError(f"no form for {value!r}")

    async with running(PARTS) as service:
        double = service.endpoint("p.double")
        assert await double.compiled(lambda value: b"%d" % value)(CallContext(), {"number": 1}) == b"2"
        with pytest.raises(Internal):
            await double.compiled(refuse)(CallContext(), {"number": 1})
        assert double.metrics.outcomes == {"OK": 1, "INTERNAL": 1}
        with pytest.raises(Internal):
            await anext(service.endpoint("p.count").stream(CallContext(), {"to": 2}, encode=refuse))
        assert service.instances["p"].in_flight == 0


async def test_a_call_in_its_middleware_finishes_on_the_object_that_it_was_let_in_to() -> None:
    reached, go_on = anyio.Event(), anyio.Event()

    class Waiting:
        @hookimpl
        def cubekit_middleware(self, instance: str, operation: Any) -> Middleware | None:
            async def around(context: CallContext, arguments: Mapping[str, Any], call_next: Next) -> Any:
                reached.set()
                await go_on.wait()
                return await call_next(context, arguments)

            return around

    plan = compose_parts({"p": Provider, "guard": PARTS["guard"]})
    plan.plugins.register("first", Waiting())
    plan.plugins.register("second", Waiting())
    answers: dict[str, object] = {}

    async def call(service: Service) -> None:
        answers["call"] = await service.call("p.double", number=1)

    async def stream(service: Service) -> None:
        answers["stream"] = [item async for item in service.stream("p.count", to=2)]

    async with anyio.create_task_group() as tasks, running(plan) as service:
        tasks.start_soon(call, service)
        tasks.start_soon(stream, service)
        await reached.wait()
        await anyio.wait_all_tasks_blocked()
        service.stop()
        await anyio.wait_all_tasks_blocked()
        assert service.instances["p"].state is State.STOPPING
        go_on.set()
    assert answers == {"call": 2, "stream": [0, 1]}
