"""What becomes of calls when the other service goes away, hangs, comes back or becomes another."""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import anyio
import pytest

from cubekit import CubekitError, Unavailable
from cubekit.runtime.service import Service
from cubekit.testing import Part, running
from tests.remote.serving import far_process, far_service, reader
from tests.remote.words import Dictionary, Word

pytestmark = pytest.mark.anyio


@asynccontextmanager
async def near(url: str, *, local: bool = True, optional: bool = False, **settings: Any) -> AsyncIterator[Service]:
    """A service whose reader asks the far words, and then its own."""
    parts = reader(url, optional=optional, **settings)
    cubes = parts.pop("parts")
    if local:
        cubes["own"] = Part(Dictionary)
        cubes["reader"] = Part(cubes["reader"].cube, settings={"bind": {"words": ["far", "own"]}})
    async with running(cubes, **parts) as service:
        yield service


def own(service: Service) -> Dictionary:
    cube = service.instances["own"].living()
    assert isinstance(cube, Dictionary)
    return cube


def unused_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
        return port


async def until(holds: Callable[[], bool]) -> None:
    with anyio.fail_after(20):
        while not holds():
            await anyio.wait_all_tasks_blocked()


def is_there(service: Service) -> bool:
    cube: Any = service.instances["far"].living()
    return cube._agreement is not None


async def test_calls_of_a_killed_service_fail_over_and_none_hangs() -> None:
    with far_process() as far:
        async with near(far.url) as service:
            own(service).go_on.set()
            answers: list[str] = []

            async def wait() -> None:
                answers.append(await service.call("reader.wait"))

            with anyio.fail_after(10):
                async with anyio.create_task_group() as tasks:
                    for _ in range(20):
                        tasks.start_soon(wait)
                    await anyio.wait_all_tasks_blocked()
                    assert answers == []
                    far.kill()
                # Nothing of this one was done there, so it goes elsewhere though it may not be repeated.
                await service.call("reader.keep", word=Word(text="late"))
            assert answers == ["own"] * 20
            assert [word.text for word in own(service).kept] == ["late"]


async def test_what_may_have_been_done_is_not_repeated() -> None:
    with far_process() as far:
        async with near(far.url) as service:
            cube: Any = service.instances["far"].living()
            cube._agreement.methods["wait"].idempotent = False
            with anyio.fail_after(10):
                async with anyio.create_task_group() as tasks:
                    tasks.start_soon(_expect_unavailable, service, "reader.wait")
                    await anyio.wait_all_tasks_blocked()
                    far.kill()


async def _expect_unavailable(service: Service, operation: str) -> None:
    with pytest.raises(Unavailable):
        await service.call(operation)


async def test_what_a_provider_is_too_old_for_goes_elsewhere() -> None:
    with far_service() as far:
        async with near(far.url) as service:
            cube: Any = service.instances["far"].living()
            del cube._agreement.methods["keep"]
            await service.call("reader.keep", word=Word(text="new"))
            assert [word.text for word in own(service).kept] == ["new"]


async def test_calls_of_a_frozen_service_end() -> None:
    with far_process() as far:
        async with near(far.url, discovery={"timeout": "300ms"}) as service:
            own(service).go_on.set()
            far.freeze()
            with anyio.fail_after(10):
                assert await service.call("reader.wait") == "own"
            health = await service.health.check("far")
            assert health["far"].status == "fail"
            assert "did not answer within 0.3 s" in health["far"].output
            far.thaw()
            await until(lambda: is_there(service))


async def test_a_service_that_is_back_is_called_again() -> None:
    port = unused_port()
    with far_process(port) as first:
        url = first.url
        async with near(url, local=False) as service:
            first.kill()
            with pytest.raises(Unavailable, match='Cube "far" of the service "dictionary" cannot be reached'):
                await service.call("reader.lookUp", word="a")
            with far_process(port):
                await until(lambda: is_there(service))
                assert (await service.call("reader.lookUp", word="a")).text == "a"


async def test_an_optional_cube_may_come_later() -> None:
    port = unused_port()
    async with near(f"http://127.0.0.1:{port}", optional=True) as service:
        assert (await service.call("reader.lookUp", word="a")).text == "a"
        with far_process(port):
            await until(lambda: is_there(service))
            assert (await service.call("reader.lookUp", word="a")).first_seen is not None


async def test_a_required_cube_waits_and_then_says_what_is_missing() -> None:
    url = f"http://127.0.0.1:{unused_port()}"
    with pytest.raises(CubekitError) as caught:
        async with near(url, local=False, discovery={"wait": "200ms"}):
            pass
    (problem,) = caught.value.diagnostics
    assert problem.code == "CK408"
    assert f"service dictionary at {url} does not answer" in problem.message


async def test_a_retry_repeats_what_is_idempotent_there() -> None:
    with far_service() as far:
        async with near(far.url, local=False, retry={"attempts": 1}) as service:
            endpoint = service.providers("test.words")[0].endpoints["look_up"]
            with pytest.raises(Unavailable):
                await service.call("reader.lookUp", word="busy")
            assert endpoint.metrics.retries == 1
