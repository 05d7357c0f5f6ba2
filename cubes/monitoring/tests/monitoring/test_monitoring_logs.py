"""Logs and spans: what is kept, in which form it is written, and who may see it."""

from __future__ import annotations

import io
import json
import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from anyio import to_thread
from cubekit import CallContext, Caller, CubeStateChanged, Internal, NotFound, PermissionDenied
from cubekit.testing import crash, http_client

from cubekit_monitoring.log_lines import Human

from .services import monitored

pytestmark = pytest.mark.anyio

STRANGER = CallContext(client="203.0.113.7")


@contextmanager
def console(monkeypatch: pytest.MonkeyPatch) -> Iterator[io.StringIO]:
    """What a program's own handler writes to stderr."""
    stream = io.StringIO()
    monkeypatch.setattr(sys, "stderr", stream)
    handler = logging.StreamHandler(stream)
    handler.setFormatter(logging.Formatter("as before: %(message)s"))
    logging.getLogger().addHandler(handler)
    try:
        yield stream
    finally:
        logging.getLogger().removeHandler(handler)


async def test_lines_of_a_call_have_its_trace_whether_it_is_sampled_or_not() -> None:
    async with monitored() as service:
        for sampled in (True, False):
            context = CallContext(sampled=sampled)
            await service.call("shop.sell", context)
            (line,) = await service.call("monitoring.logs", trace=context.trace_id)
            assert (line.cube, line.level, line.message) == ("shop", "warning", "sold hat")
            spans = await service.call("monitoring.spans", trace=context.trace_id)
            assert [span.name for span in spans] == (["shop.sell"] if sampled else [])
            assert line.span_id == (spans[0].span_id if sampled else None)


async def test_a_failed_call_leaves_its_traceback_and_its_span() -> None:
    async with monitored() as service, http_client(service) as client:
        trace = (await client.post("/api/v1/shop/fail", json={})).json()["traceId"]
        logs = (await client.get("/api/v1/metrics/logs", params={"trace": trace, "level": "ERROR"})).json()["data"]
        spans = (await client.get("/api/v1/metrics/spans", params={"trace": trace, "cube": "shop"})).json()["data"]
    (line,), (span,) = logs, spans
    assert "ZeroDivisionError: the till is empty" in line["exception"]
    assert line["spanId"] == span["spanId"]
    assert span["error"] == "Internal: The service made a mistake."
    assert span["attributes"]["rpc.method"] == "fail"


async def test_the_newest_come_first_and_can_be_chosen() -> None:
    async with monitored() as service:
        for number in range(5):
            await service.call("shop.sell", item=str(number))
        logging.getLogger("somewhere.else").error("a library speaks")
        assert [line.message for line in await service.call("monitoring.logs", limit=2)] == [
            "a library speaks",
            "sold 4",
        ]
        assert len(await service.call("monitoring.logs", cube="shop")) == 5
        assert [line.logger for line in await service.call("monitoring.logs", level="error")] == ["somewhere.else"]


async def test_what_is_kept_is_bounded_in_number_and_size() -> None:
    async with monitored(logs={"keep": 50, "keep_size": "64KiB"}, spans={"keep": 20}) as service:
        for number in range(100):
            await service.call("shop.sell", CallContext(sampled=True), item=f"{number}")
        overview = await service.call("monitoring.overview")
        assert (overview.log_lines, overview.spans) == (50, 20)
        for number in range(100):
            await service.call("shop.sell", item=f"{number}" * 10_000)
        overview = await service.call("monitoring.overview")
        assert overview.log_lines < 10
        assert overview.log_bytes <= 64 << 10
        assert max(len(line.message) for line in await service.call("monitoring.logs")) < 10_000


async def test_a_line_that_cannot_be_read_fails_nobody(capsys: pytest.CaptureFixture[str]) -> None:
    root = logging.getLogger()
    others, root.handlers = root.handlers, []  # pytest's own raise such errors
    try:
        async with monitored() as service:
            logging.getLogger("clumsy").error("%d hats", "no")
            assert [line.logger for line in await service.call("monitoring.logs")] == []
    finally:
        root.handlers = others
    assert "Logging error" in capsys.readouterr().err


async def test_the_console_speaks_json(monkeypatch: pytest.MonkeyPatch) -> None:
    with console(monkeypatch) as stream:
        context = CallContext()
        async with monitored(logs={"format": "json"}) as service:
            await service.call("shop.sell", context, item="hat\n")
            with pytest.raises(Internal):
                await service.call("shop.fail", context)
        logging.getLogger("after").warning("the end")
    *lines, last = stream.getvalue().splitlines()
    # The watchdog may have said something before and after.
    said = [json.loads(line) for line in lines if not line.startswith("as before: ")]
    (sold,) = [line for line in said if line.get("cube") == "shop"]
    assert (sold["level"], sold["message"], sold["traceId"]) == ("warning", "sold hat\n", context.trace_id)
    (failed,) = [line for line in said if "exception" in line]
    assert failed["traceId"] == context.trace_id
    assert last == "as before: the end", "it is left as it was"


async def test_the_console_speaks_to_people(monkeypatch: pytest.MonkeyPatch) -> None:
    with console(monkeypatch) as stream:
        context = CallContext()
        async with monitored(logs={"format": "human"}) as service:
            await service.call("shop.sell", context)
            with pytest.raises(Internal):
                await service.call("shop.fail", context)
    text = stream.getvalue()
    assert f" WARNING  shop: sold hat [trace {context.trace_id}]\n" in text
    assert f"shop.fail failed [trace {context.trace_id}]\n    Traceback (most recent call last)" in text


