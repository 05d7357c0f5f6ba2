"""`Connection`: requests to one service. Its address is pinned: redirects and proxies are not followed."""

from __future__ import annotations

import json
import ssl
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from contextlib import aclosing, asynccontextmanager, contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from time import monotonic
from typing import Any
from urllib.parse import urlsplit

import anyio

from cubekit.composition.remotes import DiscoverySection
from cubekit.runtime.remote.wire import BadAnswer, Broken, Wire

__all__ = ["Answer", "Connection", "Request"]

_PORTS = {"http": 80, "https": 443}
_WITH_BODY = frozenset({"POST", "PUT", "PATCH"})
_DIGITS = 9
"""Of a ``Retry-After`` that is believed."""


@dataclass(frozen=True, slots=True)
class Request:
    """What is asked for.

    :param target: path and query.
    :param headers: without those that every request has.
    """

    method: str
    target: str
    headers: str = ""
    body: bytes = b""


@dataclass(frozen=True, slots=True)
class Answer:
    """The head of an answer; the whole of it if it was read."""

    status: int
    retry_after: float | None
    body: bytes = b""


class Connection:
    """Keeps connections to a service open, and asks over them.

    :param ca: file of the certificates to trust; the system's by default.
    """

    def __init__(self, discovery: DiscoverySection, ca: Path | None = None) -> None:
        self.url = discovery.url
        parts = urlsplit(self.url)
        assert parts.hostname is not None  # noqa: S101 - or the address would have been refused
        self._host, self._port, self._prefix = parts.hostname, parts.port or _PORTS[parts.scheme], parts.path
        self._trusted = ssl.create_default_context(cafile=ca) if parts.scheme == "https" else None
        token = f"authorization: Bearer {discovery.token.get_secret_value()}\r\n" if discovery.token else ""
        self._head = f" HTTP/1.1\r\nhost: {parts.netloc}\r\nuser-agent: cubekit\r\n{token}"
        self._longest = discovery.max_answer
        self._idle: deque[Wire] = deque()
        """Those that were used last are at the end."""
        self._room = anyio.Semaphore(discovery.connections, fast_acquire=True)
        self.heard_at = monotonic()
        """When the service last said anything."""
        self._waiting: set[anyio.CancelScope] = set()
        """Around everything that waits for the service."""

    async def ask(self, request: Request) -> Answer:
        """Return the whole answer to a call.

        :raises Broken: if there is none.
        :raises BadAnswer: if it is too long.
        """
        with self._unbroken():
            async with self._room:
                return await self._exchange(request)
        raise AssertionError("what is abandoned raises Broken")

    async def inquire(self, path: str) -> Answer:
        """Return what the service says of itself. That does not wait for calls that are under way.

        :raises Broken: if it does not answer, or at too great length.
        """
        try:
            return await self._exchange(Request("GET", path))
        except BadAnswer as error:
            raise Broken(str(error), sent=True) from error

    async def document(self, path: str) -> dict[str, Any]:
        """Return a JSON document that the service has of itself.

        :raises Broken: if the service does not answer, or not as a cubekit service does.
        """
        answer = await self.inquire(path)
        try:
            document = json.loads(answer.body) if answer.status == HTTPStatus.OK else None
        except (ValueError, RecursionError):
            document = None
        if not isinstance(document, dict):
            raise Broken(f"{self.url}{path} answered {answer.status} and is no cubekit service", sent=True)
        return document

    @asynccontextmanager
    async def streamed(self, request: Request) -> AsyncIterator[tuple[Answer, AsyncIterator[bytes]]]:
        """Return the head of an answer, with its body if it is a refusal, and each line of the body as it comes.

        :raises Broken: if the answer ends before its end.
        :raises BadAnswer: if a line is too long.
        """
        with self._unbroken():
            await self._room.acquire()
        try:
            with self._unbroken():
                wire = await self._begin(request)
            try:
                with self._unbroken():
                    refusal = b"" if wire.status == HTTPStatus.OK else await self._whole(wire)
                async with aclosing(self._lines(wire)) as lines:
                    yield _answer(wire, refusal), lines
            finally:
                await self._end(wire)
        finally:
            self._room.release()

    def abandon(self) -> None:
        """End everything that waits for the service: each raises `Broken`."""
        for scope in self._waiting:
            scope.cancel()

    async def close(self) -> None:
        """Close all connections that are not used."""
        while self._idle:
            await self._idle.pop().close()

    async def _exchange(self, request: Request) -> Answer:
        wire = await self._begin(request)
        try:
            return _answer(wire, await self._whole(wire))
        finally:
            await self._end(wire)

    async def _begin(self, request: Request) -> Wire:
        """Send a request over a connection of its own, and wait for the head of the answer."""
        length = f"content-length: {len(request.body)}\r\n" if request.body or request.method in _WITH_BODY else ""
        head = f"{request.method} {self._prefix}{request.target}{self._head}{request.headers}{length}"
        wire = await self._kept() or await Wire.open(self._host, self._port, self._trusted)
        try:
            await wire.send(head.encode("latin-1"), request.body)
        except BaseException:
            await self._end(wire)
            raise
        self.heard_at = monotonic()
        return wire

    async def _kept(self) -> Wire | None:
        """A connection that is open already."""
        while self._idle and self._idle[0].stale:
            await self._idle.popleft().close()
        while self._idle:
            wire = self._idle.pop()
            if wire.reusable:
                return wire
            await wire.close()
        return None

    async def _end(self, wire: Wire) -> None:
        """Keep a connection for the next request, if there may be one."""
        if wire.complete and wire.reusable:
            self._idle.append(wire)
        else:
            with anyio.CancelScope(shield=True):
                await wire.close()

    async def _whole(self, wire: Wire) -> bytes:
        parts, length = [], 0
        while part := await wire.part():
            parts.append(part)
            length += len(part)
            self._check_length(length)
        return b"".join(parts)

    async def _lines(self, wire: Wire) -> AsyncGenerator[bytes, None]:
        begun: list[bytes] = []
        while True:
            with self._unbroken():
                part = await wire.part()
            if not part:
                return
            self.heard_at = monotonic()
            *ends, rest = part.split(b"\n")
            for end in ends:
                yield b"".join((*begun, end))
                begun = []
            begun.append(rest)
            self._check_length(sum(map(len, begun)))

    @contextmanager
    def _unbroken(self) -> Iterator[None]:
        """Around what waits for the service: it may be abandoned."""
        with anyio.CancelScope() as scope:
            self._waiting.add(scope)
            try:
                yield
            finally:
                self._waiting.discard(scope)
        if scope.cancelled_caught:
            raise Broken("it answers no more", sent=True)

    def _check_length(self, length: int) -> None:
        if length > self._longest:
            raise BadAnswer(f"an answer of {self.url} is longer than max_answer, {self._longest} bytes")


def _answer(wire: Wire, body: bytes = b"") -> Answer:
    retry_after = wire.headers.get(b"retry-after", b"")
    is_said = retry_after.isdigit() and len(retry_after) <= _DIGITS
    return Answer(wire.status, float(retry_after) if is_said else None, body)
