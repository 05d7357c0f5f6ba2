"""Probes, health, metrics, manifest, API document and its page."""

from __future__ import annotations

import re
import time
from collections.abc import AsyncIterator
from typing import Any

import anyio
import pytest
from httpx2 import AsyncClient
from prometheus_client.parser import text_string_to_metric_families

from cubekit import Cube, EventLoopBlocked, Health, __version__, operation
from cubekit.ports.http import HttpServer
from cubekit.runtime.service import Service
from cubekit.testing import Part, compose_parts

from .http_serving import PARTS, Saju, Served, all_blocked, serving

pytestmark = pytest.mark.anyio


class Broken(Cube):
    async def start(self) -> None:
        raise RuntimeError("no power")

    @operation
    async def ask(self) -> None: ...


@pytest.fixture
async def served() -> AsyncIterator[Served]:
    async with serving() as served:
        yield served


async def test_probes_of_a_service_that_runs(served: Served) -> None:
    for probe in ("livez", "readyz", "startupz"):
        response = await served.client.get(f"/{probe}")
        assert (response.status_code, response.text) == (200, "ok")
        assert response.headers["content-type"].startswith("text/plain")
        verbose = (await served.client.get(f"/{probe}?verbose")).text
        assert verbose.endswith(f"{probe} check passed\n")
    assert "[+]cube/saju ok\n" in (await served.client.get("/readyz?verbose")).text


async def test_it_answers_while_the_service_starts() -> None:
    go_on = anyio.Event()

    class Slow(Cube):
        async def start(self) -> None:
            await go_on.wait()

        @operation
        async def ask(self) -> int:
            return 42

    service = Service(compose_parts({"slow": Slow}, http={"port": 0}))
    server = HttpServer(service)
    server.bind()
    with anyio.fail_after(20):
        async with anyio.create_task_group() as tasks, AsyncClient(base_url=server.url) as client:
            await tasks.start(server.run)
            assert (await client.get("/livez")).status_code == 200
            assert (await client.get("/startupz")).status_code == 503
            tasks.start_soon(service.run)
            await all_blocked()
            for probe in ("readyz", "startupz"):
                response = await client.get(f"/{probe}")
                assert response.status_code == 503
                assert response.text == f"[-]started starting\n[-]cube/slow starting\n{probe} check failed\n"
            response = await client.post("/api/v1/slow/ask")
            assert (response.status_code, response.json()["code"]) == (503, "UNAVAILABLE")
            assert response.headers["retry-after"] == "1"
            go_on.set()
            await service.instances["slow"].settled.wait()
            await all_blocked()
            assert (await client.get("/readyz")).text == "ok"
            assert (await client.post("/api/v1/slow/ask")).json()["data"] == 42
            service.stop()
            await service.instances["slow"].finished.wait()
            assert (await client.get("/readyz")).status_code == 503
            server.force()


async def test_health_has_a_check_per_cube(served: Served) -> None:
    response = await served.client.get("/health")
    document = response.json()
    assert (response.status_code, response.headers["content-type"]) == (200, "application/health+json")
    assert (document["status"], document["version"], document["serviceId"]) == ("warn", __version__, "test")
    (state,) = document["checks"]["saju:state"]
    assert state.pop("time").endswith("+00:00")
    assert state.pop("since").endswith("+00:00")
    assert state == {
        "componentType": "component",
        "status": "warn",
        "observedValue": "running",
        "output": "a bit slow",
    }
    assert document["checks"]["saju:queue"][0]["observedValue"] == 3
    one = (await served.client.get("/health/guard")).json()
    assert (one["status"], one["checks"].keys()) == ("pass", {"guard:state"})
    assert (await served.client.get("/health/nobody")).json()["code"] == "NOT_FOUND"


async def test_a_health_group_is_told_together() -> None:
    health = {"groups": {"charts": {"include": ["saju"]}, "doors": {"include": ["guard"]}}}
    async with serving(health=health) as served:
        charts = (await served.client.get("/health/charts")).json()
        assert (charts["status"], charts["checks"].keys()) == ("warn", {"saju:state", "saju:queue"})
        assert (await served.client.get("/health/doors")).json()["status"] == "pass"


async def test_a_hundred_cubes_of_which_three_hang_are_answered_within_the_time_box() -> None:
    class Hanging(Cube):
        async def health_check(self) -> Health:
            await anyio.sleep_forever()
            raise AssertionError

    class Quick(Cube):
        pass

    parts = {f"c{n}": Part(Hanging if n in (3, 33, 93) else Quick) for n in range(100)}
    async with serving(parts, health={"timeout": "200ms"}) as served:
        with anyio.fail_after(5):
            response = await served.client.get("/health")
        checks = response.json()["checks"]
        assert (response.status_code, len(checks)) == (503, 101)
        failing = [name for name, (check,) in checks.items() if check["status"] == "fail"]
        assert failing == ["c3:state", "c33:state", "c93:state"]