async def test_what_a_user_has_sent_cannot_pass_for_a_line(monkeypatch: pytest.MonkeyPatch) -> None:
    with console(monkeypatch) as stream:
        async with monitored() as service:
            await service.call("shop.sell", item="hat\n12:00:00 CRITICAL shop: fire\x1b[2J\r")
    assert "sold hat\n    12:00:00 CRITICAL shop: fire\\x1b[2J\\x0d [trace" in stream.getvalue()


def test_what_an_exception_says_cannot_pass_for_a_line() -> None:
    try:
        raise ValueError("hat\n12:00:00 CRITICAL shop: fire\x1b[2J")
    except ValueError as error:
        record = logging.LogRecord("shop", logging.ERROR, "", 0, "no", (), (ValueError, error, None))
    _, *below = Human().format(record).splitlines()
    assert all(line.startswith("    ") for line in below)
    assert below[-1] == "    12:00:00 CRITICAL shop: fire\\x1b[2J"


async def test_levels_can_be_read_and_set_while_it_runs() -> None:
    async with monitored(logs={"levels": {"shop": "ERROR"}}) as service, http_client(service) as client:
        await service.call("shop.sell")
        assert await service.call("monitoring.logs", cube="shop") == ()
        answer = await client.put("/api/v1/metrics/levels/shop", json={"level": "debug"})
        assert answer.json()["data"] == {"cube": "shop", "level": "debug"}
        assert (await client.get("/api/v1/metrics/levels")).json()["data"] == {"shop": "debug", "monitoring": "info"}
        await service.call("shop.sell")
        assert len(await service.call("monitoring.logs", cube="shop")) == 1
        with pytest.raises(NotFound, match="only shop, monitoring"):
            await service.call("monitoring.setLevel", cube="shoe", level="debug")
        assert (await client.put("/api/v1/metrics/levels/shop", json={"level": "loud"})).status_code == 422
    assert logging.getLogger("cubekit.cube.shop").level == logging.NOTSET, "it is left as it was"


async def test_a_level_for_nobody_is_an_error_at_the_start() -> None:
    with pytest.raises(Exception, match=r"levels names shoe; this service has no such cube, only shop, monitoring"):
        async with monitored(logs={"levels": {"shoe": "debug"}}):
            raise AssertionError("it has started")


@pytest.mark.parametrize("operation", ["logs", "spans", "alerts", "levels", "overview"])
async def test_only_those_nearby_or_with_the_scope_may_look(operation: str) -> None:
    async with monitored() as service:
        for context in (
            CallContext(),
            CallContext(client="127.0.0.1"),
            CallContext(client="::1"),
            STRANGER._replace(caller=Caller("ada", frozenset({"monitoring"}))),
        ):
            await service.call(f"monitoring.{operation}", context)
        for context in (STRANGER, STRANGER._replace(client="unknown"), STRANGER._replace(caller=Caller("bob"))):
            with pytest.raises(PermissionDenied, match='scope "monitoring"'):
                await service.call(f"monitoring.{operation}", context)


@pytest.mark.parametrize(
    ("trusted", "admitted"), [("*", False), ("127.0.0.1,10.0.0.0/8", False), ("127.0.0.1, ::1", True), ("", True)]
)
async def test_nobody_is_nearby_where_others_may_forward(
    trusted: str, admitted: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FORWARDED_ALLOW_IPS", trusted)
    nearby = CallContext(client="127.0.0.1")
    async with monitored() as service:
        await service.call("monitoring.logs", nearby._replace(caller=Caller("ada", frozenset({"monitoring"}))))
        if admitted:
            await service.call("monitoring.logs", nearby)
        else:
            with pytest.raises(PermissionDenied, match='scope "monitoring"'):
                await service.call("monitoring.logs", nearby)


async def test_monitoring_survives_its_own_crash() -> None:
    async with monitored() as service:
        states = service.bus.subscribe(CubeStateChanged)
        await crash(service, "monitoring")
        assert await service.call("shop.sell") == "hat"
        async for state in states:
            if state.after == "running":
                break
        context = CallContext(sampled=True)
        await service.call("shop.sell", context)
        assert len(await service.call("monitoring.logs", trace=context.trace_id)) == 1
        assert len(await service.call("monitoring.spans", trace=context.trace_id)) == 1


async def test_lines_of_threads_are_kept_too() -> None:
    async with monitored() as service:
        await to_thread.run_sync(logging.getLogger("thread").warning, "from afar")
        assert [line.message for line in await service.call("monitoring.logs")] == ["from afar"]


@pytest.mark.parametrize(
    "header",
    [
        "",
        "nonsense",
        "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
        "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more",
        "00-" + "4" * 10_000,
    ],
)
async def test_a_malformed_traceparent_begins_a_new_trace(header: str) -> None:
    async with monitored() as service, http_client(service) as client:
        answer = await client.post("/api/v1/shop/sell", json={}, headers={"traceparent": header})
        assert answer.status_code == 200
        (span,) = await service.call("monitoring.spans")
        assert span.parent_id is None
        assert "4bf92f3577b34da6" not in span.trace_id


async def test_traceparent_is_honoured() -> None:
    trace, parent = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
    async with monitored(sample=0) as service, http_client(service) as client:
        for flags in ("01", "00"):
            await client.post("/api/v1/shop/sell", json={}, headers={"traceparent": f"00-{trace}-{parent}-{flags}"})
        (span,) = await service.call("monitoring.spans")
        assert (span.trace_id, span.parent_id) == (trace, parent)
        assert {line.trace_id for line in await service.call("monitoring.logs", cube="shop")} == {trace}
