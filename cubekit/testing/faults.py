"""Faults for tests of how cubes and services bear them.

Most have a place, named as in ``failing(service, "diary.write", …)``: an operation of an instance, a method of a
contract that it provides, or a lifecycle step: ``initialize``, ``start``, ``stop``, ``destroy``, ``health_check``. Of a
cube that has a ``lifespan``, ``start`` and ``stop`` are the way in and the way out; an object that is inside already
goes out as it would have. A fault in ``initialize`` or ``start`` meets the objects that the instance is restarted with.
"""

from __future__ import annotations

import builtins
import errno
import io
import os
import socket
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import AbstractAsyncContextManager, AbstractContextManager, asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch

import anyio

from cubekit.authoring.context import CallContext
from cubekit.authoring.cubes import Cube
from cubekit.authoring.events import CubeStateChanged
from cubekit.composition.plugins import Next
from cubekit.runtime.service import Service
from cubekit.testing.interception import intercepted

__all__ = ["blocking", "crash", "dead_collector", "failing", "full_disk", "hanging", "leaking", "slow"]

GoOn = Callable[[], Awaitable[Any]]
Fault = Callable[[GoOn], Awaitable[Any]]
"""What happens in place of something, which it may let happen after all."""

_STEPS = ("initialize", "start", "stop", "destroy", "health_check")


async def crash(service: Service, instance: str, error: Exception | None = None) -> None:
    """Let a cube crash, as if a background task of its own had raised; returns when the runtime has seen it."""
    cube = service.instances[instance].living()

    async def raise_error() -> None:
        raise error or RuntimeError(f"crash of {instance}, injected by a test")

    with service.bus.subscribe(CubeStateChanged) as changes:
        cube.tasks.start_soon(raise_error)
        async for change in changes:
            if change.instance == instance:
                break
    await anyio.wait_all_tasks_blocked()  # its restart waits for the clock by now


@contextmanager
def failing(
    service: Service, name: str, error: Exception, *, rate: float = 1.0, times: int | None = None
) -> Iterator[None]:
    """Let an operation or a step raise, for the time of a ``with`` block.

    :param rate: the share of the calls that fail, evenly: every fourth at 0.25.
    :param times: how often it fails at most.
    """
    calls = failures = 0

    async def fail(go_on: GoOn) -> Any:
        nonlocal calls, failures
        calls += 1
        if int(calls * rate) > int((calls - 1) * rate) and (times is None or failures < times):
            failures += 1
            raise error
        return await go_on()

    with _injected(service, name, fail):
        yield


@contextmanager
def hanging(service: Service, name: str) -> Iterator[anyio.Event]:
    """Let an operation or a step hang, for ever; the event is set when the first one does."""
    reached = anyio.Event()

    async def hang(go_on: GoOn) -> Any:
        reached.set()
        await anyio.sleep_forever()

    with _injected(service, name, hang):
        yield reached


@contextmanager
def slow(service: Service, name: str, seconds: float) -> Iterator[None]:
    """Let an operation or a step take longer, on the service's clock."""

    async def delay(go_on: GoOn) -> Any:
        await service.clock.sleep(seconds)
        return await go_on()

    with _injected(service, name, delay):
        yield


@contextmanager
def blocking(service: Service, name: str, seconds: float) -> Iterator[None]:
    """Let an operation or a step hold up the event loop, in real time."""

    async def block(go_on: GoOn) -> Any:
        time.sleep(seconds)  # noqa: ASYNC251 - that is the fault
        return await go_on()

    with _injected(service, name, block):
        yield


@contextmanager
def leaking(service: Service, name: str, size: int) -> Iterator[None]:
    """Let every call of an operation or a step keep so many bytes of memory, until the ``with`` block ends."""
    kept: list[bytes] = []

    async def leak(go_on: GoOn) -> Any:
        kept.append(b"\xff" * size)  # not zeros, which the system would not give a page before they are written
        return await go_on()

    try:
        with _injected(service, name, leak):
            yield
    finally:
        kept.clear()


