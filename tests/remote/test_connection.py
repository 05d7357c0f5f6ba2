"""HTTP with a server that may say anything: what is whole is taken, and what is not breaks nothing but its own call."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import anyio
import pytest
from anyio.abc import SocketAttribute, SocketStream

from cubekit.composition.remotes import DiscoverySection
from cubekit.runtime.remote import wire
from cubekit.runtime.remote.connection import Connection, Request
from cubekit.runtime.remote.wire import BadAnswer, Broken

pytestmark = pytest.mark.anyio

OK = b"HTTP/1.1 200 OK\r\n"
WHOLE = OK + b"content-length: 2\r\n\r\nok"
ASKED = Request("GET", "/")

Script = Callable[[SocketStream], Awaitable[None]]


@asynccontextmanager
async def served(script: Script, **settings: int) -> AsyncIterator[tuple[Connection, list[SocketStream]]]:
    """A connection to a server that does the same with everybody; and what has connected to it."""
    taken: list[SocketStream] = []

    async def take(stream: SocketStream) -> None:
        taken.append(stream)
        async with stream:
            try:
                await script(stream)
            except (anyio.EndOfStream, anyio.BrokenResourceError):
                return

    async with await anyio.create_tcp_listener(local_host="127.0.0.1") as listener, anyio.create_task_group() as tasks:
        tasks.start_soon(listener.serve, take)
        url = f"http://127.0.0.1:{listener.extra(SocketAttribute.local_port)}"  # noqa: S610 - no query of a database
        connection = Connection(DiscoverySection.model_validate({"url": url, **settings}))
        yield connection, taken
        await connection.close()
        tasks.cancel_scope.cancel()


def saying(data: bytes, *, leaves: bool = False) -> Script:
    async def script(stream: SocketStream) -> None:
        while True:
            await stream.receive()
            await stream.send(data)
            if leaves:
                return

    return script


@pytest.mark.parametrize(
    ("data", "body"),
    [
        pytest.param(WHOLE, b"ok", id="with a length"),
        pytest.param(OK + b"transfer-encoding: chunked\r\n\r\n1\r\no\r\n1\r\nk\r\n0\r\n\r\n", b"ok", id="chunks"),
        pytest.param(b"HTTP/1.1 100 Continue\r\n\r\n" + WHOLE, b"ok", id="after another head"),
        pytest.param(b"HTTP/1.1 204 No Content\r\n\r\n", b"", id="without a body"),
    ],
)
async def test_whole_answers_keep_the_connection(data: bytes, body: bytes) -> None:
    async with served(saying(data)) as (connection, taken):
        for _ in range(3):
            assert (await connection.ask(ASKED)).body == body
        assert len(taken) == 1


@pytest.mark.parametrize(
    ("data", "why"),
    [
        pytest.param(WHOLE + WHOLE, "it answers twice", id="two answers"),
        pytest.param(WHOLE + b"more", "it answers twice", id="more than an answer"),
        pytest.param(b"HTTP/1.1 000 None\r\n\r\n", "there is no status 0", id="no status"),
        pytest.param(b"HTTP/1.1 101 Other\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n", "no HTTP", id="upgrade"),
        pytest.param(b"SSH-2.0\r\n", "Expected HTTP/", id="another protocol"),
        pytest.param(OK + b"content-length: 1\r\ncontent-length: 2\r\n\r\nok", "Content-Length", id="two lengths"),
    ],
)
async def test_what_is_no_answer_breaks_the_connection(data: bytes, why: str) -> None:
    async with served(saying(data)) as (connection, taken):
        for _ in range(2):
            with anyio.fail_after(10), pytest.raises(Broken, match=why):
                await connection.ask(ASKED)
        assert len(taken) == 2


@pytest.mark.parametrize("head", [OK, OK + b"content-length: 9\r\n"], ids=["no length", "too little"])
async def test_an_answer_that_is_cut_is_none(head: bytes) -> None:
    async with served(saying(head + b"\r\nhal", leaves=True)) as (connection, _):
        with pytest.raises(Broken, match="before its answer was whole"):
            await connection.ask(ASKED)


@pytest.mark.parametrize("data", [OK + b"x: " + b"y" * 400_000, OK + b"x: y\r\n" * 100_000])
async def test_a_head_without_an_end_is_refused(data: bytes) -> None:
    async with served(saying(data)) as (connection, _):
        with anyio.fail_after(10), pytest.raises(BadAnswer, match="the head of an answer is longer"):
            await connection.ask(ASKED)


async def test_long_answers_come_whole_and_too_long_ones_not() -> None:
    long = b"x" * 3_000_000
    data = OK + b"content-length: 3000000\r\n\r\n" + long
    async with served(saying(data)) as (connection, _):
        assert (await connection.ask(ASKED)).body == long
    async with served(saying(data), max_answer=2_999_999) as (connection, _):
        with pytest.raises(BadAnswer, match="longer than max_answer"):
            await connection.ask(ASKED)


async def test_lines_come_as_they_were_sent() -> None:
    lines = [b"a" * 200_000, b"", b"b", b"c" * 70_000]
    body = b"\n".join(lines) + b"\n"
    async with served(saying(OK + f"content-length: {len(body)}\r\n\r\n".encode() + body)) as (connection, taken):
        for _ in range(2):
            async with connection.streamed(ASKED) as (_, found):
                assert [line async for line in found] == lines
        assert len(taken) == 1


async def test_a_long_body_is_sent_though_nobody_says_that_it_is_wanted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wire, "_LEAVE", 0.01)
    body, taken = b"x" * 300_000, bytearray()

    async def take(stream: SocketStream) -> None:
        while not taken.endswith(b"x" * len(body)):
            taken.extend(await stream.receive())
        await stream.send(WHOLE)

    async with served(take) as (connection, _):
        with anyio.fail_after(10):
            assert (await connection.ask(Request("POST", "/", body=body))).body == b"ok"
        assert b"expect: 100-continue\r\n\r\nx" in taken


async def test_a_wait_of_ages_is_not_believed() -> None:
    data = b"HTTP/1.1 503 No\r\nretry-after: " + b"9" * 400 + b"\r\ncontent-length: 0\r\n\r\n"
    async with served(saying(data)) as (connection, _):
        assert (await connection.ask(ASKED)).retry_after is None


async def test_what_is_not_used_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 0.0
    monkeypatch.setattr(wire, "monotonic", lambda: now)
    left = [anyio.Event() for _ in range(3)]

    async def answer(stream: SocketStream) -> None:
        try:
            await saying(WHOLE)(stream)
        finally:
            next(event for event in left if not event.is_set()).set()

    async with served(answer) as (connection, taken):
        async with anyio.create_task_group() as tasks:
            for _ in range(3):
                tasks.start_soon(connection.ask, ASKED)
        now = 2.0
        await connection.ask(ASKED)
        now = 4.0
        await connection.ask(ASKED)  # over the same connection, so that it is the only one that is not old
        with anyio.fail_after(10):
            await left[1].wait()
        assert len(taken) == 3
        assert not left[2].is_set()


async def test_questions_about_the_service_do_not_wait_for_calls() -> None:
    held = anyio.Event()

    async def answer(stream: SocketStream) -> None:
        while True:
            if b"GET / " in await stream.receive():
                held.set()
                await anyio.sleep_forever()
            await stream.send(WHOLE)

    async def ask(connection: Connection) -> None:
        with pytest.raises(Broken, match="it answers no more"):
            await connection.ask(ASKED)

    async with served(answer, connections=1) as (connection, taken), anyio.create_task_group() as tasks:
        tasks.start_soon(ask, connection)
        tasks.start_soon(ask, connection)  # waits for the first
        with anyio.fail_after(10):
            await held.wait()
            assert (await connection.inquire("/cubes")).body == b"ok"
        assert len(taken) == 2
        connection.abandon()
