"""Operations that end in ways that nobody expects: each of these runs over router, table and protocol."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import anyio.lowlevel
import pytest
from starlette.requests import Request
from starlette.responses import Response

from cubekit import Cube, Failure, RateLimited, operation, route
from cubekit.testing import Part

from .http_serving import Served, read_all, serving

pytestmark = pytest.mark.anyio


class Odd(Failure):
    status = 1000


class Mute:
    def __str__(self) -> str:
        raise ZeroDivisionError


class Stray(BaseException):
    """Nothing that ends a program."""


class Mistaken(Cube):
    @operation
    async def cancelled(self) -> None:
        raise asyncio.CancelledError

    @operation
    async def cancelledlater(self) -> None:
        await anyio.lowlevel.checkpoint()
        raise asyncio.CancelledError

    @operation
    async def owntask(self) -> None:
        task = asyncio.create_task(asyncio.Event().wait())
        await anyio.lowlevel.checkpoint()
        task.cancel()
        await task

    @operation
    async def stray(self) -> None:
        raise Stray

    @operation
    async def status(self) -> None:
        raise Odd

    @operation
    async def mute(self) -> None:
        failure = Odd()
        failure.params["what"] = Mute()
        failure.text = "{what}"
        raise failure

    @operation
    async def limited(self, pause: str, later: bool) -> None:
        if later:
            await anyio.lowlevel.checkpoint()
        raise RateLimited(retry_after=float(pause))

    @operation
    async def items(self, good: int) -> AsyncIterator[int]:
        for number in range(good):
            yield number
        raise asyncio.CancelledError

    @route("POST raw")
    async def raw(self, request: Request) -> Response:
        raise asyncio.CancelledError


@pytest.fixture
async def served() -> AsyncIterator[Served]:
    async with serving({"saju": Part(Mistaken)}) as served:
        yield served


@pytest.mark.parametrize(
    "operation", ["cancelled", "cancelledlater", "owntask", "stray", "status", "mute", "items", "raw"]
)
async def test_whatever_an_operation_ends_with_is_answered_and_logged(
    served: Served, operation: str, caplog: pytest.LogCaptureFixture
) -> None:
    answer = await served.call(operation, {"good": 0} if operation == "items" else None)
    assert (answer.status_code, answer.json()["code"]) == (500, "INTERNAL")
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["traceId"] in caplog.text
    assert (await served.call(operation, {"good": 0} if operation == "items" else None)).status_code == 500


async def test_a_stream_that_cancels_itself_ends_in_an_error(served: Served) -> None:
    async with await served.post_raw("items", b'{"good":2}', "connection: close\r\n") as stream:
        answer = await read_all(stream)
    assert answer.count(b"event: item") == 2
    assert b'event: error\ndata: {"type":"urn:cubekit:error:internal"' in answer


@pytest.mark.parametrize(("pause", "said"), [("inf", "31536000"), ("nan", "1"), ("-inf", "1"), ("2.2", "3")])
@pytest.mark.parametrize("later", [False, True])
async def test_any_pause_can_be_told(served: Served, pause: str, said: str, later: bool) -> None:
    answer = await served.call("limited", {"pause": pause, "later": later})
    assert (answer.status_code, answer.headers["retry-after"]) == (429, said)
