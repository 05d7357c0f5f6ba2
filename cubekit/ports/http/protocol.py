"""`TableProtocol`: uvicorn's HTTP protocol, which answers what is in the table without ASGI in between.

A request is taken only if it is plain: HTTP/1.1, its body whole in what has arrived, nothing before it in the pipeline.
Any other goes uvicorn's usual way to the same application, which answers alike.
"""

from __future__ import annotations

import asyncio
import math
import sys
from collections.abc import Awaitable, Coroutine, Mapping
from contextvars import copy_context
from typing import Any

import httptools
from uvicorn.config import Config
from uvicorn.server import ServerState

from cubekit.ports.http.calls import CallHandler
from cubekit.ports.http.connections import Connection
from cubekit.ports.http.exchange import Answer, Exchange
from cubekit.ports.http.head import Head
from cubekit.ports.http.table import Table, resumed
from cubekit.ports.http.under_way import ShuttingDown

__all__ = ["TableProtocol", "make_protocol"]

_LEFT_TO_THE_ROUTER = frozenset({b"transfer-encoding", b"expect", b"origin", b"x-forwarded-for", b"x-forwarded-proto"})
"""Requests with one of these headers take the usual way: somebody there looks at it."""


def make_protocol(table: Table, *, answers: bool = True) -> type[TableProtocol]:
    """Return the protocol class for a table; uvicorn makes one object for each connection.

    :param answers: whether it answers what is in the table; otherwise everything is left to the application.
    """
    paths: dict[tuple[bytes, bytes], CallHandler] = {
        (verb.encode(), path.encode()): handler for (verb, path), handler in table.handlers.items() if answers
    }
    return type("TableProtocol", (TableProtocol,), {"table": table, "handlers": paths})


class _Running:
    """A request in a task of its own; stands where uvicorn has its request-response cycle."""

    def __init__(self, task: asyncio.Task[Answer], keep_alive: bool) -> None:
        self.task = task
        self.keep_alive = keep_alive
        self.response_complete = False
        self.disconnected = False
        self.message_event = self
        """uvicorn sets it when the connection is lost."""

    def set(self) -> None:
        """Give up: nobody waits for the answer any more."""
        if self.disconnected and not self.response_complete:
            self.task.cancel()


class TableProtocol(Connection):
    """One connection."""

    table: Table
    handlers: Mapping[tuple[bytes, bytes], CallHandler]

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self._handler: CallHandler | None = None
        """Of the request that is arriving, as long as it may be answered here."""
        self._body = b""
        self._plain = True
        """Whether nothing in its headers is for somebody else."""

    # What the parser calls

    def on_message_begin(self) -> None:
        """Begin a request. The scope is made only if ASGI gets to see it."""
        self._idle_since = self.loop.time()
        self._arriving, self._arrived = True, 0
        self.url = b""
        self.expect_100_continue = False
        self.headers = []
        self._plain = True

    def on_header(self, name: bytes, value: bytes) -> None:
        """Note a header."""
        name = name.lower()
        if name in _LEFT_TO_THE_ROUTER:
            self._plain = False
            self.expect_100_continue |= name == b"expect" and value.lower() == b"100-continue"
        self.headers.append((name, value))

    def on_headers_complete(self) -> None:
        """Take the request, or leave it to uvicorn."""
        if self._over:
            return
        self._idle_since = math.inf
        parser = self.parser
        handler = self.handlers.get((parser.get_method(), self.url))
        if (
            handler is not None
            and self._plain
            and not self._is_busy
            and not self.pipeline
            and not self.flow.write_paused
            and parser.get_http_version() == "1.1"
            and not parser.should_upgrade()
        ):
            self._handler, self._body = handler, b""
        elif parser.should_upgrade():
            self._arriving = False  # it comes again, without that wish
        else:
            self._leave_headers()

    def on_body(self, body: bytes) -> None:
        """Keep a part of the body."""
        self._arrived = 0
        if self._over:
            return
        if self._handler is None:
            super().on_body(body)
        else:
            self._body = self._body + body if self._body else body

    def on_message_complete(self) -> None:
        """Answer the request."""
        if self._over or not self._arriving:
            return
        self._arriving = False
        handler, self._handler = self._handler, None
        if handler is None:
            super().on_message_complete()
        elif len(self._body) > self.table.max_body:
            self._leave_headers()
            super().on_body(self._body)
            super().on_message_complete()
        else:
            self._answer(handler)

    def on_all_parsed(self) -> None:
        """Leave a request whose body is still to come to uvicorn's usual way, which has time limits."""
        if self._handler is not None and not self._over:
            self._handler = None
            self._leave_headers()
            if self._body:
                super().on_body(self._body)

    def _leave_headers(self) -> None:
        url, headers, expects = self.url, self.headers, self.expect_100_continue
        if not url.startswith(b"/") and httptools.parse_url(url).path is None:
            raise httptools.HttpParserInvalidURLError(url)
        super().on_message_begin()
        self.url, self.expect_100_continue = url, expects
        self.headers += headers
        super().on_headers_complete()
        self.headers = []  # what comes after a body is none of the request's headers
        if self.pipeline:
            self.flow.resume_reading()  # within limits, to notice when the client leaves
        if self._draining:
            self.cycle.keep_alive = False

    # Answering

    def _answer(self, handler: CallHandler) -> None:
        keep_alive = self.parser.should_keep_alive() and not self._draining
        head = Head(handler.method, handler.path, b"", dict(self.headers), self.client)
        work = handler.answer(head, self._body)
        if handler.suspends(head):
            self._run(head, work, keep_alive)
            return
        # What never waits needs no task. The context keeps what it sets to itself, as a task's would.
        context = copy_context()
        try:
            waiting = context.run(work.send, None)
        except StopIteration as stop:
            self.send(stop.value, keep_alive)
        else:
            self._run(head, resumed(work, waiting), keep_alive)

    def _run(self, head: Head, work: Awaitable[Answer], keep_alive: bool) -> None:
        task = _make_task(self.loop, self._registered(head, work))
        running = _Running(task, keep_alive)
        self.cycle = self._answering = running  # type: ignore[assignment]
        if task.done():
            self._finish(head, task, running)
            return
        self.tasks.add(task)  # type: ignore[arg-type]  # uvicorn's own return nothing
        task.add_done_callback(lambda task: self._finish(head, task, running))

    async def _registered(self, head: Head, work: Awaitable[Answer]) -> Answer:
        try:
            with self.table.under_way.limit():
                return await work
        except ShuttingDown as failure:
            return Exchange(head).refuse(failure)

    def _finish(self, head: Head, task: asyncio.Task[Answer], running: _Running) -> None:
        self.tasks.discard(task)
        running.response_complete = True
        error = asyncio.CancelledError() if task.cancelled() else task.exception()
        if running.disconnected or self.transport.is_closing():
            return
        if error is None:
            answer = task.result()
        else:
            exchange = Exchange(head)
            answer = exchange.refuse(exchange.expected(error))
        self.send(answer, running.keep_alive and not self._draining)


def _make_task(loop: asyncio.AbstractEventLoop, work: Coroutine[Any, Any, Answer]) -> asyncio.Task[Answer]:
    if sys.version_info >= (3, 12):
        return asyncio.Task(work, loop=loop, eager_start=True)
    return loop.create_task(work)
