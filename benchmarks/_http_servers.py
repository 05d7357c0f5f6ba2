"""The servers that ``http_throughput`` compares: one and the same POST, written for each framework.

Run as ``python _http_servers.py KIND PORT OPERATIONS``.
"""

from __future__ import annotations

import sys
from datetime import date
from typing import Any

from pydantic import BaseModel, ConfigDict
from pydantic.alias_generators import to_camel

import cubekit


class Wire(BaseModel):
    """Models of the peers; cubekit makes camelCase by itself."""

    model_config = ConfigDict(alias_generator=to_camel, extra="forbid")


class Birth(Wire):
    birth_date: date
    latitude: float
    longitude: float
    name: str = ""


class Pillar(Wire):
    stem: str
    branch: str


class Chart(Wire):
    day: Pillar
    pillars: list[Pillar]
    age: int


class Answer(Wire):
    success: bool = True
    data: Chart


PILLARS = [Pillar(stem="갑", branch="자"), Pillar(stem="을", branch="축"), Pillar(stem="병", branch="인")]


def compute(birth: Birth) -> Chart:
    """The same little work for everybody."""
    return Chart.model_construct(day=PILLARS[0], pillars=PILLARS, age=birth.birth_date.year % 100)


def serve_cubekit(path: Any, port: int, operations: int) -> None:
    """One cube with one operation that is measured, and as many others as asked for."""
    import anyio

    from cubekit.ports.http import HttpServer
    from cubekit.runtime.service import Service
    from cubekit.testing import compose_parts
    from cubekit.workers.memory import settle

    class Saju(cubekit.Cube):
        @cubekit.operation
        async def calculate(self, birth: Birth) -> Chart:
            return compute(birth)

    def other(number: int) -> Any:
        async def method(self: object, birth: Birth) -> Chart:
            return compute(birth)

        method.__name__ = method.__qualname__ = f"operation_{number}"
        return cubekit.operation(method)

    members = {f"operation_{number}": other(number) for number in range(operations - 1)}
    cube = type("Saju", (Saju,), members)

    async def main() -> None:
        service = Service(compose_parts({"saju": cube}, http={"port": port}))
        async with service.running():
            settle()  # as `cubekit up` does
            await HttpServer(service, path).run()

    anyio.run(main, backend_options={"use_uvloop": True})


def serve_fastapi(port: int, operations: int) -> None:
    """FastAPI as its documentation shows it."""
    import uvicorn
    from fastapi import FastAPI

    app = FastAPI()
    for number in range(operations - 1):

        @app.post(f"/api/v1/saju/operation{number}")
        async def operation(birth: Birth) -> Answer:
            return Answer(data=compute(birth))

    @app.post("/api/v1/saju/calculate")
    async def calculate(birth: Birth) -> Answer:
        return Answer(data=compute(birth))

    uvicorn.run(app, port=port, loop="uvloop", http="httptools", log_level="warning", access_log=False)


def serve_blacksheep(port: int, operations: int) -> None:
    """BlackSheep, which binds pydantic models, with an answer written by pydantic."""
    import uvicorn
    from blacksheep import Application, Content, FromJSON, Response, post

    app = Application()

    async def calculate(birth: Any) -> Response:
        answer = Answer(data=compute(birth.value))
        return Response(200, content=Content(b"application/json", answer.model_dump_json(by_alias=True).encode()))

    # BlackSheep looks annotations up in the module, where its names are not.
    calculate.__annotations__ = {"birth": FromJSON[Birth], "return": Response}
    post("/api/v1/saju/calculate")(calculate)
    uvicorn.run(app, port=port, loop="uvloop", http="httptools", log_level="warning", access_log=False)


if __name__ == "__main__":
    kind, port, operations = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    if kind == "fastapi":
        serve_fastapi(port, operations)
    elif kind == "blacksheep":
        serve_blacksheep(port, operations)
    else:
        serve_cubekit(kind, port, operations)
