"""`Connection`: uvicorn's HTTP protocol, with limits on what a client may leave unread, send ahead, or wait with."""

from __future__ import annotations

import asyncio
import math
import sys
from contextvars import copy_context
from http import HTTPMethod
from typing import Any

import httptools
from uvicorn.config import Config
from uvicorn.protocols.http.flow_control import FlowControl
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

from cubekit.authoring.failures import Failure
from cubekit.ports.http.exchange import Answer, Exchange
from cubekit.ports.http.head import Head
from cubekit.ports.http.problems import HeadTooLarge, MalformedRequest
from cubekit.ports.http.wire import written

__all__ = ["DRAIN_GRACE", "MAX_HEAD", "Connection"]

DRAIN_GRACE = 0.5
"""Seconds that an idle connection is kept when the server stops: a request may be on its way."""

MAX_HEAD = 1 << 16
"""Bytes that may come before a request's head is complete, or between two pieces of its body; more is refused."""

_PIECE = 1 << 13
"""Bytes that are parsed at once. In between is seen whether there is room for what more requests lead to."""

_MOST_AHEAD = 1 << 16
"""Bytes that wait for that room; then reading pauses."""


class _Flow(FlowControl):
    """Knows what has arrived ahead of its turn, and does not read on while that is much."""

    def __init__(self, transport: asyncio.Transport) -> None:
        super().__init__(transport)
        self.ahead = bytearray()

    def hold(self, data: bytes) -> None:
        """Keep what has arrived for later."""
        self.ahead += data
        if len(self.ahead) >= _MOST_AHEAD:
            self.pause_reading()

    def resume_reading(self) -> None:
        """Read on, if there is room."""
        if len(self.ahead) < _MOST_AHEAD:
            super().resume_reading()


