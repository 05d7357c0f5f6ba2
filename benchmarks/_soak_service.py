"""A service that is served and harmed in one process, for ``soak.py``, which commands it over stdin.

Run as ``python _soak_service.py``, or with a service file instead of the cubes below; prints one line of JSON for each
line that it reads: ``harm ROUNDS``, ``crash TIMES INSTANCE`` or ``count``.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import AbstractAsyncContextManager, AbstractContextManager, asynccontextmanager, nullcontext
from pathlib import Path
from typing import Annotated, Any, Protocol

import anyio
import anyio.to_thread

from cubekit import Cube, CubeStateChanged, Unavailable, contract, operation
from cubekit.composition.compose import compose
from cubekit.composition.plan import Plan
from cubekit.ground.colours import Colour
from cubekit.ports.http import HttpServer
from cubekit.runtime.clock import SystemClock
from cubekit.runtime.service import Service
from cubekit.testing import Part, blocking, compose_parts, crash, failing, full_disk, hanging, leaking, slow

FAULT_LASTS = 0.4
SLOT = 1.6
"""Seconds of a fault, and from one fault to the next."""

DIRECTORY = tempfile.TemporaryDirectory(prefix="cubekit-soak-")
DISK = Path(DIRECTORY.name)


@contract("soak.store", version="1.0")
class Store(Protocol):
    async def put(self, key: str) -> str:
        """Keep a key."""
        ...


class Disk(Cube, Store, implements="soak.store@1.0"):
    """Writes down what it is given."""

    async def put(self, key: str) -> str:
        await anyio.sleep(0.001)
        try:
            (DISK / "keys").write_text(key)
        except OSError as error:
            raise Unavailable(f"cannot write: {error.strerror}", retry_after=1) from error
        return key


class Front(Cube):
    """What users call; it needs the store."""

    store: Annotated[Store, ">=1,<2"]

    @operation(timeout="250ms")
    async def work(self) -> str:
        return await self.store.put("key")


class Other(Cube):
    """Needs nobody, and must not notice anything."""

    @operation
    async def work(self) -> str:
        await anyio.sleep(0.001)
        return "done"


class JumpingClock(SystemClock):
    """A time of day that can be set."""

    offset = 0.0

    def time(self) -> float:
        return super().time() + self.offset


def own_plan() -> Plan:
    """The service of the cubes above."""
    parts = {"front": Part(Front), "store": Part(Disk, Colour.DATA), "other": Part(Other)}
    supervise = {"default": {"max": 1000, "within": "1s", "backoff": "100ms..1s"}}
    return compose_parts(parts, http={"port": 0}, supervise=supervise)


def faults(service: Service, clock: JumpingClock) -> Iterator[tuple[str, AbstractAsyncContextManager[float]]]:
    """Every fault: its name, and a block that is entered once it is over, or has struck, and told since when."""
    lasting: dict[str, AbstractContextManager[Any]] = {
        "an operation hangs": hanging(service, "store.put"),
        "an operation is slow": slow(service, "store.put", 0.1),
        "20 % of the calls fail": failing(service, "store.put", OSError("injected"), rate=0.2),
        "an operation leaks": leaking(service, "store.put", 1 << 16),
        "the disk is full": full_disk(DISK),
    }

    @asynccontextmanager
    async def crashed(during: AbstractContextManager[Any]) -> AsyncIterator[float]:
        began = time.perf_counter()
        with during:
            await crash(service, "store")
            yield began

    @asynccontextmanager
    async def for_a_while(fault: AbstractContextManager[Any]) -> AsyncIterator[float]:
        with fault:
            await anyio.sleep(FAULT_LASTS)
        yield time.perf_counter()

    @asynccontextmanager
    async def blocked() -> AsyncIterator[float]:
        with blocking(service, "store.health_check", 1.0):
            await service.health.check()
        yield time.perf_counter()

    @asynccontextmanager
    async def jumped() -> AsyncIterator[float]:
        clock.offset += 3600
        yield time.perf_counter()
        clock.offset -= 3600

    yield "a crash", crashed(nullcontext())
    yield "a crash, and 2 failed starts", crashed(failing(service, "store.start", OSError("injected"), times=2))
    for name, fault in lasting.items():
        yield name, for_a_while(fault)
    yield "the event loop is blocked for 1 s", blocked()
    yield "the time of day jumps by an hour", jumped()


async def harm(service: Service, clock: JumpingClock, rounds: int) -> list[dict[str, Any]]:
    """Inject every fault, and leave time to recover."""
    done = []
    for _ in range(rounds):
        for name, fault in faults(service, clock):
            began = time.perf_counter()
            async with fault as over:
                done.append({"name": name, "began": began, "over": over})
                await anyio.sleep(began + SLOT - time.perf_counter())
    return done


async def crash_again(service: Service, times: int, instance: str) -> list[float]:
    """Crash an instance again and again; return how long it took each time until it was back."""
    took = []
    for _ in range(times):
        with service.bus.subscribe(CubeStateChanged) as changes:
            began = time.perf_counter()
            await crash(service, instance)
            async for change in changes:
                if change.instance == instance and change.after == "running":
                    break
            took.append(time.perf_counter() - began)
        await anyio.sleep(0.02)  # for requests to be answered in between
    return took


def count() -> dict[str, int]:
    """Return how many tasks and sockets there are."""
    links = (os.readlink(one) for one in Path("/proc/self/fd").iterdir() if one.is_symlink())
    return {"tasks": len(asyncio.all_tasks()), "sockets": sum(link.startswith("socket:") for link in links)}


async def main(file: str | None) -> None:
    """Serve until stdin ends."""
    clock = JumpingClock()
    settings = ["http.port=0", "supervise.default.max=1000", 'supervise.default.backoff="20ms..20ms"']
    service = Service(own_plan() if file is None else compose(Path(file), settings), clock)
    server = HttpServer(service)
    server.bind()
    async with service.running(), anyio.create_task_group() as tasks:
        await tasks.start(server.run)
        await anyio.wait_all_tasks_blocked()
        before = count()
        _say({"url": server.url, "round": SLOT * len(list(faults(service, clock)))})
        while line := await anyio.to_thread.run_sync(sys.stdin.readline):
            match line.split():
                case ["harm", rounds]:
                    _say({"faults": await harm(service, clock, int(rounds))})
                case ["crash", times, instance]:
                    _say({"took": await crash_again(service, int(times), instance)})
                case ["count"]:
                    now = count()
                    _say({name: now[name] - before[name] for name in now})
        server.force()


def _say(message: dict[str, Any]) -> None:
    print(json.dumps(message), flush=True)


if __name__ == "__main__":
    import uvloop

    with DIRECTORY:
        uvloop.run(main(sys.argv[1] if len(sys.argv) > 1 else None))
