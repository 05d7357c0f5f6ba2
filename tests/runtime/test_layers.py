"""The generated function against the same layers written naively, one around the other; and each layer by itself."""

from __future__ import annotations

import linecache
import math
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import aclosing, nullcontext
from time import monotonic
from typing import Annotated, Any, Protocol

import anyio
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cubekit import (
    Cache,
    CallContext,
    Caller,
    Cube,
    DeadlineExceeded,
    Failure,
    Internal,
    NotFound,
    Overloaded,
    Unauthenticated,
    Unavailable,
    contract,
    operation,
)
from cubekit.composition.plugins import Next
from cubekit.ground.colours import Colour
from cubekit.runtime.dispatch import retries
from cubekit.runtime.dispatch.source import Layers, write_call
from cubekit.testing import ControlledClock, Part, crash, hanging, running

Answer = Callable[[], Awaitable[int]]

OUTCOMES = {
    "ok": None,
    "domain": NotFound("no such thing"),
    "unavailable": Unavailable("not now"),
    "connection": ConnectionResetError("gone"),
    "mistake": ValueError("a mistake"),
}
BREAKER = {"failures": 2, "pause": "10s"}
RETRY = {"attempts": 2, "budget": 0.1}


class Script:
    """What the operation does, call by call."""

    def __init__(self, outcomes: list[str]) -> None:
        self._outcomes = iter(outcomes)
        self.invoked = 0

    async def __call__(self) -> int:
        self.invoked += 1
        outcome = next(self._outcomes, "ok")
        if outcome == "suspend":
            await anyio.lowlevel.checkpoint()
        elif (error := OUTCOMES[outcome]) is not None:
            raise error
        return self.invoked


class Naive:
    """The layers as anybody would write them: one function around the other."""

    def __init__(self, script: Answer, options: Mapping[str, bool], clock: ControlledClock) -> None:
        self._options = options
        self._clock = clock
        self._script = script
        self._kept: dict[Any, tuple[int, float]] = {}
        self._in_a_row = 0
        self._closed_until = -math.inf
        self._budget = 10.0
        self.outcomes: Counter[str] = Counter()

    async def call(self, context: CallContext, key: int) -> int:
        layer = self._script
        for wanted, around in (
            (self._options["breaker"], self._with_breaker),
            (self._options["retry"], self._with_retries),
            (self._options["cache"], lambda inner: self._with_cache(inner, context, key)),
            (True, lambda inner: self._within_deadline(inner, context)),
            (self._options["scope"], lambda inner: self._with_scope(inner, context)),
            (True, self._counted),
        ):
            if wanted:
                layer = around(layer)
        return await layer()

    def _counted(self, inner: Answer) -> Answer:
        async def call() -> int:
            try:
                value = await inner()
            except Failure as failure:
                self.outcomes[failure.code] += 1
                raise
            except Exception as error:
                self.outcomes["INTERNAL"] += 1
                raise Internal() from error
            self.outcomes["OK"] += 1
            return value

        return call

    def _with_scope(self, inner: Answer, context: CallContext) -> Answer:
        async def call() -> int:
            if "scope" not in context.caller.scopes:
                raise Unauthenticated()
            return await inner()

        return call

    def _within_deadline(self, inner: Answer, context: CallContext) -> Answer:
        async def call() -> int:
            if context.deadline is not None and context.deadline <= monotonic():
                raise DeadlineExceeded()
            with anyio.fail_after(5):
                return await inner()

        return call

    def _with_cache(self, inner: Answer, context: CallContext, key: int) -> Answer:
        async def call() -> int:
            where = (key, context.caller)
            if where in self._kept and self._kept[where][1] > self._clock.monotonic():
                return self._kept[where][0]
            value = await inner()
            self._kept[where] = (value, self._clock.monotonic() + 60)
            return value

        return call

    def _with_retries(self, inner: Answer) -> Answer:
        async def call() -> int:
            self._budget = min(10.0, self._budget + 0.1)
            for attempt in range(3):
                try:
                    return await inner()
                except (Unavailable, ConnectionError) as error:
                    if attempt == 2 or self._budget < 1 or getattr(error, "retry_after", None):
                        raise
                    self._budget -= 1
            raise AssertionError("not reached")

        return call

    def _with_breaker(self, inner: Answer) -> Answer:
        async def call() -> int:
            half_open = self._in_a_row >= 2
            if half_open and self._clock.monotonic() < self._closed_until:
                raise Unavailable(retry_after=self._closed_until - self._clock.monotonic())
            try:
                value = await inner()
            except NotFound:
                self._in_a_row = 0
                raise
            except Exception:
                self._in_a_row += 1
                if self._in_a_row >= 2:
                    self._closed_until = self._clock.monotonic() + 10
                raise
            self._in_a_row = 0
            return value

        return call


