"""What `self.meter` needs is made in a thread before the first cube starts; who measures nothing has none of it."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import cached_property, wraps
from typing import Any

import pytest
from opentelemetry.metrics import Counter
from opentelemetry.sdk.resources import Resource

from cubekit import Cube, operation
from cubekit.testing import running

_PROBE = """
import sys, threading, anyio
from cubekit import Cube
from cubekit.testing import running

class Quiet(Cube):
    "Measures nothing."

class Counting(Cube):
    "Counts."
    async def start(self):
        self.meter.create_counter("ticks").add(1)

async def main():
    async with running({"quiet": Quiet}):
        print(any(name.startswith("opentelemetry.sdk") for name in sys.modules))
    sys.addaudithook(watch)
    async with running({"counting": Counting}) as service:
        print(service.telemetry.collected() is not None)

def watch(event, arguments):
    if event == "import" and arguments[0] == "opentelemetry.sdk.metrics":
        print("thread" if threading.current_thread() is not threading.main_thread() else "loop")

anyio.run(main)
"""


class Counting(Cube):
    async def start(self) -> None:
        self.meter.create_counter("ticks").add(1)


class Inherited(Counting):
    """Counts as its base does."""


class InAProperty(Cube):
    @property
    def ticks(self) -> Counter:
        return self.meter.create_counter("ticks")

    async def start(self) -> None:
        self.ticks.add(1)


class OnceOnly(Cube):
    @cached_property
    def ticks(self) -> Counter:
        return self.meter.create_counter("ticks")

    async def start(self) -> None:
        self.ticks.add(1)


class InALifespan(Cube):
    @asynccontextmanager
    async def lifespan(self) -> AsyncIterator[None]:
        self.meter.create_counter("ticks").add(1)
        yield


class WithinAFunction(Cube):
    @staticmethod
    def make(cube: Cube) -> Any:
        return lambda: cube.meter.create_counter("ticks")

    async def start(self) -> None:
        self.make(self)().add(1)


class InAnOperation(Cube):
    @operation
    async def tick(self) -> None:
        self.meter.create_counter("ticks").add(1)


@pytest.fixture
def threads(monkeypatch: pytest.MonkeyPatch) -> list[threading.Thread]:
    """Those in which resources were looked for."""
    found: list[threading.Thread] = []
    create = Resource.create

    @wraps(create)
    def note(*arguments: Any) -> Resource:
        found.append(threading.current_thread())
        return create(*arguments)

    monkeypatch.setattr(Resource, "create", note)
    return found


@pytest.mark.anyio
@pytest.mark.parametrize(
    "cube", [Counting, Inherited, InAProperty, OnceOnly, InALifespan, WithinAFunction, InAnOperation]
)
async def test_a_cube_that_speaks_of_a_meter_finds_one_that_was_made_in_a_thread(
    cube: type[Cube], threads: list[threading.Thread]
) -> None:
    async with running({"cube": cube}) as service:
        assert [thread is threading.main_thread() for thread in threads] == [False]
        if cube is InAnOperation:
            await service.call("cube.tick")
        assert service.telemetry.collected() is not None
    assert len(threads) == 1


@pytest.mark.anyio
async def test_a_meter_that_nobody_could_foresee_measures_too(threads: list[threading.Thread]) -> None:
    class Handed(Cube):
        async def start(self) -> None:
            getattr(self, "".join(("me", "ter"))).create_counter("ticks").add(1)

    async with running({"cube": Handed}) as service:
        assert threads == [threading.main_thread()]
        assert service.telemetry.collected() is not None


def test_the_sdk_is_imported_in_a_thread_and_for_those_who_measure_only() -> None:
    done = subprocess.run([sys.executable, "-c", _PROBE], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "thread", "True"]
