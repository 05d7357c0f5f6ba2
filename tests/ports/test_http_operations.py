"""Operations over HTTP: input, envelope, problems, context."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from typing import Any

import anyio
import pytest

from cubekit.testing import Part, hanging

from .http_serving import PARTS, Saju, Served, serving

pytestmark = pytest.mark.anyio

PROBLEM_KEYS = {
    "type",
    "title",
    "status",
    "detail",
    "instance",
    "success",
    "code",
    "retryable",
    "errors",
    "traceId",
}


@pytest.fixture
async def served() -> AsyncIterator[Served]:
    async with serving() as served:
        yield served


def problem(response: Any, status: int, code: str) -> dict[str, Any]:
    """Check what every problem has in common, and return it."""
    document: dict[str, Any] = response.json()
    assert (response.status_code, document["status"], document["code"]) == (status, status, code)
    assert response.headers["content-type"] == "application/problem+json"
    assert document.keys() - {"params"} == PROBLEM_KEYS
    assert document["success"] is False
    assert document["instance"] == response.request.url.path
    assert document["type"].startswith("urn:cubekit:error:")
    assert "Traceback" not in response.text
    assert "secret" not in response.text
    return document


async def test_a_value_is_in_an_envelope_and_its_names_are_camel_case(served: Served) -> None:
    response = await served.call("calculate", {"birthDate": "1990-05-15", "place": {"timeZone": "UTC"}})
    assert response.status_code == 200
    assert response.headers["content-type"] == "application/json"
    assert response.json() == {
        "success": True,
        "data": {"birthDate": "1990-05-15", "isLunar": False, "place": {"timeZone": "UTC"}},
    }


async def test_several_parameters_are_the_fields_of_the_body_and_defaults_may_be_left_out(served: Served) -> None:
    assert (await served.call("defaults", {"firstName": "Eve"})).json()["data"] == {"count": 1, "first_name": "Eve"}
    assert (await served.call("defaults")).json()["data"] == {"count": 1, "first_name": "Ada"}


async def test_no_result_is_null(served: Served) -> None:
    assert (await served.call("nothing")).json() == {"success": True, "data": None}
    assert (await served.call("nothing", {})).json() == {"success": True, "data": None}


async def test_a_page_has_pagination(served: Served) -> None:
    answer = (await served.call("listing", {"page": 2})).json()
    assert answer["data"] == [{"birthDate": "1990", "isLunar": False, "place": None}]
    assert answer["pagination"] == {"page": 2, "limit": 1, "total": 3, "totalPages": 3}


async def test_bytes_come_and_go_as_they_are(served: Served) -> None:
    response = await served.call("document", None)
    assert response.content == b""
    response = await served.client.post(
        "/api/v1/saju/document", content=b"\x00\xff", headers={"content-type": "image/png"}
    )
    assert (response.content, response.headers["content-type"]) == (b"\xff\x00", "application/octet-stream")


async def test_path_and_query_are_read_as_their_types(served: Served) -> None:
    get = served.client.get
    assert (await get("/api/v1/saju/results/7?tags=1&tags=2&on=true")).json()["data"] == {
        "id": 7,
        "tags": [1, 2],
        "on": True,
    }
    assert (await get("/api/v1/saju/results/7?tags=1")).json()["data"]["tags"] == [1]
    assert (await served.client.delete("/api/v1/saju/results/7")).json() == {"success": True, "data": None}
    assert (await served.client.put("/api/v1/saju/a%20b", json={"to": "c"})).json()["data"] == ["a b", "c"]


async def test_a_literal_path_goes_before_a_placeholder(served: Served) -> None:
    assert (await served.client.get("/api/v1/saju/results/latest")).json()["data"] == "latest"


@pytest.mark.parametrize(
    ("path", "field"),
    [("results/x", "resultId"), ("results/1?tags=x", "tags.0"), ("results/1?on=1&on=0", "on"), ("results/1?y=1", "y")],
)
async def test_a_path_or_query_that_does_not_fit_names_the_field(served: Served, path: str, field: str) -> None:
    response = await served.client.get(f"/api/v1/saju/{path}")
    assert problem(response, 422, "VALIDATION")["errors"].keys() == {field}


async def test_fields_that_do_not_fit_are_named_by_their_json_path(served: Served) -> None:
    response = await served.call("calculate", {"birth_date": "1990", "place": {"timeZone": 1}, "isLunar": False})
    errors = problem(response, 422, "VALIDATION")["errors"]
    assert errors.keys() == {"birthDate", "birth_date", "place.timeZone"}
    assert all(isinstance(message, str) for messages in errors.values() for message in messages)


async def test_a_missing_body_names_the_missing_fields(served: Served) -> None:
    assert problem(await served.call("calculate"), 422, "VALIDATION")["errors"] == {"birthDate": ["Field required"]}


@pytest.mark.parametrize("operation", ["nothing", "calculate"])
async def test_an_unknown_field_is_refused(served: Served, operation: str) -> None:
    response = await served.call(operation, {"birthDate": "1990", "surprise": 1})
    assert "surprise" in problem(response, 422, "VALIDATION")["errors"]


@pytest.mark.parametrize(
    ("body", "line", "column"),
    [('{"birthDate":\n  nope}', 2, 4), ("[" * 10_000, 1, None), ("[" * 900 + "]" * 900, 1, None), ("  ", 1, None)],
)
async def test_broken_and_deeply_nested_json_has_a_line_and_a_column(body: str, line: int, column: int | None) -> None:
    async with serving(http={"max_body": "1MiB"}) as served:
        response = await served.client.post(
            "/api/v1/saju/calculate", content=body, headers={"content-type": "application/json"}
        )
        document = problem(response, 400, "VALIDATION")
        assert document["params"]["line"] == line
        assert document["params"]["column"] == (column or document["params"]["column"])
        assert f"line {line}, column " in document["detail"]
        assert (await served.call("nothing")).status_code == 200


@pytest.mark.parametrize(
    "content_type", ["text/plain", "application/x-www-form-urlencoded", "", "application/json; charset=euc-kr"]
)
async def test_a_body_that_is_not_json_is_415(served: Served, content_type: str) -> None:
    response = await served.client.post(
        "/api/v1/saju/calculate", content=b"{}", headers={"content-type": content_type} if content_type else {}
    )
    assert problem(response, 415, "VALIDATION")["title"] == "Unsupported media type"


@pytest.mark.parametrize(
    "content_type", ["application/json", "Application/JSON ; charset=UTF-8", "application/merge-patch+json"]
)
async def test_every_kind_of_json_is_read(served: Served, content_type: str) -> None:
    response = await served.client.post(
        "/api/v1/saju/calculate", content=b'{"birthDate":"1990"}', headers={"content-type": content_type}
    )
    assert response.status_code == 200


async def test_a_declared_failure_is_a_problem_in_the_callers_language(served: Served) -> None:
    response = await served.call("fail", {"how": "leap"}, accept_language="fr;q=0.3, ko-KR, en;q=0.8")
    detail = "음력 1990년에는 윤4월이 없습니다."
    document = problem(response, 422, "VALIDATION")
    assert document["type"] == "urn:cubekit:error:no-such-leap-month"
    assert document["title"] == "No such leap month"
    assert (document["detail"], document["errors"]) == (detail, {"isLeapMonth": [detail]})
    assert document["params"] == {"year": 1990, "month": 4}
    english = problem(await served.call("fail", {"how": "leap"}), 422, "VALIDATION")
    assert english["detail"] == "Lunar year 1990 has no leap month 4."


@pytest.mark.parametrize(
    ("how", "status", "code", "retry_after"),
    [
        ("missing", 404, "NOT_FOUND", None),
        ("rate", 429, "RATE_LIMITED", "3"),
        ("down", 503, "UNAVAILABLE", "1"),
    ],
)
async def test_standard_failures(served: Served, how: str, status: int, code: str, retry_after: str | None) -> None:
    response = await served.call("fail", {"how": how})
    assert problem(response, status, code)["retryable"] is (retry_after is not None)
    assert response.headers.get("retry-after") == retry_after


@pytest.mark.parametrize(
    ("operation", "body"),
    [
        ("fail", {"how": "bug"}),
        ("wrongType", None),
        ("wrongPage", None),
        ("wrongDocument", None),
        ("wrongItems", {"good": 0}),
    ],
)
async def test_a_mistake_of_the_service_is_logged_and_not_told(
    served: Served, caplog: pytest.LogCaptureFixture, operation: str, body: object
) -> None:
    document = problem(await served.call(operation, body), 500, "INTERNAL")
    (record,) = [record for record in caplog.records if record.levelno >= logging.ERROR]
    assert record.exc_info
    assert document["traceId"] in record.getMessage()
    assert served.service.endpoints[f"saju.{operation}"].metrics.outcomes == {"INTERNAL": 1}
    assert (await served.call("nothing")).status_code == 200


async def test_the_headers_make_the_context(served: Served) -> None:
    trace = "4bf92f3577b34da6a3ce929d0e0e4736"
    said = await served.call(
        "context",
        traceparent=f"00-{trace}-00f067aa0ba902b7-01",
        idempotency_key="once",
        accept_language="ko",
        x_request_timeout="5",
    )
    assert said.json()["data"] == {
        "trace": trace,
        "parent": "00f067aa0ba902b7",
        "sampled": True,
        "locale": "ko",
        "key": "once",
        "client": "127.0.0.1",
        "port": "rest",
        "limited": True,
        "principal": None,
    }


@pytest.mark.parametrize(
    "traceparent",
    [
        "nonsense",
        f"00-{'0' * 32}-00f067aa0ba902b7-01",
        f"00-{'a' * 32}-{'0' * 16}-01",
        f"ff-{'a' * 32}-{'b' * 16}-01",
        f"00-{'a' * 32}-{'b' * 16}-01-more",
        f"00-{'A' * 32}-{'b' * 16}-01",
    ],
)
async def test_a_traceparent_that_is_not_valid_starts_a_new_trace(served: Served, traceparent: str) -> None:
    said = (await served.call("context", traceparent=traceparent)).json()["data"]
    assert len(said["trace"]) == 32
    assert said["trace"] not in traceparent.lower()
    assert said["parent"] is None


async def test_a_problem_carries_the_callers_trace(served: Served) -> None:
    response = await served.call("fail", {"how": "leap"}, traceparent=f"00-{'a' * 32}-{'b' * 16}-00")
    assert problem(response, 422, "VALIDATION")["traceId"] == "a" * 32


async def test_the_timeout_header_shortens_the_deadline(served: Served) -> None:
    while not served.saju.entered.is_set():  # on a busy machine the time may be over before
        assert problem(await served.call("hang", x_request_timeout="0.01"), 504, "TIMEOUT")["retryable"] is True
    await served.saju.cleaned.wait()


@pytest.mark.parametrize("seconds", ["soon", "0", "-1", "nan", "inf", ""])
async def test_a_timeout_that_is_no_number_of_seconds_is_400(served: Served, seconds: str) -> None:
    response = await served.call("nothing", x_request_timeout=seconds)
    assert problem(response, 400, "VALIDATION")["errors"].keys() == {"X-Request-Timeout"}


async def test_a_queue_that_is_full_refuses_at_once() -> None:
    parts = {**PARTS, "saju": Part(Saju, settings={"limits": {"queue": 1}})}
    async with serving(parts) as served:
        with hanging(served.service, "saju.nothing") as reached:
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(served.call, "nothing")
                await reached.wait()
                response = await served.call("defaults")
                tasks.cancel_scope.cancel()
        assert problem(response, 503, "OVERLOADED")["retryable"] is True
        assert response.headers["retry-after"] == "1"


async def test_a_path_that_leads_nowhere_is_a_problem(served: Served) -> None:
    for path in ("/nowhere", "/api/v1/saju", "/api/v1/saju/nowhere/else", "/api/v1/saju/calculate/"):
        problem(await served.client.get(path), 404, "NOT_FOUND")


async def test_a_method_that_is_not_offered_is_405_with_every_other(served: Served) -> None:
    response = await served.client.post("/api/v1/saju/results/7", json={})
    problem(response, 405, "VALIDATION")
    assert response.headers["allow"] == "DELETE, GET, HEAD, OPTIONS"


async def test_head_and_options(served: Served) -> None:
    head = await served.client.head("/api/v1/saju/results/7")
    assert (head.status_code, head.content, head.headers["content-type"]) == (200, b"", "application/json")
    options = await served.client.options("/api/v1/saju/results/7")
    assert (options.status_code, options.headers["allow"]) == (204, "DELETE, GET, HEAD, OPTIONS")


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 401),
        ({"authorization": "Bearer ada"}, 200),
        ({"x_api_key": "ada"}, 200),
        ({"cookie": "session=ada"}, 200),
        ({"cookie": "session=stale"}, 401),
        ({"authorization": "Bearer nobody"}, 401),
        ({"authorization": "Bearer bob"}, 403),
    ],
)
async def test_a_scope_needs_credentials(served: Served, headers: dict[str, str], status: int) -> None:
    response = await served.call("private", **headers)
    assert response.status_code == status
    if status == 200:
        assert response.json()["data"] == "ada"
    else:
        problem(response, status, "AUTHENTICATION" if status == 401 else "PERMISSION")
    assert response.headers.get("www-authenticate") == ("Bearer" if status == 401 else None)


async def test_bad_credentials_are_refused_everywhere_and_foreign_cookies_are_not(served: Served) -> None:
    problem(await served.call("context", authorization="Bearer nobody"), 401, "AUTHENTICATION")
    assert (await served.call("context", cookie="analytics=1")).json()["data"]["principal"] is None
    assert (await served.call("context", authorization="Bearer ada")).json()["data"]["principal"] == "ada"


async def test_raw_routes_answer_as_they_like(served: Served) -> None:
    response = await served.client.get("/api/v1/saju/raw/hello", headers={"accept-language": "ko"})
    assert response.text == "hello ko"
    response = await served.client.get("/api/v1/saju/raw/teapot")
    assert problem(response, 418, "VALIDATION")["detail"] == "short and stout"
    assert response.headers["x-pot"] == "tea"
    problem(await served.client.get("/api/v1/saju/raw/failure"), 404, "NOT_FOUND")


@pytest.mark.parametrize("name", ["crash", "wrong"])
async def test_a_raw_route_that_fails_is_logged_and_500(
    served: Served, caplog: pytest.LogCaptureFixture, name: str
) -> None:
    problem(await served.client.get(f"/api/v1/saju/raw/{name}"), 500, "INTERNAL")
    assert [record.name for record in caplog.records if record.levelno >= logging.ERROR] == ["cubekit.dispatch"]


async def test_raw_routes_are_limited_too(served: Served) -> None:
    assert (await served.client.post("/api/v1/saju/hook", content=b"x" * 2000)).text == "2000"
    problem(await served.client.post("/api/v1/saju/hook", content=b"x" * 2001), 413, "VALIDATION")
