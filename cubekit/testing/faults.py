"""Faults for tests of how a service bears them: a crash, an operation that fails, hangs or is slow."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import anyio

from cubekit.authoring.context import CallContext
from cubekit.composition.plugins import Next
from cubekit.runtime.service import Service
from cubekit.testing.interception import intercepted

__all__ = ["crash", "failing", "hanging", "slow"]


async def crash(service: Service, instance: str, error: Exception | None = None) -> None:
    """Let a cube crash, as if a background task of its own had raised; returns when the runtime has seen it."""
    cube = service.instances[instance].living()
    life = service.instances[instance].life

    async def raise_error() -> None:
        raise error or RuntimeError(f"crash of {instance}, injected by a test")

    cube.tasks.start_soon(raise_error)
    while service.instances[instance].life is life:
        await anyio.wait_all_tasks_blocked()


@contextmanager
def failing(service: Service, operation: str, error: Exception) -> Iterator[None]:
    """Let an operation raise for the time of a ``with`` block."""

    async def fail(context: CallContext, arguments: Mapping[str, Any], call_next: Next) -> Any:
        raise error

    with intercepted(service.endpoint(operation), fail):
        yield


@contextmanager
def hanging(service: Service, operation: str) -> Iterator[anyio.Event]:
    """Let every call of an operation hang, for ever; the event is set when the first one does."""
    reached = anyio.Event()

    async def hang(context: CallContext, arguments: Mapping[str, Any], call_next: Next) -> Any:
        reached.set()
        await anyio.sleep_forever()

    with intercepted(service.endpoint(operation), hang):
        yield reached


@contextmanager
def slow(service: Service, operation: str, seconds: float) -> Iterator[None]:
    """Let every call of an operation take longer, on the service's clock."""

    async def delay(context: CallContext, arguments: Mapping[str, Any], call_next: Next) -> Any:
        await service.clock.sleep(seconds)
        return await call_next(context, arguments)

    with intercepted(service.endpoint(operation), delay):
        yield
