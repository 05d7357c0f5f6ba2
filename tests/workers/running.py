"""A service with workers as processes of their own."""

from __future__ import annotations

import http.client
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

CUBES = """
import contextlib
import os
import anyio
from cubekit import Cache, Cube, Event, operation

class Changed(Event):
    what: str

class Worker(Cube):
    value = 0

    async def start(self) -> None:
        if os.environ.get("FAIL") or os.path.exists("fail"):
            raise ValueError("not today")
        with contextlib.suppress(FileNotFoundError):
            async with await anyio.open_file("gate") as gate:
                await gate.read()
        if os.path.exists("forever"):
            await anyio.sleep_forever()
        self.subscription = self.events.subscribe(Changed)
        self.tasks.start_soon(self.listen)

    async def listen(self) -> None:
        async for event in self.subscription:
            self.value += 1

    @operation
    async def pid(self) -> int:
        return os.getpid()

    @operation
    async def heard(self) -> list[int]:
        return [os.getpid(), self.value]

    @operation
    async def change(self) -> int:
        self.events.publish(Changed(what="x"))
        return os.getpid()

    @operation
    async def shout(self) -> None:
        for _ in range(5):
            self.events.publish(Changed(what="x" * 500_000))

    @operation
    async def leak(self, mib: int = 200) -> int:
        self.leaked = [*getattr(self, "leaked", ()), bytearray(os.urandom(1 << 20) * mib)]
        return os.getpid()

    @operation
    async def die(self) -> None:
        os.abort()

class One(Cube, exclusive=True):
    pass

class Hanging(Cube):
    async def health_check(self):
        await anyio.sleep_forever()
"""


class Up:
    """A running service with workers."""

    def __init__(self, process: subprocess.Popen[str], workers: int) -> None:
        self.process = process
        assert process.stdout is not None
        self.events = map(json.loads, process.stdout)
        ready = next(event for event in self.events if event["event"] == "ready")
        assert ready["workers"] == workers
        self.control = Path(ready.get("control", "/nonexistent"))
        self.port = int(ready["url"].rpartition(":")[2])

    def request(self, path: str, method: str = "GET", body: str | None = None) -> Any:
        """Ask on a connection of its own; returns JSON, or text."""
        with closing(http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)) as connection:
            connection.request(method, path, body, {"content-type": "application/json"})
            answer = connection.getresponse()
            text = answer.read().decode()
            assert answer.status == 200, text
            return json.loads(text) if "json" in answer.headers["content-type"] else text

    def call(self, operation: str, **arguments: Any) -> Any:
        return self.request(f"/api/v1/w/{operation}", "POST", json.dumps(arguments))["data"]

    def workers(self) -> dict[int, int]:
        """The process of each worker that answers, by its number."""
        workers = self.request("/cubes")["workers"]
        return {worker["worker"]: worker["pid"] for worker in workers if worker["answers"]}

    def pids(self) -> set[int]:
        return set(self.workers().values())

    def answering(self) -> set[int]:
        """The processes that answer: connections are spread, so a number of them finds both."""
        return {self.call("pid") for _ in range(40)}

    def counter(self, sample: str) -> float:
        """What a counter of all workers says."""
        lines = self.request("/metrics").splitlines()
        return sum(float(line.removeprefix(sample)) for line in lines if line.startswith(f"{sample} "))

    def until_note(self, text: str) -> None:
        next(event for event in self.events if event["event"] == "workers" and text in event["note"])


def command(service: Path, *arguments: str) -> list[str]:
    return [sys.executable, "-m", "cubekit.cli", "up", str(service), "--json", "--set", "http.port=0", *arguments]


@contextmanager
def up(service: Path, *arguments: str, through: tuple[str, ...] = (), workers: int = 2) -> Iterator[Up]:
    """Run a service in a session of its own.

    :param through: a program that runs it.
    """
    whole = [*through, *command(service, "--set", f"http.workers={workers}", *arguments)]
    pipe = subprocess.PIPE
    with subprocess.Popen(whole, stdin=pipe, stdout=pipe, stderr=pipe, text=True, start_new_session=True) as process:
        try:
            yield Up(process, workers)
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)


@contextmanager
def start_held() -> Iterator[None]:
    """Hold the next worker within its start; the block is entered once it is there."""
    if not os.path.exists("gate"):
        os.mkfifo("gate")
    with open("gate", "w"):  # waits for the worker, which then waits for the end of the block
        os.unlink("gate")
        yield
