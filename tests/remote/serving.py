"""Services on real sockets: in a thread, so that any event loop may call them, or in a process of their own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import anyio
from anyio.from_thread import BlockingPortal, start_blocking_portal

from cubekit.ports.http import HttpServer
from cubekit.runtime.service import Service
from cubekit.testing import Part, compose_parts
from tests.remote.words import Dictionary, Reader

ROOT = Path(__file__).parents[2]


@dataclass
class Far:
    """A service that is reached over a socket."""

    url: str
    service: Service
    portal: BlockingPortal

    def cube(self, name: str = "words") -> Dictionary:
        """The object of its cube."""
        cube = self.service.instances[name].living()
        assert isinstance(cube, Dictionary)
        return cube


@contextmanager
def far_service(parts: Mapping[str, Part] | None = None, **sections: Mapping[str, Any]) -> Iterator[Far]:
    """Serve cubes from a thread with an event loop of its own."""
    http = {"port": 0, "drain_timeout": 0.2, **sections.pop("http", {})}
    plan = compose_parts(parts or {"words": Part(Dictionary)}, http=http, **sections)

    @asynccontextmanager
    async def serving(portal: BlockingPortal) -> AsyncIterator[Far]:
        service = Service(plan)
        server = HttpServer(service)
        server.bind()
        async with service.running(), anyio.create_task_group() as tasks:
            await tasks.start(server.run)
            yield Far(server.url, service, portal)
            server.force()

    with start_blocking_portal("asyncio") as portal, portal.wrap_async_context_manager(serving(portal)) as far:
        yield far


def reader(url: str, /, discovery: Mapping[str, Any] | None = None, instance: str = "", **far: Any) -> dict[str, Any]:
    """Return the parts and sections of a service that has the words of another.

    :param discovery: further keys of ``[discovery.dictionary]``.
    :param instance: its name there.
    :param far: further keys of ``[cubes.far]``.
    """
    said = {
        "use": "words",
        "from": f"dictionary/{instance}" if instance else "dictionary",
        "colour": "feature",
        "contracts": ["test.words@1.0"],
        **far,
    }
    return {
        "parts": {"reader": Part(Reader), "far": Part(Dictionary, settings=said)},
        "discovery": {"dictionary": {"url": url, "every": "100ms", "wait": "5s", **(discovery or {})}},
    }


@dataclass
class FarProcess:
    """A service in a process of its own, which can be killed."""

    url: str
    process: subprocess.Popen[str]

    def kill(self) -> None:
        """End it as a crash of the machine does: nothing is said to anybody."""
        self.process.kill()
        self.process.wait()

    def freeze(self) -> None:
        """Let it hold all connections, and answer nothing."""
        os.kill(self.process.pid, signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on."""
        os.kill(self.process.pid, signal.SIGCONT)


@contextmanager
def far_process(port: int = 0) -> Iterator[FarProcess]:
    """Serve the words from a process."""
    command = [sys.executable, "-c", "import sys; from tests.remote.serving import serve; serve(int(sys.argv[1]))"]
    process = subprocess.Popen([*command, str(port)], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        yield FarProcess(process.stdout.readline().strip(), process)
    finally:
        process.kill()
        process.communicate()


def serve(port: int) -> None:
    """Serve the words until the process ends, and print where."""

    async def run() -> None:
        service = Service(compose_parts({"words": Part(Dictionary)}, http={"port": port}))
        server = HttpServer(service)
        server.bind()
        async with service.running(), anyio.create_task_group() as tasks:
            await tasks.start(server.run)
            sys.stdout.write(f"{server.url}\n")
            sys.stdout.flush()

    anyio.run(run)
