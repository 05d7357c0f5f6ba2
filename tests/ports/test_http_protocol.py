"""HTTP as it comes over the wire: each of these runs over router, table and protocol class."""

from __future__ import annotations

from collections.abc import AsyncIterator

import anyio
import pytest

from cubekit.ports.http import connections, protocol

from .http_serving import Served, read_all, read_until, serving

pytestmark = pytest.mark.anyio

BODY = b'{"birthDate":"1990"}'
ANSWER = b'{"success":true,"data":{"birthDate":"1990","isLunar":false,"place":null}}'


def request(more: bytes = b"", *, version: bytes = b"1.1", body: bytes = BODY) -> bytes:
    head = b"POST /api/v1/saju/calculate HTTP/" + version + b"\r\nhost: test\r\ncontent-type: application/json\r\n"
    return head + more + b"content-length: %d\r\n\r\n" % len(body) + body


@pytest.fixture
async def served() -> AsyncIterator[Served]:
    async with serving() as served:
        yield served


async def test_pipelined_requests_are_answered_in_order(served: Served) -> None:
    hang = request(body=b"{}").replace(b"calculate", b"hang")
    async with await served.connect() as stream:
        await stream.send(request() + request(body=b'{"birthDate":"2"}') + hang)
        read = await read_until(stream, b'"birthDate":"2"')
        assert read.index(b'"1990"') < read.index(b'"birthDate":"2"')
        await served.saju.entered.wait()
    await served.saju.cleaned.wait()


async def test_a_request_may_come_byte_by_byte(served: Served) -> None:
    async with await served.connect() as stream:
        for number in request():
            await stream.send(bytes([number]))
        assert ANSWER in await read_until(stream, ANSWER)


@pytest.mark.parametrize("sizes", [(1,), (3, 7), (100,)])
async def test_chunked_bodies(served: Served, sizes: tuple[int, ...]) -> None:
    head = b"POST /api/v1/saju/calculate HTTP/1.1\r\nhost: test\r\ncontent-type: application/json\r\n"
    chunks, rest = b"", BODY
    while rest:
        for size in sizes:
            part, rest = rest[:size], rest[size:]
            chunks += b"%x\r\n" % len(part) + part + b"\r\n" if part else b""
    async with await served.connect() as stream:
        await stream.send(head + b"transfer-encoding: chunked\r\n\r\n" + chunks + b"0\r\n\r\n")
        assert (await read_until(stream, ANSWER)).startswith(b"HTTP/1.1 200 ")


async def test_expect_100_continue(served: Served) -> None:
    async with await served.connect() as stream:
        whole = request(b"expect: 100-continue\r\n")
        head, body = whole[: -len(BODY)], whole[-len(BODY) :]
        await stream.send(head)
        assert (await read_until(stream, b"\r\n\r\n")).startswith(b"HTTP/1.1 100 ")
        await stream.send(body)
        assert (await read_until(stream, ANSWER)).startswith(b"HTTP/1.1 200 ")


@pytest.mark.parametrize("more", [b"", b"connection: keep-alive\r\n"])
async def test_http_1_0(served: Served, more: bytes) -> None:
    async with await served.connect() as stream:
        await stream.send(request(more, version=b"1.0"))
        answer = await read_all(stream)
    assert answer.startswith(b"HTTP/1.1 200 ")
    assert b"connection: close" in answer
    assert answer.endswith(ANSWER)


async def test_connection_close(served: Served) -> None:
    async with await served.connect() as stream:
        await stream.send(request(b"connection: close\r\n"))
        answer = await read_all(stream)
    assert b"connection: close" in answer
    assert answer.endswith(ANSWER)


async def test_head_options_and_other_methods(served: Served) -> None:
    client = served.client
    get = await client.get("/api/v1/saju/results/latest")
    head = await client.head("/api/v1/saju/results/latest")
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["content-length"] == str(len(get.content))
    assert (await client.options("/api/v1/saju/calculate")).headers["allow"] == "OPTIONS, POST, PUT"
    wrong = await client.get("/api/v1/saju/calculate")
    assert (wrong.status_code, wrong.headers["allow"]) == (405, "OPTIONS, POST, PUT")


async def test_every_answer_has_a_date_and_a_length(served: Served) -> None:
    for answer in (await served.call("nothing"), await served.call("fail", {"how": "missing"})):
        assert "date" in answer.headers
        assert answer.headers["content-length"] == str(len(answer.content))


async def test_cross_origin_requests() -> None:
    origin = {"origin": "https://example.org"}
    async with serving(http={"cors": ["https://example.org"]}) as served:
        answer = await served.call("calculate", {"birthDate": "1990"}, **origin)
        assert answer.headers["access-control-allow-origin"] == "https://example.org"
        other = await served.call("calculate", {"birthDate": "1990"}, origin="https://other.org")
        assert "access-control-allow-origin" not in other.headers
        asked = {**origin, "access-control-request-method": "POST", "access-control-request-headers": "content-type"}
        allowed = await served.client.options("/api/v1/saju/calculate", headers=asked)
        assert (allowed.status_code, allowed.headers["access-control-allow-credentials"]) == (200, "true")
    async with serving() as served:
        answer = await served.call("calculate", {"birthDate": "1990"}, **origin)
        assert "access-control-allow-origin" not in answer.headers


