"""Requests under way: ended when their client leaves, or when the time to drain is over."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import AbstractContextManager
from typing import Any, TypeVar

import anyio
from starlette.requests import ClientDisconnect
from starlette.types import Receive

from cubekit.authoring.failures import Unavailable
from cubekit.runtime.tickets import NO_DEADLINE, Tickets, asyncio_runs, make_sweeper, make_tickets

__all__ = ["ShuttingDown", "UnderWay", "own_failure", "until_disconnect"]

T = TypeVar("T")


class ShuttingDown(Unavailable):
    """The end of the service cut the request short."""

    message = "The service is shutting down."
    translations = {"ko": "서비스가 종료되는 중입니다."}


class UnderWay:
    """The requests that are being answered, each with a ticket as calls have one.

    A server that stops lets them finish. What has not finished when its patience ends is ended by `expire` with
    `ShuttingDown`.
    """

    def __init__(self) -> None:
        self._tickets: Tickets | None = None
        self._expired = False

    def limit(self, deadline: float = NO_DEADLINE) -> AbstractContextManager[Any]:
        """Run a block as one of the requests.

        :raises ShuttingDown: out of the block, when its time is over.
        :raises DeadlineExceeded: out of the block, when the deadline has passed.
        """
        if self._tickets is None:
            self._tickets = make_tickets(make_sweeper())
        if self._expired:
            raise ShuttingDown()
        return self._tickets.call(deadline)

    def expire(self) -> None:
        """End the requests under way, and refuse every other."""
        self._expired = True
        if self._tickets is not None:
            self._tickets.interrupt(ShuttingDown())


def own_failure(error: BaseException) -> Exception | None:
    """Return what a request has failed with; None if somebody else has cancelled it, or the program ends.

    An operation that awaits a task which it has cancelled itself ends in a ``CancelledError`` that nobody else knows
    of. To those who call it that is one more mistake, and to be answered like any other.
    """
    if isinstance(error, Exception):
        return error
    if isinstance(error, KeyboardInterrupt | SystemExit | GeneratorExit) or not asyncio_runs():
        return None
    task = asyncio.current_task()
    if isinstance(error, asyncio.CancelledError) and task is not None and task.cancelling():
        return None
    return _mistake(error)


def _mistake(error: BaseException) -> RuntimeError:
    mistake = RuntimeError(f"the operation ended with {type(error).__name__}, which it has caused itself")
    mistake.__cause__ = error
    return mistake


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
        except BaseException as error:
            # Raised below, out of the task group's exception group.
            failure = own_failure(error)
            if failure is None:
                raise
        tasks.cancel_scope.cancel()
    if failure is not None:
        try:
            raise failure
        finally:
            del failure  # it refers to this frame through its traceback
    if not done:
        raise ClientDisconnect
    return done[0]
