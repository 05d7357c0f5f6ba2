"""What goes wrong on the wire: bodies without end, clients that leave, servers that stop."""

from __future__ import annotations

import logging
import os
import socket
from collections.abc import AsyncIterator

import anyio
import anyio.to_thread
import pytest
from anyio.abc import SocketStream
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cubekit import CubekitError
from cubekit.ports.http import HttpServer, bodies
from cubekit.runtime.service import Service
from cubekit.testing import compose_parts, http_client, running

from .http_serving import PARTS, Served, all_blocked, read_all, read_until, serving

pytestmark = pytest.mark.anyio


@pytest.fixture
async def served() -> AsyncIterator[Served]:
    async with serving() as served:
        yield served


def outcomes(served: Served, operation: str) -> dict[str, int]:
    return dict(served.service.endpoints[f"saju.{operation}"].metrics.outcomes)


async def send_chunks(stream: SocketStream, count: int) -> None:
    head = "POST /api/v1/saju/calculate HTTP/1.1\r\nhost: test\r\ncontent-type: application/json\r\n"
    await stream.send(f"{head}transfer-encoding: chunked\r\n\r\n".encode())
    for _ in range(count):
        await stream.send(b"3e8\r\n" + b" " * 1000 + b"\r\n")


async def test_a_body_over_the_limit_is_413_by_its_declared_length(served: Served) -> None:
    async with await served.connect() as stream:
        head = "POST /api/v1/saju/calculate HTTP/1.1\r\nhost: test\r\ncontent-type: application/json\r\n"
        await stream.send(f"{head}content-length: 2001\r\n\r\n".encode())
        answer = await read_all(stream)  # the connection is closed without reading a byte of the body
    assert answer.startswith(b"HTTP/1.1 413 ")
    assert b"application/problem+json" in answer
    assert b'"code":"VALIDATION"' in answer


async def test_a_body_over_the_limit_is_413_while_it_still_comes(served: Served) -> None:
    async with await served.connect() as stream:
        await send_chunks(stream, 3)
        assert (await read_all(stream)).startswith(b"HTTP/1.1 413 ")


async def test_a_body_at_the_limit_is_read(served: Served) -> None:
    body = b'{"birthDate":"1990"}'.ljust(2000)
    async with await served.post_raw("calculate", body) as stream:
        assert (await read_until(stream, b"}")).startswith(b"HTTP/1.1 200 ")


def unfinished(operation: str, sent: bytes = b"{", headers: str = "") -> bytes:
    """The beginning of a request with 1000 bytes of JSON."""
    head = f"POST /api/v1/saju/{operation} HTTP/1.1\r\nhost: test\r\ncontent-type: application/json\r\n{headers}"
    return f"{head}content-length: 1000\r\n\r\n".encode() + sent


@pytest.mark.parametrize("operation", ["calculate", "count", "hook"])
async def test_a_body_that_does_not_come_is_408(
    served: Served, monkeypatch: pytest.MonkeyPatch, operation: str
) -> None:
    monkeypatch.setattr(bodies, "BODY_TIMEOUT", 0.02)
    async with await served.connect() as stream:
        await stream.send(unfinished(operation))
        answer = await read_all(stream)
    assert answer.startswith(b"HTTP/1.1 408 ")
    assert b"connection: close" in answer
    assert b'"code":"TIMEOUT","retryable":true' in answer


async def test_a_body_that_comes_byte_by_byte_is_408(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bodies, "BODY_TIMEOUT", 0.05)
    async with await served.connect() as stream, anyio.create_task_group() as tasks:

        async def drip() -> None:
            while True:
                await stream.send(b" ")
                await anyio.sleep(0.005)

        await stream.send(unfinished("calculate"))
        tasks.start_soon(drip)
        assert b"408" in await read_until(stream, b"\r\n")
        tasks.cancel_scope.cancel()
    assert served.service.endpoints["saju.calculate"].metrics.outcomes == {}, "the operation was not called"


@pytest.mark.parametrize("operation", ["calculate", "count", "hook"])
async def test_the_deadline_holds_for_the_body(served: Served, operation: str) -> None:
    async with await served.connect() as stream:
        await stream.send(unfinished(operation, headers="x-request-timeout: 0.02\r\n"))
        answer = await read_all(stream)
    assert answer.startswith(b"HTTP/1.1 504 ")
    assert b"connection: close" in answer
    assert b'"code":"TIMEOUT"' in answer


async def test_several_requests_on_one_connection(served: Served) -> None:
    body = b'{"birthDate":"1990"}'
    head = b"POST /api/v1/saju/calculate HTTP/1.1\r\nhost: test\r\ncontent-type: application/json\r\n"
    request = head + b"content-length: 20\r\n\r\n" + body
    async with await served.connect() as stream:
        await stream.send(request * 3)  # pipelined
        read = b""
        while read.count(b"HTTP/1.1 200 OK") < 3:
            read += await stream.receive()
        await stream.send(request)
        assert (await read_until(stream, b"}")).startswith(b"HTTP/1.1 200 ")


async def test_malformed_http_does_not_harm(served: Served) -> None:
    async with await served.connect() as stream:
        await stream.send(b"what?\r\n\r\n")
        assert (await read_all(stream)).startswith(b"HTTP/1.1 400 ")
    assert (await served.call("nothing")).status_code == 200


async def test_a_client_that_leaves_cancels_its_call(served: Served, caplog: pytest.LogCaptureFixture) -> None:
    async with await served.post_raw("hang"):
        await served.saju.entered.wait()
    await served.saju.cleaned.wait()
    await all_blocked()
    assert outcomes(served, "hang") == {"CANCELLED": 1}
    assert not [record for record in caplog.records if record.levelno >= logging.WARNING]