HUGE = b"x" * (connections.MAX_HEAD + 10_000)
CHUNKED = b"POST /api/v1/saju/calculate HTTP/1.1\r\nhost: test\r\ntransfer-encoding: chunked\r\n\r\n"


@pytest.mark.parametrize(
    "sent",
    [
        request(b"x-long: " + HUGE + b"\r\n"),
        b"GET /x HTTP/1.1\r\nx-long: " + HUGE,
        b"GET /" + HUGE,
        b"GET /x HTTP/1.1\r\n" + b"a:\r\n" * 20_000,
    ],
)
async def test_heads_are_limited(served: Served, sent: bytes) -> None:
    async with await served.connect() as stream:
        await stream.send(sent)
        answer = await read_all(stream)
    assert answer.startswith(b"HTTP/1.1 431 ")
    assert b"date: " in answer
    assert b'"code":"VALIDATION"' in answer


async def test_a_long_head_is_no_problem(served: Served) -> None:
    async with await served.connect() as stream:
        await stream.send(request(b"x-long: " + b"x" * (connections.MAX_HEAD // 2) + b"\r\n"))
        assert (await read_until(stream, ANSWER)).startswith(b"HTTP/1.1 200 ")


@pytest.mark.parametrize("sent", [b"0\r\nx-long: " + HUGE, b"1;" + HUGE])
async def test_what_surrounds_a_body_is_limited(served: Served, sent: bytes) -> None:
    async with await served.connect() as stream:
        await stream.send(CHUNKED + sent)
        assert await read_all(stream) == b""


async def test_trailers_are_no_headers(served: Served) -> None:
    async with await served.connect() as stream:
        await stream.send(CHUNKED + b"2\r\n{}\r\n0\r\naccept-language: ko\r\ncontent-type: application/json\r\n\r\n")
        assert (await read_until(stream, b"\r\n")).startswith(b"HTTP/1.1 415 ")


@pytest.mark.parametrize(
    "sent",
    [
        b"\x00\x01 nonsense\r\n\r\n",
        b"GET http://nowhere HTTP/1.1\r\nhost: test\r\n\r\n",
        b"GET /\xff HTTP/1.1\r\nhost: test\r\n\r\n",
        b"POST /api/v1/saju/calculate HTTP/1.1\r\ncontent-length: x\r\n\r\n",
    ],
)
async def test_what_is_no_http_is_400(served: Served, sent: bytes, caplog: pytest.LogCaptureFixture) -> None:
    async with await served.connect() as stream:
        await stream.send(sent)
        answer = await read_all(stream)
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert b"date: " in answer
    assert b"application/problem+json" in answer
    assert b'"code":"VALIDATION"' in answer
    assert not caplog.records


async def test_an_upgrade_is_declined_quietly(served: Served, caplog: pytest.LogCaptureFixture) -> None:
    async with await served.connect() as stream:
        asked = b"connection: upgrade\r\nupgrade: h2c\r\n"
        elsewhere = b"GET /livez HTTP/1.1\r\nhost: test\r\n" + asked + b"\r\n"
        await stream.send(request(asked) * 2 + elsewhere + request(b"connection: close\r\n"))
        answers = await read_all(stream)
        assert (answers.count(b"HTTP/1.1 200 "), answers.count(ANSWER)) == (4, 3)
    assert not caplog.records


async def test_what_is_no_http_stands_in_nobodys_place(served: Served) -> None:
    async with await served.post_raw("hang") as stream:
        await served.saju.entered.wait()
        await stream.send(b"\x00\x01 nonsense\r\n\r\n")
        assert await read_all(stream) == b""
    await served.saju.cleaned.wait()


@pytest.mark.parametrize("sent", [b"", b"POST /api/v1/saju/calculate HTTP/1.1\r\nhost: te", request()])
async def test_a_connection_on_which_nothing_comes_is_closed(sent: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(protocol.TableProtocol, "patience", 0.05)
    async with serving() as served, await served.connect() as stream:
        if sent:
            await stream.send(sent)
        with anyio.fail_after(5):
            answer = await read_all(stream)
    assert (b"200 OK" in answer) == (sent == request())


async def test_the_beginning_of_a_next_request_does_not_end_an_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(protocol.TableProtocol, "patience", 0.05)
    async with serving() as served, await served.post_raw("drip") as stream:
        await read_until(stream, b"event: item")
        await stream.send(b"POST /api/v1/saju/calculate HTTP/1.1\r\nhost: te")
        await anyio.sleep(0.3)  # several times its patience
        served.saju.go_on.set()
        assert b"event: end" in await read_until(stream, b"event: end")


async def test_a_connection_that_is_used_stays(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(protocol.TableProtocol, "patience", 0.2)
    async with serving() as served, await served.connect() as stream:
        for _ in range(5):
            await anyio.sleep(0.08)  # less than the patience each time, more in all
            await stream.send(request())
            await read_until(stream, ANSWER)
