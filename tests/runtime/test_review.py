"""Faults that a review found: each of these went wrong once."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import anyio
import pytest
from pydantic import SecretStr

from cubekit import (
    Cache,
    CallContext,
    Cube,
    CubekitError,
    DeadlineExceeded,
    Event,
    Health,
    Internal,
    NotFound,
    operation,
)
from cubekit.composition.compose import compose_document
from cubekit.composition.documents import Document
from cubekit.discovery import Catalogue
from cubekit.runtime.bus import Bus
from cubekit.testing import http_client, running

pytestmark = pytest.mark.anyio


class Odd(Cube):
    @operation
    async def endless(self) -> AsyncIterator[int]:
        while True:
            yield 1

    @operation
    async def grouped(self) -> None:
        async with anyio.create_task_group():
            raise NotFound("inside a task group")

    @operation
    async def leave(self) -> None:
        raise SystemExit(3)


async def test_a_stream_that_never_suspends_has_a_deadline() -> None:
    async with running({"odd": Odd}) as service:
        context = CallContext(deadline=time.monotonic() + 0.05)
        with pytest.raises(DeadlineExceeded):
            async for item in service.stream("odd.endless", context):
                assert item == 1


async def test_a_failure_out_of_a_task_group_is_the_failure() -> None:
    async with running({"odd": Odd}) as service:
        with pytest.raises(NotFound, match="inside a task group"):
            await service.call("odd.grouped")
        with pytest.raises(Internal):
            await service.call("odd.leave")


@pytest.mark.parametrize("said", [None, Health("fine"), Health(observed={"x": float("nan")})])  # type: ignore[arg-type]
async def test_a_health_that_cannot_be_passed_on_is_a_failed_check(said: Any) -> None:
    class Sick(Cube):
        async def health_check(self) -> Health:
            health: Health = said
            return health

    async with running({"a": Sick}) as service:
        assert (await service.health.check())["a"].status == "fail"


async def test_readiness_counts_a_cube_that_was_left_out() -> None:
    service = {"name": "x"}
    cubes = {"gone": {"use": "not-installed", "optional": True}}
    data = {"service": service, "cubes": cubes, "health": {"readyz": {"include": ["gone"]}}}
    plan = compose_document(Document(Path("test"), data, {}), Catalogue())
    async with running(plan) as running_service, http_client(running_service) as client:
        assert not running_service.ready
        for path in ("/health", "/health/gone"):
            health = (await client.get(path)).json()
            (state,) = health["checks"]["gone:state"]
            assert (health["status"], state["status"], state["observedValue"]) == ("warn", "fail", "degraded")
            assert "not-installed" in state["output"]


def test_messages_do_not_evaluate_what_users_wrote() -> None:
    failure = NotFound("no {name.__class__} in {other}, {name}", name="x")
    assert str(failure) == "no {name.__class__} in {other}, x"


def test_a_binding_to_nobody_is_refused() -> None:
    cubes = {"a": {"use": "odd", "bind": {"numbers": []}}}
    with pytest.raises(CubekitError, match="CK104"):
        compose_document(Document(Path("test"), {"service": {"name": "x"}, "cubes": cubes}, {}), Catalogue())


class Rung(Event):
    pass


async def test_two_tasks_may_share_a_subscription() -> None:
    bus = Bus()
    heard: list[Rung] = []
    subscription = bus.subscribe(Rung)

    async def listen() -> None:
        async for event in subscription:
            heard.append(event)  # noqa: PERF401 - as they arrive

    with anyio.fail_after(5):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(listen)
            tasks.start_soon(listen)
            await anyio.wait_all_tasks_blocked()
            bus.publish(Rung())
            await anyio.wait_all_tasks_blocked()
            bus.publish(Rung())
            subscription.close()
    assert len(heard) == 2


async def test_cached_results_of_different_secrets_are_kept_apart() -> None:
    class Vault(Cube):
        @operation(public=True, cache=Cache("1h"))
        async def owner(self, token: SecretStr) -> str:
            return token.get_secret_value()

    async with running({"v": Vault}) as service:
        for token in ("one", "two", "one"):
            assert await service.call("v.owner", token=SecretStr(token)) == token
        assert service.endpoints["v.owner"].metrics.cache_hits == 1
