"""``status`` and ``top``, which look at a running service from outside."""

from __future__ import annotations

import json
import os
import pty
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Annotated, Any, Protocol

import anyio
import anyio.to_thread
import pytest
from httpx2 import AsyncClient

from cubekit import Cube, Health, NotFound, contract, operation
from cubekit.cli import recent_logs, statuses
from cubekit.cli.console import printable_line
from cubekit.cli.figures import quantile
from cubekit.ground.colours import Colour
from cubekit.ports.http import HttpServer
from cubekit.runtime.service import Service
from cubekit.testing import Part, compose_parts, crash

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    """uvicorn runs on asyncio only."""
    return "asyncio"


@contract("test.shelf", version="1.0")
class Shelf(Protocol):
    async def take(self, key: str) -> str:
        """What lies there."""
        ...


class Store(Cube, Shelf, implements="test.shelf@1.0"):
    well = True

    @operation
    async def take(self, key: str) -> str:
        if key == "nothing":
            raise NotFound
        return key

    async def health_check(self) -> Health:
        return Health() if self.well else Health("fail", "the shelf is broken")


class Reader(Cube):
    shelf: Annotated[Shelf, ">=1,<2"]

    @operation
    async def read(self, key: str) -> str:
        return await self.shelf.take(key)


PARTS = {
    "reader": Part(Reader, settings={"limits": {"queue": 8}}),
    "other": Part(Reader, settings={"path": "second"}),
    "store": Part(Store, Colour.DATA),
}


@asynccontextmanager
async def served(parts: Mapping[str, Part] = PARTS) -> AsyncIterator[tuple[Service, str]]:
    # However busy this machine is, its event loop is not what is tested here.
    health = {"max_age": "1ms", "livez": {"max_lag": "1m"}}
    service = Service(compose_parts(parts, http={"port": 0}, health=health))
    server = HttpServer(service)
    server.bind()
    with anyio.fail_after(60):
        async with service.running(), anyio.create_task_group() as tasks:
            await tasks.start(server.run)
            yield service, server.url
            server.force()


async def cubekit(*arguments: str) -> subprocess.CompletedProcess[bytes]:
    return await anyio.run_process([sys.executable, "-W", "error", "-m", "cubekit.cli", *arguments], check=False)


async def shown(*arguments: str) -> tuple[int, str]:
    done = await cubekit(*arguments)
    assert done.stderr == b"", done.stderr.decode()
    return done.returncode, done.stdout.decode()


async def test_status_shows_who_needs_whom_and_what_is_wrong() -> None:
    async with served() as (service, url):
        status, text = await shown("status", "--url", url)
        assert status == 0
        assert text.startswith(f"test at {url}: pass\n")
        lines = [line.split() for line in text.splitlines()[3:]]
        assert [line[:3] for line in lines[:4]] == [
            ["🟦", "reader", "pass"],
            ["└─", "🟨", "store"],
            ["🟦", "other", "pass"],
            ["└─", "🟨", "store"],
        ]
        assert lines[4][:3] == ["event", "loop", "pass"]

        store = service.instances["store"].living()
        assert isinstance(store, Store)
        store.well = False
        status, text = await shown("status", "--url", url)
        assert status == 1
        assert text.startswith(f"test at {url}: fail\n")
        assert 'provider "store" is down: the shelf is broken' in text

        status, raw = await shown("status", "--url", url, "--json")
        found = json.loads(raw)
        assert (status, found["schema"], found["status"]) == (1, 1, "fail")
        cubes = {cube["name"]: cube for cube in found["cubes"]}
        assert cubes["reader"]["health"][0]["causedBy"] == ["store"]
        assert found["process"]["event-loop:lag"][0]["status"] == "pass"


async def test_status_of_nobody_is_6() -> None:
    for arguments in (["status"], ["status", "--watch"], ["top"]):
        done = await cubekit(*arguments, "--url", "http://127.0.0.1:1")
        assert (done.returncode, done.stdout) == (6, b"")
        assert b"CK502" in done.stderr


async def test_status_watches_until_it_is_interrupted_through_outages() -> None:
    async with served() as (_, url):
        command = [sys.executable, "-m", "cubekit.cli", "status", "--watch", "--json", "--interval", "0.1"]
        watching = await anyio.open_process([*command, "--url", url])
        assert watching.stdout is not None
        looks = lines(watching.stdout)
        first = await anext(looks)
    async for look in looks:
        if "errors" in look:
            break
    watching.send_signal(signal.SIGINT)
    assert (first["status"], look["errors"][0]["code"]) == ("pass", "CK502")
    assert await watching.wait() == 0
    await watching.aclose()


async def lines(stream: AsyncIterator[bytes]) -> AsyncIterator[dict[str, Any]]:
    rest = b""
    async for chunk in stream:
        *found, rest = (rest + chunk).split(b"\n")
        for line in found:
            yield json.loads(line)