async def test_a_blocked_event_loop_is_told() -> None:
    class Blocking(Cube):
        @operation
        async def block(self) -> None:
            began = time.monotonic()
            while time.monotonic() < began + 0.8:
                pass

    async with serving({"slow": Part(Blocking)}, health={"livez": {"max_lag": "100ms"}}) as served:
        (before,) = (await served.client.get("/health")).json()["checks"]["event-loop:lag"]
        assert (before["status"], before["observedUnit"]) == ("pass", "s")
        with served.service.bus.subscribe(EventLoopBlocked) as blocks:
            assert (await served.client.post("/api/v1/slow/block")).status_code == 200
            await anext(aiter(blocks))
        document = (await served.client.get("/health")).json()
        (check,) = document["checks"]["event-loop:lag"]
        assert (document["status"], check["status"]) == ("warn", "warn")
        assert re.search(rf'cube "slow" blocked it for \d\.\d\d s at {re.escape(__file__)}:\d+', check["output"])
        found = await samples(served)
        assert found[key("cubekit_event_loop_blocks_total")] == 1
        assert (await served.client.get("/livez")).text == "ok"


async def test_readiness_ends_when_draining_begins() -> None:
    entered, go_on = anyio.Event(), anyio.Event()

    class Slow(Cube):
        @operation
        async def ask(self) -> int:
            entered.set()
            await go_on.wait()
            return 42

    async with serving({"slow": Part(Slow)}) as served, anyio.create_task_group() as tasks:
        # A connection of its own that was there before: new ones are not accepted any more.
        assert (await served.client.get("/readyz")).status_code == 200
        answered: list[int] = []

        async def ask() -> None:
            async with AsyncClient(base_url=served.server.url) as client:
                answered.append((await client.post("/api/v1/slow/ask")).status_code)

        tasks.start_soon(ask)
        await entered.wait()
        served.server.stop(patient=True)
        response = await served.client.get("/readyz")
        assert (response.status_code, response.text) == (503, "[-]serving stopping\nreadyz check failed\n")
        go_on.set()
    assert answered == [200]


async def test_an_optional_cube_that_is_gone_is_a_warning() -> None:
    parts = {**PARTS, "broken": Part(Broken, settings={"optional": True})}
    async with serving(parts) as served:
        health = (await served.client.get("/health/broken")).json()
        assert health["status"] == "warn"
        assert "no power" in health["checks"]["broken:state"][0]["output"]
        cubes = {cube["name"]: cube for cube in (await served.client.get("/cubes")).json()["cubes"]}
        assert (cubes["broken"]["state"], cubes["broken"]["optional"]) == ("degraded", True)
        assert "no power" in cubes["broken"]["problem"]
        assert (await served.client.post("/api/v1/broken/ask")).status_code == 503
        assert (await served.client.get("/readyz")).status_code == 200


async def test_the_manifest(served: Served) -> None:
    document = (await served.client.get("/cubes")).json()
    assert (document["service"], document["version"]) == ("test", __version__)
    cubes = {cube["name"]: cube for cube in document["cubes"]}
    saju = cubes["saju"]
    assert (saju["colour"], saju["state"], saju["engine"], saju["path"]) == ("feature", "running", "inline", "saju")
    assert cubes["guard"]["contracts"]["provides"] == [{"name": "cubekit.authenticator", "version": "0.1"}]
    operations = {entry["name"]: entry for entry in saju["operations"]}
    assert operations["calculate"] == {
        "name": "calculate",
        "http": {"method": "POST", "path": "/api/v1/saju/calculate"},
        "wholeBody": "birth",
        "stream": False,
        "idempotent": False,
        "scope": None,
        "doc": "Return the birth itself.\n\nAt length.",
    }
    assert operations["drip"]["stream"] is True
    assert operations["private"]["scope"] == "charts"


async def samples(served: Served) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    response = await served.client.get("/metrics")
    assert response.headers["content-type"].startswith("text/plain; version=")
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(response.text)
        for sample in family.samples
    }


def key(name: str, **labels: str) -> tuple[str, frozenset[tuple[str, str]]]:
    return name, frozenset(labels.items())