@pytest.mark.parametrize("ahead", [1, 3])
async def test_a_client_that_leaves_with_something_sent_ahead_cancels_its_call(served: Served, ahead: int) -> None:
    async with await served.post_raw("hang") as stream:
        await served.saju.entered.wait()
        await stream.send(b"GET /api/v1/saju/results/latest HTTP/1.1\r\nhost: test\r\n\r\n" * ahead)
    await served.saju.cleaned.wait()
    await all_blocked()
    assert outcomes(served, "hang") == {"CANCELLED": 1}
    assert outcomes(served, "latest") == {}


async def test_a_client_that_leaves_while_it_sends_harms_nobody(
    served: Served, caplog: pytest.LogCaptureFixture
) -> None:
    async with await served.connect() as stream:
        await send_chunks(stream, 1)
    assert (await served.call("nothing")).status_code == 200
    assert not [record for record in caplog.records if record.levelno >= logging.WARNING]


async def test_a_client_that_leaves_a_stream_closes_it(served: Served, caplog: pytest.LogCaptureFixture) -> None:
    async with await served.post_raw("drip") as stream:
        await read_until(stream, b"event: item")
        await served.saju.entered.wait()
    await served.saju.cleaned.wait()
    await all_blocked()
    assert outcomes(served, "drip") == {"CANCELLED": 1}
    assert not [record for record in caplog.records if record.levelno >= logging.WARNING]


async def test_a_client_that_does_not_read_stops_the_stream_and_its_leaving_closes_it(served: Served) -> None:
    async with await served.post_raw("flood"):
        await served.saju.entered.wait()
        await all_blocked()
    await served.saju.cleaned.wait()
    await all_blocked()
    assert outcomes(served, "flood") == {"CANCELLED": 1}


async def test_stop_lets_a_call_finish() -> None:
    async with serving() as served, await served.post_raw("drip") as stream:
        await read_until(stream, b"event: item")
        served.server.stop()
        with pytest.raises(OSError):  # noqa: PT011 - whatever the system says to a closed port
            while True:
                async with await served.connect():
                    pass
        served.saju.go_on.set()
        assert (await read_all(stream)).endswith(b"event: end\ndata: {}\n\n\r\n0\r\n\r\n")


@pytest.mark.parametrize("force", [False, True])
async def test_what_does_not_finish_in_time_is_told_so(force: bool, caplog: pytest.LogCaptureFixture) -> None:
    async with serving(http={"drain_timeout": 60 if force else 0.001}) as served:
        async with await served.post_raw("drip") as stream, await served.post_raw("hang") as call:
            await read_until(stream, b"event: item")
            await served.saju.entered.wait()
            while not outcomes_begun(served, "hang"):
                await all_blocked()
            (served.server.force if force else served.server.stop)()
            last = await read_all(stream)
            answer = await read_all(call)
        assert b"event: error" in last
        assert b'"code":"UNAVAILABLE","retryable":true' in last
        assert b"event: end" not in last
        assert answer.startswith(b"HTTP/1.1 503 ")
        assert b"retry-after: 1" in answer
    assert not [record for record in caplog.records if record.levelno >= logging.WARNING]


def outcomes_begun(served: Served, operation: str) -> int:
    return served.service.endpoints[f"saju.{operation}"].metrics.in_flight


async def test_a_port_in_use_is_said_before_anything_starts(served: Served) -> None:
    second = HttpServer(Service(compose_parts(PARTS, http={"port": served.port})))
    with pytest.raises(CubekitError, match=f"127.0.0.1:{served.port} is in use") as caught:
        await anyio.to_thread.run_sync(second.bind)
    (diagnostic,) = caught.value.diagnostics
    assert diagnostic.code == "CK405"
    assert diagnostic.found is None or f"process {os.getpid()} " in diagnostic.found
    assert diagnostic.fix is not None
    assert "--set http.port=" in diagnostic.fix


@pytest.mark.parametrize(
    ("host", "says"), [("192.0.2.1", "cannot listen on"), ("no-such-host.invalid", "cannot listen on")]
)
def test_an_address_of_another_machine_is_refused(host: str, says: str) -> None:
    with pytest.raises(CubekitError, match=says):
        HttpServer(Service(compose_parts(PARTS, http={"host": host, "port": 0}))).bind()


@pytest.mark.skipif(not socket.has_ipv6, reason="this machine has no IPv6")
async def test_ipv6() -> None:
    async with serving(http={"host": "::1"}) as served:
        assert served.server.url.startswith("http://[::1]:")
        assert (await served.client.get("/livez")).text == "ok"


async def test_localhost_is_every_address_of_it() -> None:
    async with serving(http={"host": "localhost"}) as served:
        async with await served.connect():
            pass
        assert (await served.client.get("/livez")).text == "ok"


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    body=st.one_of(
        st.binary(max_size=2500),
        st.text(max_size=200).map(lambda text: b'{"birthDate":"' + text.encode("utf-8", "surrogatepass") + b'"}'),
    ),
    operation=st.sampled_from(
        ["calculate", "defaults", "nothing", "document", "count", "hook", "fail%00", "results/1"]
    ),
    content_type=st.sampled_from(
        ["application/json", "text/plain", "application/octet-stream", "application/+json;charset"]
    ),
)
def test_no_body_makes_a_server_error(body: bytes, operation: str, content_type: str) -> None:
    async def send() -> None:
        async with running(PARTS, http={"max_body": 2000}) as service, http_client(service) as client:
            response = await client.post(
                f"/api/v1/saju/{operation}", content=body, headers={"content-type": content_type}
            )
            assert response.status_code < 500, response.text

    anyio.run(send)