async def test_top_in_a_pipe_is_one_table_of_what_happened_in_between() -> None:
    async with served() as (service, url):
        results: list[Any] = []

        async def look() -> None:
            results.append(await shown("top", "--url", url, "--interval", "1.5", "--json"))
            tasks.cancel_scope.cancel()

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(look)
            while True:
                await service.call("reader.read", key="a")
                with pytest.raises(NotFound):
                    await service.call("store.take", key="nothing")
                await anyio.sleep(0.01)  # the load's pace
        ((status, raw),) = results
        found = json.loads(raw)
        assert (status, found["service"], found["status"]) == (0, "test", "pass")
        assert found["process"]["memory"] > 1_000_000
        cubes = {cube["name"]: cube for cube in found["cubes"]}
        assert list(cubes) == ["other", "reader", "store"], "by colour, then by name"
        reader, store, other = cubes["reader"], cubes["store"], cubes["other"]
        assert (reader["rate"] > 0, reader["errors"], reader["queue"], reader["inFlight"]) == (True, 0, 8, 0)
        assert store["errors"] == pytest.approx(store["rate"] / 2, rel=0.2)
        assert 0 < reader["p50"] <= reader["p95"] <= reader["p99"] < 60
        assert (other["rate"], other["p50"]) == (0, None)

        status, text = await shown("top", "--url", url, "--interval", "0.1")
        assert (status, text.count("CALLS/S")) == (0, 1)
        assert "\033" not in text
        assert "0% of 8" in text


async def test_top_on_a_terminal_goes_on_until_it_is_interrupted() -> None:
    async with served() as (_, url):
        ours, theirs = pty.openpty()
        environment = {**os.environ, "TERM": "xterm-256color", "COLUMNS": "120", "LINES": "30"}
        command = [sys.executable, "-m", "cubekit.cli", "top", "--interval", "0.1", "--url", url]
        process = await anyio.open_process(command, stdin=theirs, stdout=theirs, stderr=theirs, env=environment)
        os.close(theirs)
        seen = b""
        while seen.count(b"CALLS/S") < 3:
            seen += await anyio.to_thread.run_sync(os.read, ours, 4096)
        process.send_signal(signal.SIGINT)
        while await anyio.to_thread.run_sync(_read_on, ours):
            pass
        assert await process.wait() == 0
        await process.aclose()
        os.close(ours)
        assert "🟨".encode() in seen
        assert seen.startswith(b"\033[?1049h"), "it has a screen of its own"


def _read_on(terminal: int) -> bytes:
    try:
        return os.read(terminal, 4096)
    except OSError:  # Linux's way to say that the other end is closed
        return b""


def test_quantiles_are_estimated_within_buckets() -> None:
    buckets = {0.1: 50.0, 0.2: 100.0, float("inf"): 100.0}
    assert quantile(buckets, 0.5) == pytest.approx(0.1)
    assert quantile(buckets, 0.75) == pytest.approx(0.15)
    assert quantile({0.1: 1.0, float("inf"): 10.0}, 0.99) == 0.1
    assert quantile({0.1: 0.0, float("inf"): 0.0}, 0.5) is None
    assert quantile({}, 0.5) is None


class Keeper(Cube):
    """Keeps two log lines, as a monitoring cube does."""

    @operation(http="GET logs")
    async def logs(self, cube: str | None = None, limit: int = 100) -> list[dict[str, Any]]:
        line = {"level": "info", "logger": "x", "cube": "store", "traceId": None, "exception": None}
        lines = [
            {**line, "time": "2026-11-21T09:00:01Z", "message": "newer", "level": "error", "exception": "Traceback …"},
            {**line, "time": "2026-11-21T09:00:00Z", "message": "older", "cube": None, "traceId": "abc"},
        ]
        return [one for one in lines if cube in (None, one["cube"])][:limit]


async def test_logs_are_shown_with_the_newest_last() -> None:
    async with served({"watch": Part(Keeper, Colour.MONITORING)}) as (_, url):
        assert await shown("logs", "--url", url) == (
            0,
            "2026-11-21T09:00:00Z INFO    x: older  [trace abc]\n"
            "2026-11-21T09:00:01Z ERROR   store: newer\n    Traceback …\n",
        )
        status, text = await shown("logs", "--url", url, "--cube", "store", "--json")
        assert (status, [line["message"] for line in json.loads(text)["logs"]]) == (0, ["newer"])


async def test_logs_of_a_service_that_keeps_none() -> None:
    async with served() as (_, url):
        done = await cubekit("logs", "--url", url)
        assert done.returncode != 0
        assert b"add a monitoring cube" in done.stderr


async def test_status_shows_what_was_healed() -> None:
    async with served() as (service, url):
        await crash(service, "other")
        _, text = await shown("status", "--url", url)
        head, step = text.splitlines()[-2:]
        assert head.split() == ["WHEN", "HEALED", "BY", "REASON"]
        assert step.split()[2:4] == ["other", "restart"]
        assert 'cubekit_healing_steps_total{instance="other",step="restart"} 1.0' in (await page(url, "/metrics"))


async def page(url: str, path: str) -> str:
    async with AsyncClient(base_url=url) as client:
        return (await client.get(path)).text


def test_what_a_service_says_cannot_command_the_terminal() -> None:
    forged = "x\n2026-11-21 INFO auth: admin\x1b[2J\x9b\u202e"
    line = {"time": "t", "level": "error", "cube": "auth", "traceId": None, "message": forged, "exception": forged}
    shown = recent_logs._text(line)
    assert all(below.startswith("    ") for below in shown.split("\n")[1:])
    assert shown.replace("\n", "").isprintable()
    assert statuses._printable([{forged: forged, "n": 1}]) == [
        {printable_line(forged): r"x\n2026-11-21 INFO auth: admin\x1b[2J\x9b\u202e", "n": 1}
    ]
