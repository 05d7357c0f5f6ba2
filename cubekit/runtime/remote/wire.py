"""`Wire`: one connection to a server, and one HTTP/1.1 exchange after the other over it.

The bytes are parsed by httptools, as the server's are: that takes a sixth of the time of a general HTTP client, which
would be most of a call between two services of one machine.
"""

from __future__ import annotations

import os
import select
import socket
import ssl
from http import HTTPStatus
from time import monotonic

import anyio
import httptools
from anyio.abc import ByteStream, SocketAttribute

__all__ = ["BadAnswer", "Broken", "Wire"]

_CONNECT = 2.0
"""Seconds that a connection may take to come about."""

_IDLE = 3.0
"""Seconds that a connection is kept while nothing is asked: less than servers keep it, so that it is not just closing
when a call takes it."""

_LONG = 1 << 18
"""Bytes of a body from which on the server is asked first whether it takes it: one that does not closes the connection,
and then nobody can tell what it has said."""

_LEAVE = 1.0
"""Seconds that are waited for that; not every server answers."""

_READ = 1 << 16
_LONGEST_HEAD = 1 << 16
_LOWEST_STATUS, _LOWEST_FINAL = 100, 200


class Broken(Exception):
    """The server could not be reached, or the connection broke.

    :param sent: whether the server may have begun with the request.
    """

    def __init__(self, message: str, *, sent: bool) -> None:
        super().__init__(message)
        self.sent = sent


class BadAnswer(Exception):
    """What the server has answered is not what was promised."""


class Wire:
    """A connection that is open."""

    def __init__(self, stream: ByteStream) -> None:
        self._stream = stream
        self._file: int = stream.extra(SocketAttribute.raw_socket).fileno()  # noqa: S610 - no query of a database
        self._used_at = monotonic()
        self.status = 0
        """Of the answer; 0 before its head has come."""
        self.headers: dict[bytes, bytes] = {}
        """Of the answer, by lower-case name."""
        self.complete = True
        """Whether the last exchange has come to its end."""
        self._parts: list[bytes] = []
        self._keep_alive = True
        self._wanted = False
        """Whether the server has said that it takes the body."""
        self._parser = httptools.HttpResponseParser(self)

    @classmethod
    async def open(cls, host: str, port: int, trusted: ssl.SSLContext | None) -> Wire:
        """Connect.

        :param trusted: for TLS.
        :raises Broken: if that fails.
        """
        try:
            with anyio.fail_after(_CONNECT):
                if trusted is None:
                    stream: ByteStream = await anyio.connect_tcp(host, port)
                else:
                    stream = await anyio.connect_tcp(
                        host, port, tls=True, ssl_context=trusted, tls_standard_compatible=False
                    )
        except TimeoutError as error:
            raise Broken(f"it did not take the connection within {_CONNECT:g} s", sent=False) from error
        except OSError as error:
            raise Broken(_said(error), sent=False) from error
        wire = cls(stream)
        try:
            _notice_silence(wire._file)
        except OSError as error:  # there is no room for another file, or the connection is gone already
            await wire.close()
            raise Broken(_said(error), sent=False) from error
        return wire

    @property
    def stale(self) -> bool:
        """Whether it was not used for too long."""
        return monotonic() - self._used_at > _IDLE

    @property
    def reusable(self) -> bool:
        """Whether another exchange may follow."""
        if not (self.complete and self._keep_alive) or self.stale:
            return False
        return not _has_news(self._file)  # what comes while nothing was asked is a farewell

    async def send(self, head: bytes, body: bytes) -> None:
        """Begin an exchange, and wait for the head of the answer.

        :param head: without the empty line at its end.
        :raises Broken: if there is none.
        :raises BadAnswer: if it is too long.
        """
        self.status, self.headers, self.complete = 0, {}, False
        self._parts.clear()
        self._parser = httptools.HttpResponseParser(self)
        if len(body) < _LONG:
            await self._write(head + b"\r\n" + body)
        else:
            await self._write(head + b"expect: 100-continue\r\n\r\n")
            await self._write_if_wanted(body)
        read = 0
        while not self.status:
            if read > _LONGEST_HEAD:
                raise BadAnswer(f"the head of an answer is longer than {_LONGEST_HEAD} bytes")
            read += await self._receive()

    async def part(self) -> bytes:
        """Return the next part of the answer's body; nothing at its end.

        :raises Broken: if the answer ends before its end.
        """
        while not (self._parts or self.complete):
            await self._receive()
        part = b"".join(self._parts)
        self._parts.clear()
        self._used_at = monotonic()
        return part

    async def close(self) -> None:
        """Close the connection at once."""
        await anyio.aclose_forcefully(self._stream)

    async def _write_if_wanted(self, body: bytes) -> None:
        self._wanted = False
        with anyio.move_on_after(_LEAVE):
            while not (self.status or self._wanted):
                await self._receive()
        if self.status:
            self._keep_alive = False  # the server may still wait for the body
        else:
            await self._write(body)

    async def _write(self, data: bytes) -> None:
        try:
            await self._stream.send(data)
        except (anyio.BrokenResourceError, anyio.ClosedResourceError) as error:
            raise Broken(_said(error), sent=True) from error

    async def _receive(self) -> int:
        """Wait for more of the answer, and return how many bytes came."""
        try:
            data = await self._stream.receive(_READ)
        except anyio.EndOfStream:
            # Also of an answer without a length: whether that is whole nobody could tell.
            raise Broken("it closed the connection before its answer was whole", sent=True) from None
        except (anyio.BrokenResourceError, anyio.ClosedResourceError) as error:
            raise Broken(_said(error), sent=True) from error
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as error:
            self._keep_alive = False
            raise Broken(f"what it says is no HTTP: {error.__context__ or error}", sent=True) from error
        return len(data)

    # What the parser calls. What is raised here comes out of `feed_data`, as the context of an error of its own.

    def on_message_begin(self) -> None:
        """Refuse a second answer: it would be taken for that of the next request."""
        if self.complete:
            raise ValueError("it answers twice")

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a header."""
        self.headers[name.lower()] = value

    def on_headers_complete(self) -> None:
        """Note that the head is whole, unless another one follows."""
        status = self._parser.get_status_code()
        if status < _LOWEST_STATUS:
            raise ValueError(f"there is no status {status}")
        self.status = status if status >= _LOWEST_FINAL else 0
        self._wanted = status == HTTPStatus.CONTINUE
        self._keep_alive = self._parser.should_keep_alive()

    def on_body(self, body: bytes) -> None:
        """Take a part of the body."""
        self._parts.append(body)

    def on_message_complete(self) -> None:
        """Note that the answer is whole, if it is the final one."""
        self.complete = self.status != 0


def _has_news(file: int) -> bool:
    """Whether something could be read."""
    if not hasattr(select, "poll"):
        return bool(select.select([file], [], [], 0)[0])
    news = select.poll()
    news.register(file, select.POLLIN)
    return bool(news.poll(0))


def _said(error: Exception) -> str:
    cause = error.__cause__ or error
    if isinstance(cause, ConnectionRefusedError):
        return "it refused the connection"
    return str(cause) or "the connection broke"


def _notice_silence(file: int) -> None:
    """Let a connection break when the other machine is gone, however long nothing is said."""
    wanted = {"TCP_KEEPIDLE": 5, "TCP_KEEPINTVL": 5, "TCP_KEEPCNT": 3, "TCP_USER_TIMEOUT": 20_000}
    with socket.socket(fileno=os.dup(file)) as same:  # not every event loop hands out its own with all methods
        same.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        for name, value in wanted.items():
            if hasattr(socket, name):
                same.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)
