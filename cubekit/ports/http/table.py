"""`Table`: operations by exact method and path, in front of the router.

A router looks at one route after the other; here a thousand operations cost what one costs. What is not in the table is
the router's: paths with placeholders, streams, raw routes, ``HEAD``, ``OPTIONS`` and everything that goes wrong with a
path.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Generator, Mapping
from types import coroutine
from typing import Any, TypeVar

from starlette.requests import ClientDisconnect
from starlette.types import Receive, Scope, Send

from cubekit.authoring.failures import Failure
from cubekit.ports.http.bodies import read_body
from cubekit.ports.http.calls import CallHandler
from cubekit.ports.http.exchange import Answer, Exchange
from cubekit.ports.http.head import Head
from cubekit.ports.http.under_way import UnderWay
from cubekit.runtime.tickets import TaskTicket

__all__ = ["Table", "resumed"]

T = TypeVar("T")


class _ClientLeft(Failure):
    """Nobody waits for the answer any more."""


class Table:
    """Answers requests on asyncio.

    :param handlers: by method and path.
    """

    def __init__(self, handlers: Mapping[tuple[str, str], CallHandler], max_body: int, under_way: UnderWay) -> None:
        self.handlers = handlers
        self.max_body = max_body
        self.under_way = under_way

    async def serve(self, handler: CallHandler, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request that `handlers` has a handler for."""
        try:
            answer = await self._answer(handler, Head.of(scope), receive)
        except (ClientDisconnect, _ClientLeft):
            return
        headers = [
            (b"content-type", answer.content_type.encode()),
            (b"content-length", b"%d" % len(answer.body)),
            *((name.encode(), value.encode("latin-1")) for name, value in answer.headers.items()),
        ]
        await send({"type": "http.response.start", "status": answer.status, "headers": headers})
        await send({"type": "http.response.body", "body": answer.body})

    async def _answer(self, handler: CallHandler, head: Head, receive: Receive) -> Answer:
        try:
            context = handler.context(head)
            body = await read_body(head, receive, self.max_body, self.under_way, context.deadline)
            return await self._until_left(handler.call(head, context, body), receive)
        except (ClientDisconnect, _ClientLeft):
            raise
        except Exception as error:  # noqa: BLE001 - `expected` logs what it does not know
            exchange = Exchange(head)
            return exchange.refuse(exchange.expected(error))

    async def _until_left(self, work: Coroutine[Any, Any, Answer], receive: Receive) -> Answer:
        """Do work, and look out for the client only once the work waits for something."""
        try:
            waiting = work.send(None)
        except StopIteration as stop:
            answer: Answer = stop.value
            return answer
        with self.under_way.limit() as ticket:
            watch = asyncio.ensure_future(_watch(receive, ticket))
            try:
                return await resumed(work, waiting)
            finally:
                watch.cancel()


async def _watch(receive: Receive, ticket: TaskTicket) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
    ticket.interrupt(_ClientLeft())


@coroutine
def resumed(work: Coroutine[Any, Any, T], waiting: object) -> Generator[Any, Any, T]:
    """Go on with a coroutine whose first step has yielded ``waiting``."""
    try:
        while True:
            try:
                sent = yield waiting
            except BaseException as error:  # noqa: BLE001 - handed to the coroutine
                waiting = work.throw(error)
            else:
                waiting = work.send(sent)
    except StopIteration as stop:
        value: T = stop.value
        return value