async def test_metrics(served: Served) -> None:
    await served.call("nothing")
    await served.call("fail", {"how": "leap"})
    found = await samples(served)
    calls = "cubekit_operation_calls_total"
    assert found[key(calls, instance="saju", operation="nothing", outcome="OK")] == 1
    assert found[key(calls, instance="saju", operation="fail", outcome="VALIDATION")] == 1
    duration = "cubekit_operation_duration_seconds"
    assert found[key(f"{duration}_count", instance="saju", operation="nothing")] == 1
    assert found[key(f"{duration}_bucket", instance="saju", operation="nothing", le="+Inf")] == 1
    assert found[key("cubekit_operation_in_flight", instance="saju", operation="nothing")] == 0
    assert found[key("cubekit_operation_cache_hits_total", instance="saju", operation="nothing")] == 0
    state = {"instance": "saju", "cube": "saju", "colour": "feature"}
    assert found[key("cubekit_cube_state", **state, state="running")] == 1
    assert found[key("cubekit_cube_state", **state, state="failed")] == 0
    assert found[key("cubekit_cube_restarts_total", instance="saju")] == 0
    assert found[key("cubekit_cube_health", instance="saju", status="warn")] == 1
    assert found[key("cubekit_cube_health", instance="saju", status="pass")] == 0
    assert found[key("cubekit_events_published_total")] > 0
    assert found[key("cubekit_events_dropped_total")] == 0
    assert [name for name, _ in found if name == "cubekit_build_info"]


async def test_what_cubes_measure_is_in_the_metrics_too(served: Served) -> None:
    found = await samples(served)
    assert found[key("charts_drawn_total", instance="saju", kind_of="solar")] == 3
    assert found[key("charts_open", instance="saju")] == 2
    assert found[key("chart_size_bucket", instance="saju", le="10.0")] == 1
    assert found[key("chart_size_sum", instance="saju")] == 7


async def test_two_cubes_may_measure_under_one_name() -> None:
    async with serving({**PARTS, "again": Part(Saju, settings={"use": "saju"})}) as served:
        found = await samples(served)
        for instance in ("saju", "again"):
            assert found[key("charts_drawn_total", instance=instance, kind_of="solar")] == 3


def references(node: Any) -> set[str]:
    if isinstance(node, dict):
        found = {node["$ref"]} if isinstance(node.get("$ref"), str) else set()
        return found.union(*map(references, node.values()))
    return set().union(*map(references, node)) if isinstance(node, list) else set()


async def test_the_api_document_comes_from_the_operations(served: Served) -> None:
    document = (await served.client.get("/openapi.json")).json()
    assert document["openapi"].startswith("3.1")
    schemas = document["components"]["schemas"]
    assert {reference.rpartition("/")[2] for reference in references(document)} <= schemas.keys()
    calculate = document["paths"]["/api/v1/saju/calculate"]["post"]
    assert (calculate["operationId"], calculate["tags"]) == ("saju.calculate", ["saju"])
    assert (calculate["summary"], calculate["description"]) == ("Return the birth itself.", "At length.")
    assert calculate["requestBody"]["content"]["application/json"]["schema"] == {"$ref": "#/components/schemas/Birth"}
    assert schemas["Birth"]["properties"].keys() == {"birthDate", "isLunar", "place"}
    envelope = calculate["responses"]["200"]["content"]["application/json"]["schema"]
    assert envelope["required"] == ["success", "data"]
    assert {"400", "413", "415", "422", "500", "503", "504"} <= calculate["responses"].keys()
    assert "urn:cubekit:error:no-such-leap-month" in str(document["paths"]["/api/v1/saju/fail"])
    result = document["paths"]["/api/v1/saju/results/{resultId}"]
    assert result.keys() == {"get", "delete"}
    assert [(p["name"], p["in"], p["required"]) for p in result["get"]["parameters"][:2]] == [
        ("resultId", "path", True),
        ("tags", "query", False),
    ]
    count = document["paths"]["/api/v1/saju/count"]["post"]["responses"]["200"]["content"]
    assert count.keys() == {"text/event-stream", "application/x-ndjson"}
    (tag,) = [tag for tag in document["tags"] if tag["name"] == "guard"]
    assert (tag["x-colour"], "🟥" in tag["description"]) == ("security", True)
    assert document["paths"]["/api/v1/saju/private"]["post"]["security"][0] == {"bearer": ["charts"]}


async def test_the_page_is_complete_in_itself(served: Served) -> None:
    response = await served.client.get("/docs")
    assert response.headers["content-type"] == "text/html; charset=utf-8"
    assert "default-src 'none'" in response.headers["content-security-policy"]
    assert '<html lang="en"' in response.text
    assert not re.findall(r"""(?:src|href)\s*=\s*["'](?!#|data:|/[^/])|https?://|@import|url\(""", response.text)
    assert ".innerHTML" not in response.text
