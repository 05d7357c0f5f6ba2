"""Streams over HTTP: server-sent events and NDJSON."""

from __future__ import annotations

import json
import logging
from collections.abc import AsyncIterator
from typing import Any

import pytest

from cubekit.ports.http import streams

from .http_serving import Served, read_all, read_until, serving

pytestmark = pytest.mark.anyio


@pytest.fixture
async def served() -> AsyncIterator[Served]:
    async with serving() as served:
        yield served


def events(text: str) -> list[tuple[str, str | None, Any]]:
    """Event, id and data of each frame."""
    assert text.endswith("\n\n")
    frames = [dict(line.split(": ", 1) for line in frame.split("\n")) for frame in text[:-2].split("\n\n")]
    return [(frame["event"], frame.get("id"), json.loads(frame["data"])) for frame in frames]


async def test_server_sent_events_are_numbered_and_have_one_end(served: Served) -> None:
    response = await served.call("count", {"to": 2})
    assert response.headers["content-type"].startswith("text/event-stream")
    assert response.headers["cache-control"] == "no-cache"
    assert events(response.text) == [
        ("item", "0", {"the_number": 0}),
        ("item", "1", {"the_number": 1}),
        ("end", None, {}),
    ]


async def test_ndjson_has_the_same(served: Served) -> None:
    response = await served.call("count", {"to": 2}, accept="application/x-ndjson")
    assert response.headers["content-type"] == "application/x-ndjson"
    lines = [json.loads(line) for line in response.text.splitlines()]
    assert lines == [{"item": {"the_number": 0}}, {"item": {"the_number": 1}}, {"end": {}}]


@pytest.mark.parametrize(("accept", "frames"), [("text/event-stream", ["end"]), ("application/x-ndjson", ["end"])])
async def test_an_empty_stream_ends_at_once(served: Served, accept: str, frames: list[str]) -> None:
    text = (await served.call("count", {"to": 0}, accept=accept)).text
    assert text in {"event: end\ndata: {}\n\n", '{"end":{}}\n'}


@pytest.mark.parametrize(
    ("accept", "media_type"),
    [
        ("", "text/event-stream"),
        ("*/*", "text/event-stream"),
        ("text/*", "text/event-stream"),
        ("text/event-stream;q=0.5, application/x-ndjson", "application/x-ndjson"),
        ("application/*;q=0.9, */*;q=0.1", "application/x-ndjson"),
        ("text/event-stream;q=0, */*", "application/x-ndjson"),
    ],
)
async def test_accept_chooses_the_form(served: Served, accept: str, media_type: str) -> None:
    response = await served.call("count", {"to": 1}, accept=accept)
    assert response.headers["content-type"].partition(";")[0] == media_type


async def test_nothing_else_is_acceptable(served: Served) -> None:
    response = await served.call("count", {"to": 1}, accept="text/html")
    assert (response.status_code, response.json()["title"]) == (406, "Not acceptable")


async def test_without_sse_there_is_ndjson_only() -> None:
    async with serving(service={"expose": ["rest"]}) as served:
        assert (await served.call("count", {"to": 1})).headers["content-type"] == "application/x-ndjson"
        assert (await served.call("count", {"to": 1}, accept="text/event-stream")).status_code == 406


async def test_a_failure_before_the_first_item_has_its_own_status(served: Served) -> None:
    response = await served.call("count", {"to": 1, "failAt": 0})
    assert response.status_code == 422
    assert response.headers["content-type"] == "application/problem+json"
    assert response.json()["type"] == "urn:cubekit:error:no-such-leap-month"
    assert (await served.call("count", {})).status_code == 422


async def test_a_failure_later_is_the_last_frame(served: Served) -> None:
    response = await served.call("count", {"to": 5, "failAt": 2}, accept_language="ko")
    *items, (event, identifier, problem) = events(response.text)
    assert ([event for event, _, _ in items], event, identifier) == (["item", "item"], "error", None)
    assert (problem["status"], problem["code"], problem["success"]) == (422, "VALIDATION", False)
    assert problem["detail"].startswith("음력")


async def test_a_mistake_later_is_logged_and_not_told(served: Served, caplog: pytest.LogCaptureFixture) -> None:
    response = await served.call("count", {"to": 5, "failAt": 1}, accept="application/x-ndjson")
    last = json.loads(response.text.splitlines()[-1])
    assert last["error"]["code"] == "INTERNAL"
    assert "secret" not in response.text
    (record,) = [record for record in caplog.records if record.levelno >= logging.ERROR]
    assert last["error"]["traceId"] in record.getMessage()


async def test_a_deadline_that_passes_later_is_the_last_frame(served: Served) -> None:
    response = await served.call("drip", {}, x_request_timeout="0.2")
    assert [event for event, _, _ in events(response.text)] == ["item", "error"]
    assert events(response.text)[-1][2]["code"] == "TIMEOUT"


async def test_silence_is_filled_with_comments(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams, "KEEP_ALIVE", 0.001)
    async with await served.post_raw("drip") as stream:
        await read_until(stream, b": ping\n\n")
        served.saju.go_on.set()
        served.server.stop()
        assert (await read_all(stream)).endswith(b"event: end\ndata: {}\n\n\r\n0\r\n\r\n")


async def test_a_stream_checks_credentials_too(served: Served) -> None:
    response = await served.call("drip", {}, authorization="Bearer nobody")
    assert response.status_code == 401


async def test_without_rest_there_are_only_streams_and_only_as_events() -> None:
    async with serving(service={"expose": ["sse"]}) as served:
        assert (await served.call("count", {"to": 1})).headers["content-type"].startswith("text/event-stream")
        assert (await served.call("count", {"to": 1}, accept="application/x-ndjson")).status_code == 406
        assert (await served.call("nothing")).status_code == 404
        assert (await served.client.post("/api/v1/saju/hook")).status_code == 404
        paths = (await served.client.get("/openapi.json")).json()["paths"]
        assert paths.keys() == {f"/api/v1/saju/{name}" for name in ("count", "drip", "flood", "wrongItems")}
        content = paths["/api/v1/saju/count"]["post"]["responses"]["200"]["content"]
        assert content.keys() == {"text/event-stream"}


async def test_without_rest_and_sse_there_is_nothing() -> None:
    async with serving(service={"expose": []}) as served:
        assert (await served.call("count", {"to": 1})).status_code == 404
        assert (await served.client.get("/openapi.json")).json()["paths"] == {}


async def test_an_item_of_another_type_is_a_mistake_of_the_service(served: Served) -> None:
    response = await served.call("wrongItems", {"good": 1})
    assert [event for event, _, _ in events(response.text)] == ["item", "error"]
    assert events(response.text)[-1][2]["code"] == "INTERNAL"
    assert served.service.endpoints["saju.wrongItems"].metrics.outcomes == {"INTERNAL": 1}
