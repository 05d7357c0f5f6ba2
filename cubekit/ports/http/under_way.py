"""Requests under way: ended when their client leaves, or when the time to drain is over."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import anyio
from starlette.requests import ClientDisconnect
from starlette.types import Receive

from cubekit.authoring.failures import Unavailable

__all__ = ["ShuttingDown", "UnderWay", "until_disconnect"]

T = TypeVar("T")


class UnderWay:
    """The requests that are being answered.

    A server that stops lets them finish. What has not finished when its patience ends is cancelled by `expire`, and
    answers with `ShuttingDown`.
    """

    def __init__(self) -> None:
        self._scopes: set[anyio.CancelScope] = set()
        self._expired = False

    @contextmanager
    def limit(self) -> Iterator[anyio.CancelScope]:
        """Run a block as one of the requests; the scope says whether it was cancelled."""
        with anyio.CancelScope() as scope:
            self._scopes.add(scope)
            if self._expired:
                scope.cancel()
            try:
                yield scope
            finally:
                self._scopes.discard(scope)

    def expire(self) -> None:
        """Cancel the requests under way, and from now on every other at its first wait."""
        self._expired = True
        for scope in self._scopes:
            scope.cancel()


class ShuttingDown(Unavailable):
    """The end of the service cut the request short."""

    message = "The service is shutting down."
    translations = {"ko": "서비스가 종료되는 중입니다."}


async def until_disconnect(
    receive: Receive, work: Callable[[], Awaitable[T]], *beside: Callable[[], Coroutine[Any, Any, None]]
) -> T:
    """Return what ``work`` returns, and cancel it if the client goes away before. The request's body has been read.

    :param beside: what runs for as long as ``work`` does.
    :raises ClientDisconnect: if the client went away.
    """
    done: list[T] = []
    failure: Exception | None = None

    async def watch() -> None:
        while (await receive())["type"] != "http.disconnect":
            pass
        tasks.cancel_scope.cancel()

    async with anyio.create_task_group() as tasks:
        for function in (watch, *beside):
            tasks.start_soon(function)
        try:
            done.append(await work())
        except Exception as error:  # noqa: BLE001 - raised again below, out of the task group's exception group
            failure = error
        tasks.cancel_scope.cancel()
    if failure is not None:
        try:
            raise failure
        finally:
            del failure  # it refers to this frame through its traceback
    if not done:
        raise ClientDisconnect
    return done[0]
