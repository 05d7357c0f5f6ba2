"""Operations that write their own JSON: ports get the text, other cubes and middleware the value."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from cubekit import Cube, Model, NotFound, operation
from cubekit.authoring.context import CallContext
from cubekit.composition.plugins import Next
from cubekit.testing import Part
from cubekit.testing.interception import intercepted

from .http_serving import serving

pytestmark = pytest.mark.anyio


class Chart(Model):
    day_pillar: str


class Writer(Cube):
    """Makes charts that take long to make and not long to write."""

    def __init__(self) -> None:
        self.made = self.written = 0

    @operation(json="draw_json")
    async def draw(self, name: str = "甲子") -> Chart:
        """Draw a chart."""
        self.made += 1
        return Chart(day_pillar=name)

    async def draw_json(self, name: str = "甲子") -> bytes:
        """Write what `draw` returns."""
        if name == "?":
            raise NotFound
        self.written += 1
        return f'{{"dayPillar":"{name}"}}'.encode()


async def test_ports_get_the_text_and_other_cubes_the_value() -> None:
    async with serving({"saju": Part(Writer)}) as served:
        answer = await served.call("draw", {"name": "乙丑"})
        assert answer.json() == {"success": True, "data": {"dayPillar": "乙丑"}}
        cube: Any = served.service.instances["saju"].living()
        assert (cube.made, cube.written) == (0, 1)
        assert await served.service.call("saju.draw") == Chart(day_pillar="甲子")
        assert (cube.made, cube.written) == (1, 1)
        metrics = served.service.endpoints["saju.draw"].metrics
        assert sum(metrics.duration.counts) == 2


async def test_failures_are_those_of_the_operation() -> None:
    async with serving({"saju": Part(Writer)}) as served:
        assert (await served.call("draw", {"name": "?"})).status_code == 404


async def test_the_document_describes_the_value() -> None:
    async with serving({"saju": Part(Writer)}) as served:
        document = (await served.client.get("/openapi.json")).json()
        assert "dayPillar" in document["components"]["schemas"]["Chart"]["properties"]
        assert not [path for path in document["paths"] if "Json" in path]


async def test_middleware_sees_the_value() -> None:
    seen: list[object] = []

    async def watch(context: CallContext, arguments: Mapping[str, Any], call_next: Next) -> Any:
        value = await call_next(context, arguments)
        seen.append(value)
        return value

    async with serving({"saju": Part(Writer)}) as served:
        with intercepted(served.service.endpoints["saju.draw"], watch):
            answer = await served.call("draw")
        assert answer.json()["data"] == {"dayPillar": "甲子"}
    assert seen == [Chart(day_pillar="甲子")]
