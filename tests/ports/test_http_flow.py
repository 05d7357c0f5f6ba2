"""Clients that send without reading, or ahead of their turn: each of these runs over router, table and protocol."""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager

import anyio
import anyio.lowlevel
import pytest

from cubekit import Cube, operation
from cubekit.ports.http import protocol
from cubekit.testing import Part

from .http_serving import Served, all_blocked, read_all, serving

pytestmark = pytest.mark.anyio


class Big(Cube):
    """Says much, and in turn."""

    def __init__(self) -> None:
        self.said = 0

    @operation
    async def much(self, size: int = 100_000) -> str:
        self.said += 1
        return "x" * size

    @operation
    async def wait(self, number: int) -> int:
        self.said += 1
        await anyio.lowlevel.checkpoint()
        return number


@pytest.fixture
async def served() -> AsyncIterator[Served]:
    async with serving({"big": Part(Big)}) as served:
        yield served


def big(served: Served) -> Big:
    cube = served.service.instances["big"].living()
    assert isinstance(cube, Big)
    return cube


def request(operation: str, body: bytes = b"{}", more: bytes = b"") -> bytes:
    head = b"POST /api/v1/big/" + operation.encode() + b" HTTP/1.1\r\nhost: test\r\ncontent-type: application/json\r\n"
    return head + more + b"content-length: %d\r\n\r\n" % len(body) + body


@contextmanager
def connected(served: Served) -> Iterator[socket.socket]:
    """A connection whose system keeps as little as it can."""
    with socket.socket() as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        client.connect(("127.0.0.1", served.port))
        client.setblocking(False)
        yield client


async def send_all_there_is_room_for(client: socket.socket, data: bytes, served: Served) -> None:
    refused = 0
    while refused < 50 and big(served).said < 2000:
        try:
            client.send(data)
            refused = 0
        except BlockingIOError:
            refused += 1
            await all_blocked()


async def test_a_client_that_does_not_read_is_not_answered_without_end(served: Served) -> None:
    with connected(served) as client:
        await send_all_there_is_room_for(client, request("much") * 100, served)
        assert big(served).said < 200
    assert (await served.client.post("/api/v1/big/much", json={})).status_code == 200


async def test_what_was_sent_ahead_is_answered_in_order(served: Served) -> None:
    numbers = list(range(2000))
    async with await served.connect() as stream, anyio.create_task_group() as tasks:
        whole = b"".join(request("wait", b'{"number":%d}' % number) for number in numbers)
        tasks.start_soon(stream.send, whole + request("wait", b'{"number":-1}', b"connection: close\r\n"))
        answers = (await read_all(stream)).split(b'"data":')[1:]
    assert [int(answer.partition(b"}")[0]) for answer in answers] == [*numbers, -1]


async def test_nothing_is_called_after_a_request_that_closes(served: Served) -> None:
    async with await served.connect() as stream:
        await stream.send(request("much", more=b"connection: close\r\n") + request("much") * 3)
        assert (await read_all(stream)).count(b"HTTP/1.1 200 ") == 1
    assert big(served).said == 1


async def test_a_client_that_does_not_read_a_last_answer_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    lost = anyio.Event()
    connection_lost = protocol.TableProtocol.connection_lost

    def note(self: protocol.TableProtocol, exc: Exception | None) -> None:
        connection_lost(self, exc)
        lost.set()

    monkeypatch.setattr(protocol.TableProtocol, "patience", 0.05)
    monkeypatch.setattr(protocol.TableProtocol, "connection_lost", note)
    async with serving({"big": Part(Big)}) as served:
        with connected(served) as client:
            client.send(request("much", b'{"size":6000000}', b"connection: close\r\n"))
            await lost.wait()


async def test_a_client_that_reads_slowly_gets_everything(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(protocol.TableProtocol, "patience", 0.2)
    async with serving({"big": Part(Big)}) as served:
        with connected(served) as client:
            client.send(request("much", b'{"size":6000000}'))
            started, read = anyio.current_time(), 0
            while True:
                await anyio.wait_readable(client)
                chunk = client.recv(1 << 20)
                if not chunk:
                    break
                read += len(chunk)
                if anyio.current_time() - started < 0.8:
                    await anyio.sleep(0.01)  # longer than its patience in all
    assert read > 6_000_000
