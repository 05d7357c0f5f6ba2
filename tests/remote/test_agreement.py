"""What the other service is, held against what the service file says: each thing that does not fit is named."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from time import monotonic
from typing import Any

import httpx2
import pytest

from cubekit import CubekitError, Diagnostic, Internal, Unavailable
from cubekit.ground.colours import Colour
from cubekit.testing import Part, running
from tests.remote.serving import far_service, reader
from tests.remote.words import Dictionary

pytestmark = pytest.mark.anyio

HANGS, BREAKS = 0, 1
"""In place of a status: nothing is said, and the connection is held or closed."""

Change = Callable[[dict[str, Any]], object]


@contextmanager
def recorded(answers: dict[str, tuple[int, bytes]]) -> Iterator[str]:
    """A server that answers each path with what was recorded; paths may be added while it runs."""
    let_go = threading.Event()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            status, body = answers.get(self.path.partition("?")[0], (404, b"nothing"))
            if status in {HANGS, BREAKS}:
                if status == HANGS:
                    let_go.wait()
                self.close_connection = True
                return
            self.send_response(status)
            if status == 302:
                self.send_header("location", body.decode())
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_POST = do_GET

        def log_message(self, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            let_go.set()
            server.shutdown()
            thread.join()


@pytest.fixture(scope="module")
def said() -> dict[str, Any]:
    """What a sound service says of itself."""
    with far_service() as far:
        paths = ("/cubes", "/cubes/contracts/test.words")
        return {path: httpx2.get(far.url + path).json() for path in paths}


@contextmanager
def saying(said: dict[str, Any], change: Change) -> Iterator[tuple[str, dict[str, tuple[int, bytes]]]]:
    """A server that says the same, but for a change."""
    copy = json.loads(json.dumps(said))
    change(copy)
    answers = {path: (200, json.dumps(document).encode()) for path, document in copy.items()}
    with recorded(answers) as url:
        yield url, answers


def cube(said: dict[str, Any]) -> dict[str, Any]:
    entry: dict[str, Any] = said["/cubes"]["cubes"][0]
    return entry


def look_up(said: dict[str, Any]) -> dict[str, Any]:
    method: dict[str, Any] = said["/cubes/contracts/test.words"]["methods"]["look_up"]
    return method


def word(said: dict[str, Any]) -> dict[str, Any]:
    schema: dict[str, Any] = look_up(said)["returns"]
    return schema


def many_in_few() -> dict[str, Any]:
    """A schema that stands for a million of them."""
    schemas: dict[str, Any] = {f"a{n}": {"anyOf": [{"$ref": f"#/$defs/a{n + 1}"}] * 2} for n in range(20)}
    return {"properties": {"text": {"$ref": "#/$defs/a0"}}, "$defs": {**schemas, "a20": {"type": "string"}}}


def operations(said: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {one["name"]: one for one in cube(said)["operations"]}


async def refused(url: str, **far: Any) -> Diagnostic:
    parts = reader(url, **far)
    with pytest.raises(CubekitError) as caught:
        async with running(parts.pop("parts"), **parts):
            pass
    (problem,) = caught.value.diagnostics
    return problem


def said_of(change: Change, reason: str) -> Any:
    return pytest.param(change, reason, id=reason)


@pytest.mark.parametrize("anyio_backend", ["asyncio"])  # what differs is what is compared, not how it comes
@pytest.mark.parametrize(
    ("change", "reason"),
    [
        said_of(lambda s: cube(s).update(cube="other"), 'it has no cube "words"; it has: other'),
        said_of(lambda s: cube(s).update(version="0.0.9"), "its words is 0.0.9, and >=0.1 is wanted"),
        said_of(lambda s: cube(s).update(colour="data"), "its cube is data, and not feature"),
        said_of(lambda s: cube(s)["contracts"].update(provides=[]), "it does not provide test.words"),
        said_of(
            lambda s: cube(s)["contracts"]["provides"][0].update(version="2.0"),
            "it provides test.words 2.0, and 1.0 was planned",
        ),
        said_of(lambda s: cube(s).pop("operations"), "its manifest cannot be read: cubes.0.operations: Field required"),
        said_of(lambda s: s["/cubes"].update(cubes=7), "its manifest cannot be read"),
        said_of(
            lambda s: cube(s).update(operations=[o for o in cube(s)["operations"] if o["name"] != "keep"]),
            "test.words 1.0, keep(): it is no operation there, so HTTP does not reach it",
        ),
        said_of(
            lambda s: s["/cubes/contracts/test.words"]["methods"].pop("keep"),
            "test.words 1.0, keep(): it has no such method",
        ),
        said_of(lambda s: look_up(s).update(kind="stream"), "look_up(): it is a stream there and a value here"),
        said_of(
            lambda s: look_up(s)["parameters"].pop("languages"), "look_up(languages): it does not take the parameter"
        ),
        said_of(
            lambda s: look_up(s)["parameters"].update(mood={"required": True, "default": None, "schema": {}}),
            "look_up(mood): it needs the parameter, which is not known here",
        ),
        said_of(
            lambda s: look_up(s)["parameters"]["word_given"]["schema"].update(maxLength=3),
            "look_up(word_given): there maxLength was not limited and is 3",
        ),
        said_of(
            lambda s: word(s)["properties"]["text"].update(type="integer"),
            "look_up() → text: here it is integer no more",
        ),
        said_of(lambda s: word(s)["properties"].pop("text"), "look_up() → text: here the field is new, and required"),
        said_of(
            lambda s: operations(s)["lookUp"]["http"].update(path="/api/v1/{other}"),
            "look_up(): its path names other, which the contract does not know",
        ),
        said_of(
            lambda s: word(s).update(
                {"properties": {"text": {"$ref": "#/$defs/a"}}, "$defs": {"a": {"$ref": "#/$defs/a"}}}
            ),
            "its test.words cannot be read: ValueError('a schema refers to itself without an end",
        ),
        said_of(lambda s: word(s).update(many_in_few()), "or is far too long"),
        said_of(
            lambda s: operations(s)["keep"]["http"].update(path="/ HTTP/1.1\r\nx: y"),
            "its manifest cannot be read: cubes.0.operations.1.http.path: String should match pattern",
        ),
    ],
)
async def test_what_does_not_fit_is_named(said: dict[str, Any], change: Change, reason: str) -> None:
    with saying(said, change) as (url, _):
        problem = await refused(url, use="words>=0.1")
    assert problem.code == "CK409"
    assert f"service dictionary at {url} is not what the service file says" in problem.message
    assert reason in (problem.found or "")
    assert f"cubekit discover {url}" in (problem.fix or "")


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda s: None, id="nothing"),
        pytest.param(lambda s: word(s)["properties"].update(age={"type": "integer"}), id="result with another field"),
        pytest.param(
            lambda s: look_up(s)["parameters"].update(mood={"required": False, "default": "''", "schema": {}}),
            id="another parameter that may be left out",
        ),
        pytest.param(lambda s: cube(s)["contracts"]["provides"][0].update(version="1.3"), id="newer version"),
        pytest.param(
            lambda s: s["/cubes/contracts/test.words"]["methods"].update(more=look_up(s)), id="another method"
        ),
    ],
)
async def test_what_is_more_than_needed_fits(said: dict[str, Any], change: Change) -> None:
    with saying(said, change) as (url, _):
        parts = reader(url)
        async with running(parts.pop("parts"), **parts) as service:
            assert service.ready


async def test_an_instance_is_named_where_there_are_more() -> None:
    two = {"words": Part(Dictionary), "more": Part(Dictionary, settings={"use": "words"})}
    with far_service(two) as far:
        problem = await refused(far.url)
        assert 'from = "dictionary/…" with one of words, more' in (problem.found or "")
        problem = await refused(far.url, instance="none")
        assert 'instance "none" is not there; cube "words" is used by: words, more' in (problem.found or "")
        parts = reader(far.url, instance="more")
        far.cube("more").go_on.set()
        async with running(parts.pop("parts"), **parts) as service:
            assert await service.call("reader.wait") == "more"


async def test_what_is_no_service_is_told() -> None:
    with recorded({"/cubes": (200, b"[]")}) as url:
        problem = await refused(url, discovery={"wait": "1ms"})
        assert problem.code == "CK408"
        assert "/cubes answered 200 and is no cubekit service" in problem.message


async def test_redirects_are_not_followed(said: dict[str, Any]) -> None:
    with saying(said, lambda _: None) as (other, _), recorded({"/cubes": (302, f"{other}/cubes".encode())}) as url:
        problem = await refused(url, discovery={"wait": "1ms"})
    assert "/cubes answered 302 and is no cubekit service" in problem.message


@pytest.mark.parametrize(
    ("status", "body", "failure"),
    [
        pytest.param(200, b'{"data": {"text": 7}}', Internal, id="a result of another type"),
        pytest.param(200, b"<html>", Internal, id="no JSON"),
        pytest.param(418, b"<html>", Internal, id="a status of nobody's"),
        pytest.param(502, b"<html>", Unavailable, id="a proxy without its service"),
        pytest.param(
            404, b'{"code": "NOT_FOUND", "params": {"path": "/api/v1/words/words/a"}}', Unavailable, id="moved"
        ),
        pytest.param(401, b'{"code": "AUTHENTICATION"}', Unavailable, id="the token is refused"),
        pytest.param(200, b"x" * 100_000, Internal, id="an answer without an end"),
    ],
)
async def test_odd_answers(said: dict[str, Any], status: int, body: bytes, failure: type[Exception]) -> None:
    with saying(said, lambda _: None) as (url, answers):
        answers["/api/v1/words/words/a"] = (status, body)
        parts = reader(url, discovery={"max_answer": 50_000})
        async with running(parts.pop("parts"), **parts) as service:
            with pytest.raises(failure):
                await service.call("reader.lookUp", word="a")


async def test_a_refused_token_is_told_once_and_shown(said: dict[str, Any], caplog: pytest.LogCaptureFixture) -> None:
    with saying(said, lambda _: None) as (url, answers):
        answers["/api/v1/words/words/a"] = (401, b'{"code": "AUTHENTICATION"}')
        answers["/health/words"] = (200, b'{"status": "pass"}')
        parts = reader(url)
        async with running(parts.pop("parts"), **parts) as service:
            for _ in range(3):
                with pytest.raises(Unavailable):
                    await service.call("reader.lookUp", word="a")
            health = (await service.health.check("far"))["far"]
    told = f"{url} refuses the token of [discovery.dictionary]"
    assert [record.getMessage() for record in caplog.records].count(told) == 1
    assert (health.status, health.output) == ("warn", f"{url} has refused the token of [discovery.dictionary]")


@pytest.mark.parametrize(
    ("manifest", "why"),
    [
        pytest.param(b'{"a":' * 100_000 + b"1" + b"}" * 100_000, "is no cubekit service", id="nested without an end"),
        pytest.param(b'{"service": "' + b"a" * 60_000_000 + b'"}', "is longer than max_answer", id="too long"),
    ],
)
async def test_a_manifest_beyond_measure_stops_nothing_else(said: dict[str, Any], manifest: bytes, why: str) -> None:
    with saying(said, lambda _: None) as (url, answers):
        parts = reader(url, discovery={"every": "20ms", "max_answer": 1_000_000})
        async with running(parts.pop("parts"), **parts) as service:
            far: Any = service.instances["far"].living()
            answers["/cubes"] = (200, manifest)
            while far._agreement is not None:
                await far.clock.sleep(0.01)
            health = await service.health.check("far")
            assert why in health["far"].output
            assert service.instances["far"].restarts == 0


async def test_one_connection_that_breaks_is_no_reason_to_give_up_the_service(said: dict[str, Any]) -> None:
    with saying(said, lambda _: None) as (url, answers):
        answers["/api/v1/words/words/a"] = (200, b'{"data": {"text": "a"}}')
        answers["/api/v1/words/words/b"] = (BREAKS, b"")
        parts = reader(url, discovery={"every": "1h"})
        async with running(parts.pop("parts"), **parts) as service:
            for _ in range(3):
                with pytest.raises(Unavailable):
                    await service.call("reader.lookUp", word="b")
                assert (await service.call("reader.lookUp", word="a")).text == "a"


async def test_a_service_that_answers_calls_is_not_gone(said: dict[str, Any]) -> None:
    with saying(said, lambda _: None) as (url, answers):
        answers["/api/v1/words/words/a"] = (200, b'{"data": {"text": "a"}}')
        parts = reader(url, discovery={"every": "20ms", "timeout": "200ms"})
        async with running(parts.pop("parts"), **parts) as service:
            far: Any = service.instances["far"].living()
            answers["/cubes"] = (HANGS, b"")
            until = monotonic() + 1
            while monotonic() < until:
                assert (await service.call("reader.lookUp", word="a")).text == "a"
            while far._agreement is not None:  # nobody calls any more, so nothing is heard of it
                await far.clock.sleep(0.01)


async def test_an_optional_cube_that_does_not_fit_may_fit_later(said: dict[str, Any]) -> None:
    with saying(said, lambda s: cube(s).update(colour="data")) as (url, answers):
        answers["/api/v1/words/words/a"] = (200, b'{"data": {"text": "a"}}')
        parts = reader(url, optional=True, discovery={"every": "20ms"})
        async with running(parts.pop("parts"), **parts) as service:
            far: Any = service.instances["far"].living()
            health = await service.health.check("far")
            assert health["far"].output == f"{url}: its cube is data, and not feature"
            answers["/cubes"] = (200, json.dumps(said["/cubes"]).encode())
            while far._agreement is None:
                await far.clock.sleep(0.01)
            assert (await service.call("reader.lookUp", word="a")).text == "a"


@pytest.mark.parametrize("line", [b"[]", b"{}", b"7", b"no JSON", b""], ids=repr)
async def test_a_stream_that_ends_otherwise_has_failed(said: dict[str, Any], line: bytes) -> None:
    with saying(said, lambda _: None) as (url, answers):
        answers["/api/v1/words/spell"] = (200, b'{"item": "a"}\n' + line + b"\n")
        parts = reader(url)
        async with running(parts.pop("parts"), **parts) as service:
            heard = []
            with pytest.raises((Internal, Unavailable)):
                async for letter in service.stream("reader.spell", word="a"):
                    heard.append(letter)  # noqa: PERF401 - what came before a failure counts
            assert heard == ["a"]


async def test_what_was_asked_for_stands_in_no_log(said: dict[str, Any], caplog: pytest.LogCaptureFixture) -> None:
    with saying(said, lambda _: None) as (url, answers):
        parts = reader(url)
        async with running(parts.pop("parts"), **parts) as service:
            moved = b'{"code": "NOT_FOUND", "params": {"path": "/api/v1/words/words/private"}}'
            for answer in [(404, moved), (418, b"no"), (200, b"[]")]:
                answers["/api/v1/words/words/private"] = answer
                with pytest.raises((Internal, Unavailable)):
                    await service.call("reader.lookUp", word="private")
    assert "GET /api/v1/words/words/{wordGiven}" in caplog.text
    assert "words/private" not in caplog.text


async def test_a_service_that_becomes_another_is_called_no_more(said: dict[str, Any]) -> None:
    with saying(said, lambda _: None) as (url, answers):
        parts = reader(url, discovery={"every": "20ms"})
        async with running(parts.pop("parts"), **parts) as service:
            far: Any = service.instances["far"].living()
            changed = json.loads(answers["/cubes"][1])
            changed["cubes"][0]["colour"] = Colour.DATA
            answers["/cubes"] = (200, json.dumps(changed).encode())
            while far._agreement is not None:
                await far.clock.sleep(0.01)
            health = await service.health.check("far")
            assert health["far"].output == f"{url}: its cube is data, and not feature"
            with pytest.raises(Unavailable):
                await service.call("reader.lookUp", word="a")
