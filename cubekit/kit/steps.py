"""Cancels work where it waits for the n-th time."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Coroutine, Generator, Iterator
from contextlib import AbstractAsyncContextManager, aclosing, asynccontextmanager, contextmanager
from functools import wraps
from typing import Any
from unittest.mock import patch

import anyio

from cubekit.authoring.cubes import Cube
from cubekit.kit.mistakes import waiting_at

__all__ = ["Breakpoint", "cancelled_life"]


class Breakpoint:
    """Counts how often the watched work waits, and cancels a scope when it is about to for the n-th time.

    :param at: which time; 1 is the first.
    :param package: whose code is watched.
    """

    def __init__(self, scope: anyio.CancelScope, at: int, package: str) -> None:
        self._scope = scope
        self._at = at
        self._package = package
        self.waits = 0
        self.swallowed: list[str] = []
        """What went on, and returned, after it was cancelled: each time a sentence."""

    @property
    def reached(self) -> bool:
        """Whether it has cancelled."""
        return self.waits >= self._at

    async def watch(self, work: Coroutine[Any, Any, Any], inside: AsyncGenerator[Any, None] | None = None) -> Any:
        """Await something.

        :param inside: the generator whose step it is, if it is one: where that waits is not seen from outside.
        """
        return await _Watched(self, work, inside or work)

    async def watch_items(self, items: AsyncGenerator[Any, None]) -> AsyncGenerator[Any, None]:
        """Watch a stream while it makes its items."""
        async with aclosing(items):
            while True:
                try:
                    item = await self.watch(_next(items), items)
                except StopAsyncIteration:
                    return
                yield item

    def count(self) -> None:
        """Note that the work is about to wait."""
        self.waits += 1
        if self.waits == self._at:
            self._scope.cancel()

    def place(self, work: Any) -> str | None:
        """Where in the watched package work waits."""
        return waiting_at(self._package, work)


class _Watched:
    def __init__(self, point: Breakpoint, work: Coroutine[Any, Any, Any], inside: Any) -> None:
        self._point = point
        self._work = work
        self._inside = inside

    def __await__(self) -> Generator[Any, Any, Any]:
        sent: Any = None
        error: BaseException | None = None
        cancelled_at: str | None = None
        while True:
            # Before the point is reached, it is a time limit of the work's own that cancels it.
            if self._point.reached and isinstance(error, anyio.get_cancelled_exc_class()):
                cancelled_at = self._point.place(self._inside)
            try:
                waiting = self._work.send(sent) if error is None else self._work.throw(error)
            except StopIteration as end:
                if cancelled_at is not None:
                    self._point.swallowed.append(f"it goes on after it is cancelled at {cancelled_at}: let that pass")
                return end.value
            self._point.count()
            sent, error = None, None
            try:
                sent = yield waiting
            except BaseException as thrown:  # noqa: BLE001 - it is handed on to the work
                error = thrown


@contextmanager
def cancelled_life(cube: type[Cube[Any]], point: Breakpoint) -> Iterator[None]:
    """Let a breakpoint watch every step of the lives that begin within a ``with`` block."""
    if cube.lifespan is not Cube.lifespan:
        with patch.object(cube, "lifespan", _watched_lifespan(cube.lifespan, point)):
            yield
        return
    steps = {step: _watched_step(getattr(cube, step), point) for step in ("initialize", "start", "stop", "destroy")}
    with patch.multiple(cube, **steps):
        yield


def _watched_step(original: Any, point: Breakpoint) -> Any:
    @wraps(original)
    async def take(self: Cube[Any]) -> None:
        await point.watch(original(self))

    return take


def _watched_lifespan(original: Any, point: Breakpoint) -> Any:
    @asynccontextmanager
    async def lifespan(self: Cube[Any]) -> AsyncIterator[None]:
        inner: AbstractAsyncContextManager[None] = original(self)
        await point.watch(_entering(inner))
        try:
            yield
        except BaseException as error:
            if not await inner.__aexit__(type(error), error, error.__traceback__):
                raise
        else:
            await point.watch(_leaving(inner))

    return lifespan


async def _next(items: AsyncGenerator[Any, None]) -> Any:
    return await anext(items)


async def _entering(manager: AbstractAsyncContextManager[None]) -> None:
    await manager.__aenter__()


async def _leaving(manager: AbstractAsyncContextManager[None]) -> None:
    await manager.__aexit__(None, None, None)
