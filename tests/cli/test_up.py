"""``cubekit up`` as a process: ready, drained, forced, refused."""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

EXAMPLE = Path(__file__).parents[2] / "examples" / "saju"

_CUBES = """
import anyio, os, sys
from typing import AsyncIterator
from cubekit import Cube, operation

class Slow(Cube):
    @operation
    async def work(self, marker: str) -> str:
        with open(marker, "w"):  # a named pipe: goes on when the test reads
            pass
        await anyio.wait_readable(os.open(marker + ".go", os.O_RDONLY | os.O_NONBLOCK))  # and when it writes
        return "done"

    async def stop(self) -> None:
        print("slow has stopped", file=sys.stderr, flush=True)

    @operation
    async def forever(self) -> AsyncIterator[int]:
        number = 0
        while True:
            yield number
            number += 1
            await anyio.sleep(0)

class Hanging(Cube):
    async def start(self) -> None:
        await anyio.sleep_forever()
"""


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory with cubes, as if they were installed."""
    info = tmp_path / "site" / "slowcubes-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: slowcubes\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[cubekit.feature]\nslow = slowcubes:Slow\nhanging = slowcubes:Hanging\n")
    (tmp_path / "site" / "slowcubes.py").write_text(_CUBES)
    monkeypatch.setenv("CUBEKIT_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "site"))
    return tmp_path


@contextmanager
def up(service: Path, *arguments: str) -> Iterator[tuple[subprocess.Popen[str], Iterator[dict[str, Any]]]]:
    """A running ``cubekit up --json``, and its events."""
    command = [sys.executable, "-m", "cubekit.cli", "up", str(service), "--json", "--set", "http.port=0", *arguments]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=os.environ
    ) as process:
        assert process.stdout is not None
        try:
            yield process, map(json.loads, process.stdout)
        finally:
            if process.poll() is None:
                process.kill()


def ready(events: Iterator[dict[str, Any]]) -> str:
    return next(str(event["url"]) for event in events if event.get("event") == "ready")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_cleanly(number: signal.Signals, site: Path) -> None:
    with up(EXAMPLE) as (process, events):
        url = ready(events)
        with urllib.request.urlopen(f"{url}/readyz", timeout=10) as answer:
            assert answer.status == 200
        process.send_signal(number)
        states = [event["after"] for event in events]
        assert states == ["stopping", "stopped"]
        assert process.wait(timeout=20) == 0


def slow_service(site: Path) -> Path:
    service = site / "service.toml"
    service.write_text('[service]\nname = "slow"\n[cubes.slow]\nuse = "slow"\n')
    return service


def begin_work(url: str, marker: Path) -> socket.socket:
    host, port = url.removeprefix("http://").split(":")
    connection = socket.create_connection((host, int(port)), timeout=30)
    for pipe in (marker, marker.with_name("marker.go")):
        os.mkfifo(pipe)
    body = json.dumps({"marker": str(marker)})
    head = (
        f"POST /api/v1/slow/work HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: {len(body)}"
    )
    connection.sendall(f"{head}\r\n\r\n{body}".encode())
    assert marker.read_bytes() == b"", "the operation has opened its pipe"
    return connection


def test_a_request_under_way_is_answered_before_the_cubes_stop(site: Path) -> None:
    with up(slow_service(site)) as (process, events):
        marker = site / "marker"
        with begin_work(ready(events), marker) as connection:
            process.send_signal(signal.SIGTERM)
            marker.with_name("marker.go").write_bytes(b"go")
            answer = http.client.HTTPResponse(connection)
            answer.begin()
            assert json.load(answer) == {"success": True, "data": "done"}
        _, log = process.communicate(timeout=20)
        assert process.returncode == 0
        assert "slow has stopped" in log


def test_a_second_signal_forces(site: Path) -> None:
    with up(slow_service(site)) as (process, events):
        with begin_work(ready(events), site / "marker") as connection:
            process.send_signal(signal.SIGTERM)
            host, port = connection.getpeername()[:2]
            refuse_new_connections(host, port)
            process.send_signal(signal.SIGTERM)
            _, log = process.communicate(timeout=20)
        assert process.returncode == 1
        assert "forced to stop" in log


def refuse_new_connections(host: str, port: int) -> None:
    """Until the first signal has closed the listener."""
    while True:
        try:
            socket.create_connection((host, port), timeout=5).close()
        except OSError:
            return


def test_a_port_in_use_is_said_before_any_cube_starts(site: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with up(EXAMPLE, "--set", f"http.port={port}") as (process, events):
            (event,) = events
            assert process.wait(timeout=20) == 1
    assert event["errors"][0]["code"] == "CK405"
    assert str(port) in event["errors"][0]["message"]


def test_a_cube_that_does_not_start_ends_it_with_its_stack(site: Path) -> None:
    service = site / "service.toml"
    service.write_text('[service]\nname = "x"\n[cubes.h]\nuse = "hanging"\nstart_timeout = "100ms"\n')
    with up(service) as (process, events):
        *_, last = events
        assert process.wait(timeout=20) == 1
    assert last["errors"][0]["code"] == "CK402"
    assert "await anyio.sleep_forever()" in last["errors"][0]["found"]


def test_a_signal_while_starting_ends_it(site: Path) -> None:
    service = site / "service.toml"
    service.write_text('[service]\nname = "x"\n[cubes.h]\nuse = "hanging"\n')
    with up(service) as (process, events):
        assert next(events)["after"] == "starting"
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=20) == 0


def test_call_prints_the_items_of_an_endless_stream_as_they_come(site: Path) -> None:
    service = slow_service(site)
    with up(service) as (_, events):
        for target in ([str(service)], ["--url", ready(events)]):
            command = [sys.executable, "-m", "cubekit.cli", "call", *target, "slow.forever", "--stream"]
            with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
                assert process.stdout is not None
                assert [json.loads(process.stdout.readline()) for _ in range(3)] == [{"item": n} for n in range(3)]
                process.send_signal(signal.SIGINT)
                _, errors = process.communicate(timeout=20)
                assert process.returncode == 1
                assert "Traceback" not in errors