def make_cube(script: Answer, options: Mapping[str, bool]) -> type[Cube]:
    class Scripted(Cube):
        @operation(
            scope="scope" if options["scope"] else None,
            cache=Cache("60s") if options["cache"] else None,
            idempotent=True,
            timeout=5,
        )
        async def act(self, key: int) -> int:
            return await script()

    return Scripted


CALLS = st.lists(
    st.tuples(
        st.sampled_from([0, 0, 0, 5, 11, 70]),  # seconds that pass before
        st.booleans(),  # whether the caller has the scope
        st.sampled_from([False, False, False, True]),  # whether the deadline has passed
        st.integers(0, 1),  # the argument
    ),
    min_size=1,
    max_size=12,
)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    options=st.fixed_dictionaries({name: st.booleans() for name in ("scope", "cache", "breaker", "retry")}),
    outcomes=st.lists(st.sampled_from(["suspend", *OUTCOMES]), max_size=20),
    calls=CALLS,
)
@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_the_function_behaves_as_naive_layers_do(
    backend: str,
    options: dict[str, bool],
    outcomes: list[str],
    calls: list[tuple[int, bool, bool, int]],
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(retries, "_FIRST_PAUSE", 0.0)
    caplog.set_level("CRITICAL")

    async def said(call: Awaitable[int]) -> object:
        try:
            return await call
        except Failure as failure:
            return type(failure)

    async def compare() -> None:
        clock = ControlledClock()
        script, naive_script = Script(outcomes), Script(outcomes)
        naive = Naive(naive_script, options, clock)
        more: dict[str, object] = {"breaker": BREAKER} if options["breaker"] else {}
        more |= {"retry": RETRY} if options["retry"] else {}
        parts = {
            "s": Part(make_cube(script, options), settings=more),
            "guard": Part(type("Guard", (Cube,), {}), colour=Colour.SECURITY),
        }
        async with running(parts, clock=clock) as service:
            endpoint = service.endpoints["s.act"]
            for seconds, scoped, late, key in calls:
                await clock.advance(seconds)
                caller = Caller(None, frozenset({"scope"} if scoped else ()))
                context = CallContext(caller=caller, deadline=monotonic() - 1 if late else None)
                expected = await said(naive.call(context, key))
                assert await said(endpoint.call(context, {"key": key})) == expected
                assert script.invoked == naive_script.invoked
            assert endpoint.metrics.outcomes == naive.outcomes
            assert endpoint.metrics.duration.count == len(calls)
            assert endpoint.metrics.in_flight == 0

    anyio.run(compare, backend=backend)


def test_the_function_holds_only_what_is_asked_for() -> None:
    bare = write_call(Layers(method="act", suspends=False, sampling=False))
    for word in ("breaker", "retries", "cache", "rate", "admission", "ticket", "lacks", "sampled", "encode"):
        assert word not in bare
    compile(bare, "<bare>", "exec")
    everything = Layers(
        method="act", scope="s", timeout=1.0, rate=True, queue=3, cache=True, breaker=True, retries=True, encoded=True
    )
    compile(write_call(everything), "<everything>", "exec")


@pytest.mark.anyio
async def test_a_breaker_opens_tries_and_closes() -> None:
    clock = ControlledClock()
    failing = True

    class Flaky(Cube):
        calls = 0

        @operation
        async def act(self) -> int:
            self.calls += 1
            if failing:
                raise ConnectionError("down")
            return self.calls

    part = Part(Flaky, settings={"breaker": {"failures": 2, "pause": "5s"}})
    async with running({"a": part}, clock=clock) as service:
        for _ in range(2):
            with pytest.raises(Internal):
                await service.call("a.act")
        with pytest.raises(Unavailable) as refused:
            await service.call("a.act")
        assert refused.value.retry_after == 5
        await clock.advance(5)
        with pytest.raises(Internal):
            await service.call("a.act")  # the one that tries
        with pytest.raises(Unavailable):
            await service.call("a.act")
        await clock.advance(5)
        failing = False
        assert await service.call("a.act") == 4
        assert await service.call("a.act") == 5


@pytest.mark.anyio
async def test_one_call_at_a_time_tries_an_open_breaker() -> None:
    clock = ControlledClock()
    waiting = anyio.Event()
    release = anyio.Event()

    class Flaky(Cube):
        calls = 0

        @operation
        async def act(self) -> int:
            self.calls += 1
            if self.calls == 1:
                raise ConnectionError("down")
            waiting.set()
            await release.wait()
            return self.calls

    part = Part(Flaky, settings={"breaker": {"failures": 1, "pause": "5s"}})
    async with running({"a": part}, clock=clock) as service:
        with pytest.raises(Internal):
            await service.call("a.act")
        await clock.advance(5)
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(service.endpoints["a.act"].call, CallContext(), {})
            await waiting.wait()
            with pytest.raises(Unavailable):
                await service.call("a.act")
            tasks.cancel_scope.cancel()
        release.set()
        assert await service.call("a.act") == 3, "a cancelled try leaves the next one its turn"


@pytest.mark.anyio
async def test_retries_only_repeat_what_may_be_repeated_and_keep_a_budget(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retries, "_FIRST_PAUSE", 0.001)

    class Down(Cube):
        calls = 0

        @operation(idempotent=True)
        async def read(self) -> None:
            self.calls += 1
            raise Unavailable()

        @operation
        async def write(self) -> None:
            self.calls += 1
            raise Unavailable()

    async with running({"a": Part(Down, settings={"retry": {"attempts": 3, "budget": 0.1}})}) as service:
        cube = service.instances["a"].living()
        assert isinstance(cube, Down)
        with pytest.raises(Unavailable):
            await service.call("a.write")
        assert cube.calls == 1
        with pytest.raises(Unavailable):
            await service.call("a.read")
        assert cube.calls == 1 + 4
        for _ in range(100):
            with pytest.raises(Unavailable):
                await service.call("a.read")
        metrics = service.endpoints["a.read"].metrics
        assert metrics.retries == cube.calls - 1 - 101
        assert metrics.retries <= 10 + 0.1 * 101, "the reserve, and a tenth of the calls"
        context = CallContext(deadline=monotonic() + 0.0005)
        before = cube.calls
        with pytest.raises((Unavailable, DeadlineExceeded)):
            await service.call("a.read", context)
        assert cube.calls <= before + 1, "no try that could not end in time"


@pytest.mark.anyio
async def test_retries_wait_as_long_as_they_are_told_or_give_way(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retries, "_FIRST_PAUSE", 0.001)

    class Telling(Cube):
        tries: list[float]

        @operation(idempotent=True)
        async def read(self, wait: float) -> None:
            self.tries.append(monotonic())
            if len(self.tries) == 1:
                raise Unavailable(retry_after=wait)

        @operation(idempotent=True)
        async def fail(self) -> None:
            raise ConnectionError("down")

    tries: list[float] = []
    cube = type("Noted", (Telling,), {"tries": tries})
    retrying = {"retry": {"attempts": 4}}
    async with running({"a": Part(cube, settings=retrying)}) as service:
        await service.call("a.read", wait=0.05)
        assert len(tries) == 2
        assert tries[1] - tries[0] >= 0.05
        tries.clear()
        with pytest.raises(Unavailable):
            await service.call("a.read", wait=3)
        assert len(tries) == 1
        tries.clear()
        with pytest.raises(Unavailable):
            await service.call("a.read", CallContext(deadline=monotonic() + 0.5), wait=1)
        assert len(tries) == 1, "no try that could not end in time"
    breaking = {"breaker": {"failures": 1, "pause": "60s"}}
    async with running({"a": Part(cube, settings={**retrying, **breaking})}) as service:
        with pytest.raises(Unavailable):
            await service.call("a.fail")
        assert service.endpoints["a.fail"].metrics.retries == 1, "the breaker has opened"
        with pytest.raises(Unavailable):
            await service.call("a.fail")
        assert service.endpoints["a.fail"].metrics.retries == 1


@pytest.mark.anyio
async def test_retries_wait_for_a_cube_that_restarts() -> None:
    # One is enough, unless the machine is so busy that the cube is not back in time.
    parts = {"a": Part(oracle("a"), settings={"retry": {"attempts": 10}})}
    async with running(parts, supervise={"default": {"backoff": "120ms..120ms"}}) as service:
        await crash(service, "a")
        assert await service.call("a.ask") == "a on a"


@pytest.mark.anyio
async def test_the_same_question_is_computed_once() -> None:
    release = anyio.Event()

    class Slow(Cube):
        calls = 0

        @operation(cache=Cache("1h"))
        async def think(self, about: str) -> int:
            self.calls += 1
            mine = self.calls
            await release.wait()
            if about == "nonsense":
                raise NotFound()
            return mine

    async with running({"a": Slow}) as service:
        answers: list[object] = []

        async def ask(about: str) -> None:
            try:
                answers.append(await service.call("a.think", about=about))
            except NotFound as failure:
                answers.append(type(failure))

        async with anyio.create_task_group() as tasks:
            for about in ("x", "x", "x", "nonsense", "nonsense"):
                tasks.start_soon(ask, about)
            await anyio.wait_all_tasks_blocked()
            release.set()
        assert sorted(Counter(answers).values()) == [2, 3]
        assert answers.count(NotFound) == 2
        cube = service.instances["a"].living()
        assert isinstance(cube, Slow)
        assert cube.calls == 2


class Peculiar(Failure):
    """Cannot be made from its message."""

    def __init__(self, *, number: int) -> None:
        super().__init__("number {number}", number=number)


@pytest.mark.anyio
@pytest.mark.parametrize("error", [Peculiar(number=7), ConnectionResetError(104, "gone")])
async def test_everyone_who_waits_for_a_failure_has_one_of_its_own(error: Exception) -> None:
    release = anyio.Event()

    class Slow(Cube):
        @operation(cache=Cache("1h"))
        async def think(self) -> None:
            await release.wait()
            raise error

    failures: list[Failure] = []

    async def ask(service: Any) -> None:
        try:
            await service.call("a.think")
        except Failure as failure:
            failures.append(failure)

    async with running({"a": Slow}) as service, anyio.create_task_group() as tasks:
        for _ in range(3):
            tasks.start_soon(ask, service)
        await anyio.wait_all_tasks_blocked()
        release.set()
    told = [failure.__cause__ if isinstance(failure, Internal) else failure for failure in failures]
    assert len({id(one) for one in told}) == 3
    assert {(type(one), str(one)) for one in told} == {(type(error), str(error))}


@pytest.mark.anyio
async def test_if_the_one_who_computes_is_cancelled_another_takes_over() -> None:
    release = anyio.Event()

    class Slow(Cube):
        calls = 0

        @operation(cache=Cache("1h"))
        async def think(self) -> int:
            self.calls += 1
            await release.wait()
            return self.calls

    async with running({"a": Slow}) as service:
        answers: list[int] = []

        async def ask() -> None:
            answers.append(await service.call("a.think"))

        async with anyio.create_task_group() as tasks:
            async with anyio.create_task_group() as first:
                first.start_soon(ask)
                await anyio.wait_all_tasks_blocked()
                tasks.start_soon(ask)
                await anyio.wait_all_tasks_blocked()
                first.cancel_scope.cancel()
            await anyio.wait_all_tasks_blocked()
            release.set()
        assert answers == [2]


@pytest.mark.anyio
async def test_the_least_important_are_refused_first() -> None:
    class Busy(Cube):
        @operation
        async def act(self) -> str:
            return "done"

        @operation
        async def wait(self) -> None:
            await anyio.sleep_forever()

    def said(service: Any, priority: int) -> Awaitable[Any]:
        return service.call("a.act", CallContext(priority=priority))  # type: ignore[no-any-return]

    busy = {"a": Part(Busy, settings={"limits": {"queue": 40}})}
    async with running(busy) as service, anyio.create_task_group() as tasks:

        async def fill(until: int) -> None:
            while service.instances["a"].in_flight < until:
                tasks.start_soon(service.endpoints["a.wait"].call, CallContext(priority=1), {})
                await anyio.wait_all_tasks_blocked()

        await fill(29)
        assert await said(service, -1) == "done"
        await fill(30)
        with pytest.raises(Overloaded) as refused:
            await said(service, -1)
        assert refused.value.retry_after == 1
        assert await said(service, 0) == "done"
        await fill(38)
        with pytest.raises(Overloaded):
            await said(service, 0)
        assert await said(service, 1) == "done"
        await fill(40)
        with pytest.raises(Overloaded):
            await said(service, 1)
        tasks.cancel_scope.cancel()


@contract("test.oracle", version="1.0")
class Oracle(Protocol):
    async def ask(self, about: str = ...) -> str:
        """Answer."""
        ...

    async def tell(self) -> str:
        """Answer, once."""
        ...


class Asker(Cube):
    oracle: Annotated[Oracle, ">=1,<2"]

    @operation
    async def ask(self) -> str:
        return await self.oracle.ask()

    @operation
    async def tell(self) -> str:
        return await self.oracle.tell()


def oracle(name: str) -> type[Cube]:
    class Speaking(Cube, Oracle, implements="test.oracle@1.0"):
        @operation(idempotent=True)
        async def ask(self, about: str = name) -> str:
            await anyio.lowlevel.checkpoint()
            return f"{name} on {about}"

        @operation
        async def tell(self) -> str:
            await anyio.lowlevel.checkpoint()
            return name

    return Speaking


@pytest.mark.anyio
async def test_calls_fail_over_along_the_binding() -> None:
    parts: dict[str, Part | type[Cube]] = {
        "first": Part(oracle("first"), settings={"breaker": {"failures": 1, "pause": "5s"}}),
        "second": oracle("second"),
        "asker": Part(Asker, settings={"bind": {"oracle": ["first", "second"]}}),
    }
    clock = ControlledClock()
    async with running(parts, clock=clock) as service:
        answers: list[str] = []

        async def ask() -> None:
            answers.append(await service.call("asker.ask"))

        async def expect_unavailable() -> None:
            with pytest.raises(Unavailable):
                await service.call("asker.tell")

        await ask()
        with hanging(service, "first.ask"), hanging(service, "first.tell"):
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(ask)
                tasks.start_soon(expect_unavailable)  # it had begun, and may not be repeated
                await anyio.wait_all_tasks_blocked()
                await crash(service, "first")
        await ask()
        assert answers == ["first on first", "second on second", "second on second"]
        await clock.advance(1)
        assert await service.call("asker.tell") == "second", "its breaker has opened"
        await clock.advance(5)
        assert await service.call("asker.tell") == "first"


@contract("test.ticker", version="1.0")
class Ticker(Protocol):
    def tick(self) -> AsyncIterator[int]:
        """Numbers."""
        ...


class Ticking(Cube, Ticker, implements="test.ticker@1.0"):
    """Gives up after so many numbers, until it is told to go on."""

    gives_up_after = -1

    @operation(idempotent=True)
    async def tick(self) -> AsyncIterator[int]:
        for number in range(3):
            if number == self.gives_up_after:
                raise Unavailable
            yield number


class Listener(Cube):
    ticker: Annotated[Ticker, ">=1,<2"]

    @operation
    async def listen(self) -> AsyncIterator[int]:
        async for number in self.ticker.tick():
            yield number


@pytest.mark.anyio
@pytest.mark.parametrize(("after", "heard", "fails"), [(0, [0, 1, 2], False), (1, [0], True)])
async def test_a_stream_fails_over_before_its_first_item(after: int, heard: list[int], fails: bool) -> None:
    class Tired(Ticking):
        gives_up_after = after

    parts: dict[str, Part | type[Cube]] = {
        "first": Part(Tired),
        "second": Ticking,
        "listener": Part(Listener, settings={"bind": {"ticker": ["first", "second"]}}),
    }
    async with running(parts) as service:
        found: list[int] = []
        with pytest.raises(Unavailable) if fails else nullcontext():
            async with aclosing(service.stream("listener.listen")) as numbers:
                async for number in numbers:
                    found.append(number)  # noqa: PERF401 - what came before a failure counts
        assert found == heard


@pytest.mark.anyio
async def test_tracebacks_show_the_lines_of_the_function_that_ran() -> None:
    async def layer(context: CallContext, arguments: Mapping[str, Any], call_next: Next) -> Any:
        return await call_next(context, arguments)

    async with running({"a": oracle("a")}) as service:
        endpoint = service.endpoints["a.ask"]
        functions: dict[str, Any] = {
            "life.cube.ask(": endpoint.compiled(),
            "encode(value)": endpoint.compiled(str.encode),
            "chain(life": endpoint.wrapped(layer).compiled(),
        }
        for _ in range(2):
            for line, function in functions.items():
                lines = "".join(linecache.getlines(function.__code__.co_filename))
                assert line in lines
                assert ("encode" in lines) == (line == "encode(value)")
                compile(lines, "<lines>", "exec")
