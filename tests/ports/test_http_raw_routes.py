"""Raw routes: a cube answers by itself, within the same limits and counts as operations."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Mapping
from typing import Any

import anyio
import pytest
from starlette.background import BackgroundTask
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse

from cubekit import Cube, NotFound, current_call, route
from cubekit.testing import ControlledClock, Part, compose_parts, crash, http_client, running

from .http_serving import Served, read_all, read_until, serving
from .test_http_operations import problem

pytestmark = pytest.mark.anyio


class Desk(Cube):
    """Answers raw requests of all kinds."""

    def __init__(self) -> None:
        self.entered = anyio.Event()
        self.go_on = anyio.Event()
        self.cleaned = anyio.Event()

    @route("GET raw/{name}")
    async def answer(self, request: Request, /) -> Response:
        match name := request.path_params["name"]:
            case "crash":
                raise ZeroDivisionError("a secret")
            case "teapot":
                raise HTTPException(418, "short and stout", {"x-pot": "tea"})
            case "nowhere":
                raise HTTPException(404)
            case "elsewhere":
                raise HTTPException(307, headers={"location": "/livez"})
            case "failure":
                raise NotFound()
            case "wrong":
                return "text"  # type: ignore[return-value]
            case "hang":
                await self._wait()
            case "drip":
                return StreamingResponse(self._drip())
            case "torn":
                return StreamingResponse(self._torn())
            case "later":
                return PlainTextResponse("done", background=BackgroundTask(self._wait))
        return PlainTextResponse(f"{name} {current_call().locale}")

    async def _wait(self) -> None:
        self.entered.set()
        try:
            await self.go_on.wait()
        finally:
            self.cleaned.set()

    async def _drip(self) -> AsyncIterator[str]:
        yield "one\n"
        await self._wait()
        yield f"{current_call().locale} {current_call().deadline}\n"

    async def _torn(self) -> AsyncIterator[str]:
        yield "one\n"
        raise ZeroDivisionError("a secret")

    @route("POST hook")
    async def hook(self, request: Request) -> Response:
        streamed = b"".join([chunk async for chunk in request.stream()])
        assert not await request.is_disconnected()
        return PlainTextResponse(str(len(streamed)))


def desk(served: Served) -> Desk:
    cube = served.service.instances["desk"].living()
    assert isinstance(cube, Desk)
    return cube


def limited(**limits: Any) -> Mapping[str, Part]:
    return {"desk": Part(Desk, settings={"limits": limits})}


@pytest.fixture
async def served() -> AsyncIterator[Served]:
    async with serving(limited()) as served:
        yield served


def outcomes(served: Served) -> dict[str, int]:
    """What is counted of the route."""
    return dict(served.service.routes["desk.answer"].metrics.outcomes)


async def ended(served: Served) -> None:
    """Wait until no call is under way."""
    life = served.service.instances["desk"].life
    assert life is not None
    await life.tickets.drained()


async def get(served: Served, name: str, **headers: str) -> Any:
    return await served.client.get(
        f"/api/v1/desk/raw/{name}", headers={name.replace("_", "-"): value for name, value in headers.items()}
    )


async def test_they_answer_as_they_like(served: Served) -> None:
    assert (await get(served, "hello", accept_language="ko")).text == "hello ko"
    assert (await get(served, "elsewhere")).headers["location"] == "/livez"
    response = await get(served, "teapot")
    assert problem(response, 418, "VALIDATION")["detail"] == "short and stout"
    assert response.headers["x-pot"] == "tea"
    problem(await get(served, "failure"), 404, "NOT_FOUND")
    assert problem(await get(served, "nowhere"), 404, "NOT_FOUND")["detail"] == "Not Found"
    assert outcomes(served) == {"OK": 2, "VALIDATION": 1, "NOT_FOUND": 2}


@pytest.mark.parametrize("name", ["crash", "wrong"])
async def test_a_failure_is_logged_and_500(served: Served, caplog: pytest.LogCaptureFixture, name: str) -> None:
    document = problem(await get(served, name), 500, "INTERNAL")
    (record,) = [record for record in caplog.records if record.levelno >= logging.ERROR]
    assert document["traceId"] in record.getMessage()
    assert outcomes(served) == {"INTERNAL": 1}


async def test_their_bodies_are_limited(served: Served) -> None:
    assert (await served.client.post("/api/v1/desk/hook", content=b"x" * 2000)).text == "2000"
    problem(await served.client.post("/api/v1/desk/hook", content=b"x" * 2001), 413, "VALIDATION")


async def test_the_timeout_header_holds_for_them(served: Served) -> None:
    problem(await get(served, "hang", x_request_timeout="0.01"), 504, "TIMEOUT")
    assert desk(served).cleaned.is_set()
    assert outcomes(served) == {"TIMEOUT": 1}
    problem(await get(served, "hello", x_request_timeout="soon"), 400, "VALIDATION")


async def test_the_deadline_of_the_cube_holds_for_them() -> None:
    async with serving(limited(deadline="10ms")) as served:
        problem(await get(served, "hang"), 504, "TIMEOUT")


async def test_a_queue_that_is_full_refuses_at_once() -> None:
    async with serving(limited(queue=1)) as served, anyio.create_task_group() as tasks:
        tasks.start_soon(get, served, "hang")
        await desk(served).entered.wait()
        problem(await get(served, "hello"), 503, "OVERLOADED")
        desk(served).go_on.set()


async def test_a_cube_that_does_not_run_is_not_called() -> None:
    clock = ControlledClock()
    async with running(compose_parts(limited()), clock=clock) as service, http_client(service) as client:
        await crash(service, "desk")
        response = await client.get("/api/v1/desk/raw/hello")
        problem(response, 503, "UNAVAILABLE")
        assert response.headers["retry-after"] == "1"
        await clock.advance(1)
        assert (await client.get("/api/v1/desk/raw/hello")).status_code == 200


@pytest.mark.parametrize("name", ["hang", "drip"])
async def test_a_client_that_leaves_cancels_the_call(
    served: Served, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    async with await served.connect() as stream:
        await stream.send(f"GET /api/v1/desk/raw/{name} HTTP/1.1\r\nhost: test\r\n\r\n".encode())
        await desk(served).entered.wait()
    await desk(served).cleaned.wait()
    await ended(served)
    assert outcomes(served) == {"CANCELLED" if name == "hang" else "OK": 1}, "the route had returned its response"
    assert not [record for record in caplog.records if record.levelno >= logging.WARNING]


async def test_a_response_that_goes_on_has_no_deadline_and_is_under_way_until_its_end() -> None:
    async with serving(limited(deadline="50ms", queue=1)) as served, await served.connect() as stream:
        await stream.send(b"GET /api/v1/desk/raw/drip HTTP/1.1\r\nhost: test\r\n\r\n")
        await read_until(stream, b"one\n")
        await desk(served).entered.wait()
        problem(await get(served, "hello"), 503, "OVERLOADED")
        await anyio.sleep(0.06)  # the deadline passes: only the route itself had to be in time
        desk(served).go_on.set()
        assert b"en None\n" in await read_until(stream, b"\r\n0\r\n\r\n")
        await ended(served)
        assert outcomes(served) == {"OK": 1, "OVERLOADED": 1}


async def test_what_a_response_does_in_the_background_goes_on_when_the_client_is_content(served: Served) -> None:
    async with await served.connect() as stream:
        await stream.send(b"GET /api/v1/desk/raw/later HTTP/1.1\r\nhost: test\r\nconnection: close\r\n\r\n")
        assert (await read_until(stream, b"done")).startswith(b"HTTP/1.1 200 ")
        await desk(served).entered.wait()
    assert (await get(served, "hello")).status_code == 200  # by now the server knows that the client has left
    assert not desk(served).cleaned.is_set()
    desk(served).go_on.set()
    await ended(served)
    assert outcomes(served) == {"OK": 2}


async def test_a_response_that_breaks_is_not_ended_and_is_logged_by_its_trace(
    served: Served, caplog: pytest.LogCaptureFixture
) -> None:
    async with await served.connect() as stream:
        head = f"GET /api/v1/desk/raw/torn HTTP/1.1\r\nhost: test\r\ntraceparent: 00-{'a' * 32}-{'b' * 16}-00\r\n\r\n"
        await stream.send(head.encode())
        answer = await read_all(stream)
    assert answer.endswith(b"one\n\r\n"), "without the last chunk, so that the client knows"
    assert "a" * 32 in next(record for record in caplog.records if record.name == "cubekit.http").getMessage()
    assert outcomes(served) == {"OK": 1}, "the route had returned its response"


async def test_at_the_end_of_the_drain_they_are_cut_short() -> None:
    async with serving(limited(), http={"drain_timeout": 0.001}) as served:
        async with await served.connect() as hanging, await served.connect() as dripping:
            await hanging.send(b"GET /api/v1/desk/raw/hang HTTP/1.1\r\nhost: test\r\n\r\n")
            await desk(served).entered.wait()
            await dripping.send(b"GET /api/v1/desk/raw/drip HTTP/1.1\r\nhost: test\r\n\r\n")
            await read_until(dripping, b"one\n")
            served.server.stop()
            assert (await read_all(hanging)).startswith(b"HTTP/1.1 503 ")
            assert not (await read_all(dripping)).endswith(b"0\r\n\r\n")
        await ended(served)