class Connection(HttpToolsProtocol):
    """One connection: what is read and when, and when it ends.

    Requests are parsed as long as the client reads the answers and few of them wait for their turn. Of what else it
    sends, some is kept, also to notice when it leaves; then reading pauses.
    """

    flow: _Flow
    patience = 5.0
    """Seconds to wait for a request, for the rest of its head, or for a client to read on after the last answer."""
    patient = False
    """Whether a server that stops has time for idle connections."""

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self._draining = False
        self.url = b""
        self.headers = []
        self._answering: Any = None
        """The request that is being answered, or was last; `cycle` is the one that came last."""
        self._over = False
        """Whether nothing more of the connection counts."""
        self._arriving = False
        """Whether a request has begun and is not complete."""
        self._arrived = 0
        """Bytes of it that the parser still keeps, as they are no piece of its body."""
        self._parsing_ahead = False
        self._unread = 0
        """Bytes that the client had not read when the time was last looked at."""
        self._idle_since = math.inf
        """Since when a request, or the rest of its head, is waited for; infinite while one is being answered."""

    @property
    def _is_busy(self) -> bool:
        """Whether an answer is under way."""
        cycle: Any = self.cycle  # None before the first request
        return cycle is not None and not cycle.response_complete

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to wait for a first request, not for ever."""
        super().connection_made(transport)
        self.flow = _Flow(transport)
        self._context = copy_context()
        """Of no request."""
        self._idle_since = self.loop.time()
        self._wait_for_next(self.patience)

    def connection_lost(self, exc: Exception | None) -> None:
        """Give up what is under way."""
        self._over = True
        answering = self._answering
        if answering is not None and answering is not self.cycle and not answering.response_complete:
            answering.disconnected = True
            answering.message_event.set()
        super().connection_lost(exc)
        if self.timeout_keep_alive_task is not None:
            self.timeout_keep_alive_task.cancel()

    # What arrives

    def data_received(self, data: bytes) -> None:
        """Parse what has arrived, or keep it for later."""
        flow = self.flow
        if flow.ahead or self.pipeline or flow.write_paused:
            flow.hold(data)
        elif len(data) <= _PIECE:
            self._parse(data)
            self.on_all_parsed()
        else:
            flow.ahead += data
            self._parse_ahead()

    def on_all_parsed(self) -> None:
        """Everything there is has been parsed; the rest of a request may be missing."""

    def _parse_ahead(self) -> None:
        """Parse what has been kept, as far as there is room."""
        if self._parsing_ahead:
            return
        flow = self.flow
        ahead, paused = flow.ahead, flow.read_paused
        self._parsing_ahead = True
        try:
            while ahead and not (self._over or self.pipeline or flow.write_paused):
                piece = ahead[:_PIECE]
                del ahead[:_PIECE]
                self._parse(piece)
        finally:
            self._parsing_ahead = False
        if self._over:
            ahead.clear()
            return
        if not ahead:
            self.on_all_parsed()
        if len(ahead) >= _MOST_AHEAD:
            flow.pause_reading()
        elif paused:
            flow.resume_reading()

    def _parse(self, data: bytes | bytearray) -> None:
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            self._parse_declined(data[upgrade.args[0] :])
        except httptools.HttpParserCallbackError as error:
            cause = error.__context__
            if isinstance(cause, httptools.HttpParserError | UnicodeDecodeError):  # of its path
                self.refuse(MalformedRequest())
            else:
                self.refuse(Exchange(self.head()).expected(cause or error))
        except httptools.HttpParserError:
            self.refuse(MalformedRequest())
        if self._arriving:
            self._arrived += len(data)
            if self._arrived >= MAX_HEAD:
                self.refuse(HeadTooLarge(limit=MAX_HEAD))

    def _parse_declined(self, rest: bytes | bytearray) -> None:
        """Parse a request that asks for another protocol as if it had not: nobody here speaks one.

        :param rest: what follows its head. The parser takes that for the other protocol, be it the request's body.
        """
        method, version = self.parser.get_method(), self.parser.get_http_version()
        if method == HTTPMethod.CONNECT.encode():
            self.refuse(MalformedRequest())
            return
        lines = [b"%s %s HTTP/%s" % (method, self.url, version.encode())]
        lines += (b"%s: %s" % header for header in self.headers if header[0] != b"upgrade")
        self.parser = httptools.HttpRequestParser(self)
        self._parse(b"\r\n".join((*lines, b"", rest)))

    # What is answered

    def head(self) -> Head:
        """The head of the request that came last, as far as it has come."""
        method = self.parser.get_method().decode("ascii")
        return Head(method, self.url.partition(b"?")[0].decode("latin-1"), b"", dict(self.headers), self.client)

    def refuse(self, failure: Failure) -> None:
        """Say what is wrong with what the client sends, and close: nobody knows where its next request begins."""
        if self._over:
            return
        self._over = True
        if not self._is_busy:  # otherwise this would stand where another answer is expected
            answer = Exchange(self.head()).refuse(failure)
            self.transport.write(written(answer, self.server_state.default_headers, False)[0])
        self.transport.close()

    def send(self, answer: Answer, keep_alive: bool) -> None:
        """Send an answer."""
        data, keep_alive = written(answer, self.server_state.default_headers, keep_alive)
        self.transport.write(data)
        if not keep_alive:
            self.transport.close()
        self.on_response_complete()

    def resume_writing(self) -> None:
        """Go on: the client reads again."""
        super().resume_writing()
        if self.flow.ahead:
            self._parse_ahead()

    def on_response_complete(self) -> None:
        """Go on with the next request of the pipeline, or wait for one."""
        self.server_state.total_requests += 1
        if self.transport.is_closing():
            self._over = True
            return
        if self.pipeline:
            self._start_asgi_task(*self.pipeline.pop())
        else:
            self._idle_since = self.loop.time()
        flow = self.flow
        if flow.read_paused:
            flow.resume_reading()
        if flow.ahead and not self._parsing_ahead:
            self.loop.call_soon(self._parse_ahead, context=self._context)

    def _start_asgi_task(self, cycle: Any, app: Any) -> None:
        self._answering = cycle
        super()._start_asgi_task(cycle, app)

    # Time limits

    def _wait_for_next(self, seconds: float) -> None:
        self.timeout_keep_alive_task = self.loop.call_later(seconds, self.timeout_keep_alive_handler)

    def timeout_keep_alive_handler(self) -> None:
        """Close a connection on which no request has come for too long, or none but its beginning.

        One whose client reads nothing of the last answer is cut off: to close it would wait for that client.
        """
        # To look at the time here is cheaper than to set the timer for every request.
        transport, now, left = self.transport, self.loop.time(), self.patience
        if transport.is_closing() or not self._is_busy:
            unread = _unread(transport)
            if unread and unread == self._unread:
                transport.abort()
                return
            self._unread = unread
            if unread:
                self._idle_since = now
            left = self._idle_since + self.patience - now
            if left <= 0:
                transport.close()
        self._wait_for_next(left if 0 < left < self.patience else self.patience)

    def shutdown(self) -> None:
        """Stop: the answer under way is the last; an idle connection may bring one more request.

        A patient server closes an idle connection no sooner than ever.
        """
        self._draining = True
        if self._is_busy:
            self.cycle.keep_alive = False
        elif not self.patient:
            self.loop.call_later(DRAIN_GRACE, self._close_idle)

    def _close_idle(self) -> None:
        if not self._is_busy:
            self.transport.close()


def _unread(transport: asyncio.Transport) -> int:
    """Bytes that the other side has not taken yet, if some of them wait in this process."""
    waiting = transport.get_write_buffer_size()
    if waiting and sys.platform == "linux":
        import fcntl
        import termios

        # A slow client is seen to read here first: the system takes more from us only after megabytes.
        raw = fcntl.ioctl(transport.get_extra_info("socket").fileno(), termios.TIOCOUTQ, bytes(4))
        waiting += int.from_bytes(raw, sys.byteorder)
    return waiting
