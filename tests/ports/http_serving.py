"""Cubes for the tests of the HTTP port, and a server on a real socket."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Literal

import anyio
from anyio.abc import SocketStream
from blockbuster import blockbuster_ctx
from httpx2 import AsyncClient, Response
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.responses import Response as RawResponse

from cubekit import (
    Authenticator,
    Credentials,
    Cube,
    Failure,
    Health,
    Identity,
    Invalid,
    Model,
    NotFound,
    Page,
    RateLimited,
    Unauthenticated,
    Unavailable,
    current_call,
    operation,
    route,
)
from cubekit.ground.colours import Colour
from cubekit.ports.http import HttpServer
from cubekit.runtime.service import Service
from cubekit.testing import Part, compose_parts


class NoSuchLeapMonth(Invalid):
    message = "Lunar year {year} has no leap month {month}."
    translations = {"ko": "음력 {year}년에는 윤{month}월이 없습니다."}


class Place(Model):
    time_zone: str = "Asia/Seoul"


class Birth(Model):
    birth_date: str
    is_lunar: bool = False
    place: Place | None = None


FAILURES: dict[str, Failure] = {
    "leap": NoSuchLeapMonth(field="isLeapMonth", year=1990, month=4, cause=object()),
    "missing": NotFound(),
    "rate": RateLimited(retry_after=2.2),
    "down": Unavailable(),
}


class Saju(Cube):
    """Korean four-pillars calendar."""

    def __init__(self) -> None:
        self.entered = anyio.Event()
        self.cleaned = anyio.Event()
        self.go_on = anyio.Event()

    async def start(self) -> None:
        self.meter.create_counter("charts.drawn").add(3, {"kind.of": "solar"})
        self.meter.create_up_down_counter("charts.open").add(2)
        self.meter.create_histogram("chart.size").record(7)

    @operation
    async def calculate(self, birth: Birth) -> Birth:
        """Return the birth itself.

        At length.
        """
        return birth

    @operation
    async def defaults(self, count: int = 1, first_name: str = "Ada") -> dict[str, object]:
        return {"count": count, "first_name": first_name}

    @operation
    async def nothing(self) -> None: ...

    @operation(errors=(NoSuchLeapMonth,))
    async def fail(self, how: str) -> None:
        if how in FAILURES:
            raise FAILURES[how]
        raise ZeroDivisionError("a secret of the implementation")

    @operation
    async def wrong_type(self) -> int:
        return "not a number"  # type: ignore[return-value]

    @operation
    async def context(self) -> dict[str, object]:
        call = current_call()
        return {
            "trace": call.trace_id,
            "parent": call.parent_span_id,
            "sampled": call.sampled,
            "locale": call.locale,
            "key": call.idempotency_key,
            "client": call.client,
            "port": call.port,
            "limited": call.deadline is not None,
            "principal": call.caller.principal,
        }

    @operation(scope="charts")
    async def private(self) -> str | None:
        return current_call().caller.principal

    @operation
    async def wrong_page(self) -> Page[int]:
        return [1]  # type: ignore[return-value]

    @operation
    async def wrong_document(self) -> bytes:
        return "text"  # type: ignore[return-value]

    @operation
    async def wrong_items(self, good: int) -> AsyncIterator[int]:
        for number in range(good):
            yield number
        yield "not a number"  # type: ignore[misc]

    @operation(http="GET results/{result_id}")
    async def result(self, result_id: int, tags: list[int] = [], on: bool = False) -> dict[str, object]:  # noqa: B006
        return {"id": result_id, "tags": tags, "on": on}

    @operation(http="DELETE results/{result_id}")
    async def remove(self, result_id: int) -> None: ...

    @operation(http="GET results/latest")
    async def latest(self) -> str:
        return "latest"

    @operation(http="PUT {name}")
    async def rename(self, name: str, to: str) -> list[str]:
        return [name, to]

    @operation
    async def listing(self, page: int = 1) -> Page[Birth]:
        return Page(items=(Birth(birth_date="1990"),), page=page, limit=1, total=3)

    @operation
    async def document(self, raw: bytes) -> bytes:
        return raw[::-1]

    @operation
    async def hang(self) -> None:
        self.entered.set()
        try:
            await anyio.sleep_forever()
        finally:
            self.cleaned.set()

    @operation
    async def count(self, to: int, fail_at: int = -1) -> AsyncIterator[dict[str, int]]:
        """Count."""
        for number in range(to):
            if number == fail_at:
                raise FAILURES["leap"] if number != 1 else ZeroDivisionError("a secret")
            yield {"the_number": number}

    @operation
    async def drip(self) -> AsyncIterator[int]:
        try:
            yield 1
            self.entered.set()
            await self.go_on.wait()
            yield 2
        finally:
            self.cleaned.set()

    @operation
    async def flood(self) -> AsyncIterator[str]:
        try:
            while True:
                yield "x" * 100_000
                self.entered.set()
        finally:
            self.cleaned.set()

    @route("GET raw/{name}")
    async def raw(self, request: Request) -> RawResponse:
        match name := request.path_params["name"]:
            case "crash":
                raise ZeroDivisionError("a secret")
            case "teapot":
                raise HTTPException(418, "short and stout", {"x-pot": "tea"})
            case "failure":
                raise FAILURES["missing"]
            case "wrong":
                return "text"  # type: ignore[return-value]
        return PlainTextResponse(f"{name} {current_call().locale}")

    @route("POST hook")
    async def hook(self, request: Request) -> RawResponse:
        return PlainTextResponse(str(len(await request.body())))

    async def health_check(self) -> Health:
        return Health("warn", "a bit slow", {"queue": 3})


class Guard(Cube, Authenticator, implements="cubekit.authenticator@0.1"):
    """Knows Ada by her token, her key or her cookie."""

    def __init__(self) -> None:
        self.asked = 0

    async def authenticate(self, credentials: Credentials) -> Identity:
        self.asked += 1
        given = (credentials.authorization, credentials.api_key, credentials.cookies.get("session"))
        if "Bearer ada" in given or "ada" in given:
            return Identity(principal="ada", scopes=frozenset({"charts"}))
        if "Bearer bob" in given:
            return Identity(principal="bob")
        raise Unauthenticated("These credentials are not valid.")


PARTS: Mapping[str, Part] = {"saju": Part(Saju), "guard": Part(Guard, Colour.SECURITY)}


HttpPath = Literal["protocol", "table", "router"]

current_path: HttpPath = "protocol"
"""The way of the running test; see ``conftest.py``."""


@dataclass
class Served:
    """A service behind a socket."""

    service: Service
    server: HttpServer
    client: AsyncClient
    port: int

    @property
    def saju(self) -> Saju:
        cube = self.service.instances["saju"].living()
        assert isinstance(cube, Saju)
        return cube

    async def call(self, operation: str, body: object = None, **headers: str) -> Response:
        """POST to an operation of the cube."""
        return await self.client.post(
            f"/api/v1/saju/{operation}",
            content=b"" if body is None else json.dumps(body).encode(),
            headers={"content-type": "application/json", **{k.replace("_", "-"): v for k, v in headers.items()}},
        )

    async def connect(self) -> SocketStream:
        """Open a connection without any manners."""
        return await anyio.connect_tcp("127.0.0.1", self.port)

    async def post_raw(self, operation: str, body: bytes = b"{}", headers: str = "") -> SocketStream:
        """Send a request on a connection of its own."""
        stream = await self.connect()
        head = f"POST /api/v1/saju/{operation} HTTP/1.1\r\nhost: test\r\ncontent-type: application/json\r\n{headers}"
        await stream.send(f"{head}content-length: {len(body)}\r\n\r\n".encode() + body)
        return stream


@asynccontextmanager
async def serving(
    parts: Mapping[str, Part] = PARTS, path: HttpPath | None = None, **sections: Mapping[str, Any]
) -> AsyncIterator[Served]:
    """Serve cubes on a port of the system's choice, within a time limit; a call that blocks the loop is an error.

    :param path: the way that requests take; by default that of the running test.
    """
    http = {"port": 0, "max_body": 2000, **sections.pop("http", {})}
    service = Service(compose_parts(parts, http=http, **sections))
    server = HttpServer(service, path or current_path)
    server.bind()
    with anyio.fail_after(20):
        async with service.running(), anyio.create_task_group() as tasks:
            await tasks.start(server.run)
            async with AsyncClient(base_url=server.url) as client:
                with blockbuster_ctx("cubekit.ports"):
                    yield Served(service, server, client, int(server.url.rpartition(":")[2]))
            server.force()


async def all_blocked() -> None:
    """Wait until no task can go on by itself.

    anyio looks again after 100 ms, when uvicorn, which wakes every 100 ms, may be awake: once their moments are the
    same, they stay so. Hence it is asked anew after another time.
    """
    looking = True
    while looking:
        with anyio.move_on_after(0.03) as limit:
            await anyio.wait_all_tasks_blocked()
        looking = limit.cancelled_caught


async def read_until(stream: SocketStream, end: bytes) -> bytes:
    """Read from a connection until something has come."""
    read = b""
    while end not in read:
        read += await stream.receive()
    return read


async def read_all(stream: SocketStream) -> bytes:
    """Read from a connection until its end."""
    read = b""
    async for chunk in stream:
        read += chunk
    return read