@contextmanager
def full_disk(directory: str | Path) -> Iterator[None]:
    """Let a directory be on a full disk for the time of a ``with`` block.

    Files below it can be opened and made, and whatever Python code writes into them fails with ``ENOSPC``, perhaps as
    late as in ``close``. Files that are open already, and libraries in C such as SQLite, write on. Where there is no
    ``/dev/full``, which is Linux's, opening for writing fails already.
    """
    root = os.path.realpath(directory) + os.sep
    open_file, open_descriptor = builtins.open, os.open

    def is_full(path: Any) -> bool:
        return not isinstance(path, int) and os.path.realpath(os.fsdecode(path)).startswith(root)

    def open_full(path: Any, flags: int, mode: int = 0o777, *, dir_fd: int | None = None) -> int:
        writes = flags & (os.O_WRONLY | os.O_RDWR)
        if not writes or not is_full(path):
            return open_descriptor(path, flags, mode, dir_fd=dir_fd)
        if not os.path.exists("/dev/full"):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), path)
        os.close(open_descriptor(path, flags, mode, dir_fd=dir_fd))
        return open_descriptor("/dev/full", writes)

    def open_full_file(file: Any, mode: str = "r", *arguments: Any, **keywords: Any) -> Any:
        if not set("wax+").isdisjoint(mode) and is_full(file):
            keywords.setdefault("opener", lambda path, flags: open_full(path, flags, 0o666))
        return open_file(file, mode, *arguments, **keywords)

    with (
        patch.object(builtins, "open", open_full_file),
        patch.object(io, "open", open_full_file),
        patch.object(os, "open", open_full),
    ):
        yield


@contextmanager
def dead_collector(*, silent: bool = False) -> Iterator[str]:
    """Return the URL of a server that is down, such as a collector of telemetry that should not be waited for.

    :param silent: whether connections are accepted and never answered; otherwise they are refused.
    """
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        if silent:
            server.listen()
        yield f"http://127.0.0.1:{server.getsockname()[1]}"


def _injected(service: Service, name: str, fault: Fault) -> AbstractContextManager[Any]:
    instance, _, member = name.partition(".")
    if instance in service.instances:
        endpoint = service.endpoints.get(name) or service._endpoints[instance].get(member)
        if endpoint is not None:

            async def layer(context: CallContext, arguments: Mapping[str, Any], call_next: Next) -> Any:
                return await fault(lambda: call_next(context, arguments))

            return intercepted(endpoint, layer)
        if member in _STEPS:
            return _injected_step(service.instances[instance].planned.descriptor.cube, instance, member, fault)
    known = [*service.endpoints, *(f"{name}.{step}" for name in service.instances for step in _STEPS)]
    raise ValueError(f"{name!r} is no operation and no lifecycle step of this service; there are: {', '.join(known)}")


def _injected_step(cube: type[Cube[Any]], instance: str, step: str, fault: Fault) -> AbstractContextManager[Any]:
    if step in {"start", "stop"} and cube.lifespan is not Cube.lifespan:
        return patch.object(cube, "lifespan", _faulty_lifespan(cube.lifespan, instance, step, fault))
    original: Callable[[Cube[Any]], Awaitable[Any]] = getattr(cube, step)

    async def take(self: Cube[Any]) -> Any:
        return await (fault(lambda: original(self)) if self.name == instance else original(self))

    return patch.object(cube, step, take)


def _faulty_lifespan(
    original: Callable[[Cube[Any]], AbstractAsyncContextManager[None]], instance: str, step: str, fault: Fault
) -> Callable[[Cube[Any]], Any]:
    async def nothing() -> None: ...

    @asynccontextmanager
    async def lifespan(self: Cube[Any]) -> AsyncIterator[None]:
        if step == "start" and self.name == instance:
            await fault(nothing)
        async with original(self):
            yield
            if step == "stop" and self.name == instance:
                await fault(nothing)

    return lifespan
