"""`Connection`: requests to one service. Its address is pinned: redirects and proxies are not followed."""

from __future__ import annotations

import json
import socket
import ssl
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from contextlib import aclosing, asynccontextmanager, contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

import anyio
import httpcore2

from cubekit.composition.remotes import RemoteConfig

__all__ = ["Answer", "BadAnswer", "Broken", "Connection", "Request"]

_CONNECT = 2.0
"""Seconds that a connection may take to come about."""

_IDLE = 3.0
"""Seconds that a connection is kept while nothing is asked: less than servers keep it, so that it is not just closing
when a call takes it."""

_CONNECTIONS = 256
"""Calls under way at the same time; more wait for one of these."""


class Broken(Exception):
    """The service could not be reached, or the connection broke.

    :param sent: whether the service may have begun with the request.
    """

    def __init__(self, message: str, *, sent: bool) -> None:
        super().__init__(message)
        self.sent = sent


class BadAnswer(Exception):
    """What the service has answered is not what was promised."""


@dataclass(frozen=True, slots=True)
class Request:
    """What is asked for."""

    method: str
    target: str
    """Path and query."""
    headers: list[tuple[bytes, bytes]]
    body: bytes = b""


@dataclass(frozen=True, slots=True)
class Answer:
    """The head of an answer; the whole of it if it was read."""

    status: int
    content_type: str
    retry_after: float | None
    body: bytes = b""


class Connection:
    """Keeps connections to a service open, and asks over them."""

    def __init__(self, config: RemoteConfig) -> None:
        discovery = config.discovery
        self.url = discovery.url
        token = discovery.token.get_secret_value() if discovery.token else None
        self._always = [] if token is None else [(b"authorization", f"Bearer {token}".encode())]
        self._longest = discovery.max_answer
        self._pool = httpcore2.AsyncConnectionPool(
            ssl_context=_trusting(config) if discovery.url.startswith("https:") else None,
            max_connections=_CONNECTIONS,
            keepalive_expiry=_IDLE,
            socket_options=_noticing_silence(),
        )
        self._waiting: set[anyio.CancelScope] = set()
        """Around everything that waits for the service."""

    async def ask(self, request: Request) -> Answer:
        """Return the whole answer to a request.

        :raises Broken: if there is none.
        :raises BadAnswer: if it is too long.
        """
        with self._unbroken():
            async with self._sent(request) as response:
                body = await self._whole(response)
        return _answer(response, body)

    async def document(self, path: str) -> dict[str, Any]:
        """Return a JSON document that the service has of itself.

        :raises Broken: if the service does not answer, or not as a cubekit service does.
        """
        answer = await self.ask(Request("GET", path, []))
        try:
            document = json.loads(answer.body) if answer.status == HTTPStatus.OK else None
        except ValueError:
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
            sent = self._sent(request)
            response = await sent.__aenter__()
        try:
            with self._unbroken():
                refusal = b"" if response.status == HTTPStatus.OK else await self._whole(response)
            async with aclosing(self._lines(response)) as lines:
                yield _answer(response, refusal), lines
        finally:
            with anyio.CancelScope(shield=True):
                await sent.__aexit__(None, None, None)

    async def _lines(self, response: httpcore2.Response) -> AsyncGenerator[bytes, None]:
        rest = b""
        async with aclosing(_parts(response)) as parts:
            while True:
                with self._unbroken():
                    part = await anext(parts, b"")
                if not part:
                    return
                *whole, rest = (rest + part).split(b"\n")
                self._check_length(rest)
                for line in whole:
                    yield line

    def abandon(self) -> None:
        """End everything that waits for the service: each raises `Broken`."""
        for scope in self._waiting:
            scope.cancel()

    async def close(self) -> None:
        """Close all connections."""
        await self._pool.aclose()

    @asynccontextmanager
    async def _sent(self, request: Request) -> AsyncIterator[httpcore2.Response]:
        async with self._pool.stream(
            request.method,
            self.url + request.target,
            headers=[*self._always, *request.headers],
            content=request.body,
            extensions={"timeout": {"connect": _CONNECT}},
        ) as response:
            yield response

    async def _whole(self, response: httpcore2.Response) -> bytes:
        body = b""
        async with aclosing(_parts(response)) as parts:
            async for part in parts:
                body = body + part if body else part
                self._check_length(body)
        return body

    @contextmanager
    def _unbroken(self) -> Iterator[None]:
        """Around what waits for the service: says in one way that it does not come."""
        with anyio.CancelScope() as scope:
            self._waiting.add(scope)
            try:
                yield
            except (httpcore2.ConnectError, httpcore2.ConnectTimeout, httpcore2.PoolTimeout) as error:
                raise Broken(_said(error), sent=False) from error
            except (httpcore2.NetworkError, httpcore2.TimeoutException, httpcore2.RemoteProtocolError) as error:
                raise Broken(_said(error), sent=True) from error
            finally:
                self._waiting.discard(scope)
        if scope.cancelled_caught:
            raise Broken("it answers no more", sent=True)

    def _check_length(self, read: bytes) -> None:
        if len(read) > self._longest:
            raise BadAnswer(f"an answer of {self.url} is longer than max_answer, {self._longest} bytes")


def _parts(response: httpcore2.Response) -> AsyncGenerator[bytes, None]:
    parts = response.aiter_stream()
    assert isinstance(parts, AsyncGenerator)  # noqa: S101 - and not only an iterator, which could not be closed
    return parts


def _answer(response: httpcore2.Response, body: bytes = b"") -> Answer:
    headers = {name.lower(): value for name, value in response.headers}
    retry_after = headers.get(b"retry-after", b"")
    return Answer(
        response.status,
        headers.get(b"content-type", b"").decode("latin-1"),
        float(retry_after) if retry_after.isdigit() else None,
        body,
    )


def _said(error: Exception) -> str:
    return str(error) or type(error).__name__


def _trusting(config: RemoteConfig) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=config.ca)


def _noticing_silence() -> list[tuple[int, int, int]]:
    """Options of a socket that let it break when the other machine is gone, however long nothing is said."""
    wanted = {"TCP_KEEPIDLE": 5, "TCP_KEEPINTVL": 5, "TCP_KEEPCNT": 3, "TCP_USER_TIMEOUT": 20_000}
    known = [
        (socket.IPPROTO_TCP, getattr(socket, name), value) for name, value in wanted.items() if hasattr(socket, name)
    ]
    return [(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1), *known]
