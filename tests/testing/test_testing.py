"""`cubekit.testing` itself."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Protocol

import anyio
import pytest

from cubekit import Cube, CubekitError, contract, operation
from cubekit.testing import ControlledClock, Part, fake, running

pytestmark = pytest.mark.anyio


@contract("test.promise", version="1.0")
class Promise(Protocol):
    async def get(self, key: str) -> int:
        """A number."""
        ...

    def many(self) -> AsyncIterator[int]:
        """Numbers."""
        ...


async def test_a_fake_keeps_its_contract_and_refuses_what_it_was_not_given() -> None:
    async def get(key: str) -> int:
        return len(key)

    async with running({"p": fake(Promise, get=get)}) as service:
        (provider,) = service.providers("test.promise")
        cube = provider.instance.living()
        assert await cube.get("abc") == 3  # type: ignore[attr-defined]
        with pytest.raises(AssertionError, match=r"asked for many\(\)"):
            await anext(cube.many())  # type: ignore[attr-defined]


def test_a_fake_of_no_contract_or_method_is_refused() -> None:
    with pytest.raises(TypeError, match="no contract"):
        fake(int)
    with pytest.raises(TypeError, match="has no nothing; it has get, many"):
        fake(Promise, nothing=print)


async def test_the_clock_wakes_sleepers_in_order() -> None:
    clock = ControlledClock(start=100.0)
    woken: list[int] = []

    async def sleep(seconds: int) -> None:
        await clock.sleep(seconds)
        woken.append(seconds)

    async with anyio.create_task_group() as tasks:
        for seconds in (3, 1, 2):
            tasks.start_soon(sleep, seconds)
        await clock.until_asleep()
        await anyio.wait_all_tasks_blocked()
        await clock.advance(0.5)
        assert woken == []
        await clock.advance(1.5)
        assert sorted(woken) == [1, 2]
        await clock.advance(1)
    assert woken[-1] == 3
    assert (clock.time(), clock.monotonic()) == (103.0, 3.0)


async def test_one_class_may_run_twice_with_its_own_settings() -> None:
    class Named(Cube):
        @operation
        async def who(self) -> str:
            return self.name

    async with running({"a": Named, "b": Part(Named, settings={"path": "bee"})}) as service:
        assert [await service.call("a.who"), await service.call("b.who")] == ["a", "b"]


async def test_a_service_file_with_settings(tmp_path: Path) -> None:
    file = tmp_path / "service.toml"
    file.write_text('[service]\nname = "empty"\n')
    async with running(file, "http.port=9") as service:
        assert service.plan.http.port == 9
    with pytest.raises(CubekitError, match="CK103"):
        async with running(file, "http.prot=9"):
            pass
