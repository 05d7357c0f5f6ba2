"""What it costs that a provider is in another service on the same machine, and what becomes of calls when it dies.

The same consumer calls the same contract inline and in another process, where a client of httpx2 calls it too.
Run as ``python remote_provider.py PORT`` it is the other service.
"""

from __future__ import annotations

import random
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from datetime import date
from typing import Annotated, Any, Protocol

import anyio
import httpx2
from pydantic import TypeAdapter

from cubekit import Cube, Model, contract, operation
from cubekit.composition.plan import Plan
from cubekit.ports.http import HttpServer
from cubekit.runtime.service import Service
from cubekit.testing import Part, compose_parts

ROUNDS, CALLS, UNDER_WAY = 5, 1_000, 200


class Birth(Model):
    """What is asked."""

    birth_date: date
    name: str = ""


class Chart(Model):
    """What is answered."""

    pillars: tuple[str, ...]
    age: int


@contract("bench.charts", version="1.0")
class Charts(Protocol):
    """Both sides know this."""

    async def calculate(self, birth: Birth) -> Chart:
        """Return a chart."""
        ...

    async def wait(self) -> str:
        """Never answer."""
        ...


class Calculation(Cube, Charts, implements="bench.charts@1.0"):
    """The provider."""

    @operation(idempotent=True)
    async def calculate(self, birth: Birth) -> Chart:
        """Return a chart."""
        return Chart(pillars=("갑자", "을축", "병인", "정묘"), age=birth.birth_date.year % 100)

    @operation(idempotent=True)
    async def wait(self) -> str:
        """Wait, unless there is nobody to fail over to."""
        if self.name != "own":
            await anyio.sleep_forever()
        return self.name


class Consumer(Cube):
    """Who calls."""

    charts: Annotated[Charts, ">=1,<2"]

    @operation
    async def wait(self) -> str:
        """Wait for the provider."""
        return await self.charts.wait()


def run() -> list[dict[str, Any]]:
    """Measure."""
    with _other_service() as (url, _):
        times = anyio.run(_latencies, url, backend_options={"use_uvloop": True})
    with _other_service() as (url, process):
        hung, longest = anyio.run(_killed, url, process, backend_options={"use_uvloop": True})
    inline, remote, by_hand = (statistics.median(times[name]) * 1e6 for name in ("inline", "remote", "by hand"))
    added = (remote - inline) / 1000
    return [
        {"name": "call inline, p50", "value": inline, "unit": "µs", "target": "", "ok": True},
        {"name": "what another process adds, p50", "value": added, "unit": "ms", "target": "≤ 0.5", "ok": added <= 0.5},
        {"name": "by hand with httpx2 / remote", "value": by_hand / remote, "unit": "×", "target": "", "ok": True},
        {
            "name": f"hung calls of {UNDER_WAY} when it is killed",
            "value": hung,
            "unit": "",
            "target": "0",
            "ok": not hung,
        },
        {
            "name": "until the last of them was answered elsewhere",
            "value": longest * 1000,
            "unit": "ms",
            "target": "",
            "ok": True,
        },
    ]


async def _latencies(url: str) -> dict[str, list[float]]:
    found: dict[str, list[float]] = {"inline": [], "remote": [], "by hand": []}
    birth, answer = Birth(birth_date=date(1990, 5, 15)), TypeAdapter(Chart)
    inline = compose_parts({"consumer": Consumer, "charts": Calculation})
    async with (
        Service(inline).running() as near,
        Service(_with_remote(url)).running() as far,
        httpx2.AsyncClient(base_url=url, trust_env=False) as client,
    ):

        async def by_hand() -> Any:
            body = birth.model_dump_json(by_alias=True)
            headers = {"content-type": "application/json"}
            said = await client.post("/api/v1/charts/calculate", content=body, headers=headers)
            return answer.validate_python(said.json()["data"])

        ways: dict[str, Callable[[], Awaitable[Any]]] = {"by hand": by_hand}
        for name, service in (("inline", near), ("remote", far)):
            cube: Any = service.instances["consumer"].living()
            ways[name] = _bound(cube.charts, birth)
        for _ in range(ROUNDS):
            for name in random.sample(list(ways), len(ways)):
                for _ in range(CALLS):
                    began = time.perf_counter()
                    await ways[name]()
                    found[name].append(time.perf_counter() - began)
    return found


def _bound(charts: Charts, birth: Birth) -> Callable[[], Awaitable[Any]]:
    return lambda: charts.calculate(birth)


async def _killed(url: str, process: subprocess.Popen[str]) -> tuple[int, float]:
    """How many calls under way are not answered though another provider is there, and when the last one is."""
    answered: list[float] = []
    async with Service(_with_remote(url, fail_over=True)).running() as service:

        async def wait() -> None:
            assert await service.call("consumer.wait") == "own"  # noqa: S101 - or the figure would mean nothing
            answered.append(time.perf_counter())

        with anyio.move_on_after(10):
            async with anyio.create_task_group() as tasks:
                for _ in range(UNDER_WAY):
                    tasks.start_soon(wait)
                await anyio.wait_all_tasks_blocked()
                process.kill()
                killed = time.perf_counter()
    return UNDER_WAY - len(answered), max(answered, default=killed) - killed


def _with_remote(url: str, *, fail_over: bool = False) -> Plan:
    said = {"use": "charts", "from": "other", "colour": "feature", "contracts": ["bench.charts@1.0"]}
    parts = {"consumer": Part(Consumer), "far": Part(Calculation, settings=said)}
    if fail_over:
        parts["own"] = Part(Calculation)
        parts["consumer"] = Part(Consumer, settings={"bind": {"charts": ["far", "own"]}})
    return compose_parts(parts, discovery={"other": {"url": url}})


@contextmanager
def _other_service() -> Iterator[tuple[str, subprocess.Popen[str]]]:
    with socket.create_server(("127.0.0.1", 0)) as unused:
        port = unused.getsockname()[1]
    process = subprocess.Popen([sys.executable, __file__, str(port)], stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None  # noqa: S101 - it is a pipe
        yield process.stdout.readline().strip(), process
    finally:
        process.kill()
        process.communicate()


async def _serve(port: int) -> None:
    service = Service(compose_parts({"charts": Calculation}, http={"port": port}))
    server = HttpServer(service)
    server.bind()
    async with service.running(), anyio.create_task_group() as tasks:
        await tasks.start(server.run)
        sys.stdout.write(f"{server.url}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    anyio.run(_serve, int(sys.argv[1]), backend_options={"use_uvloop": True})
