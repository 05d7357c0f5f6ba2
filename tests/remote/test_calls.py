"""Calls of a cube in another service: each value, failure and stream is what it would be here."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator
from contextlib import aclosing, asynccontextmanager
from datetime import date
from time import monotonic
from typing import Any

import anyio
import pytest

from cubekit import CallContext, Conflict, DeadlineExceeded, Internal, Invalid, Page, Unavailable
from cubekit.ports.http.manifest import manifest
from cubekit.ports.http.openapi import openapi_document
from cubekit.runtime.service import Service
from cubekit.testing import running
from tests.remote.serving import Far, far_service, reader
from tests.remote.words import NoSuchWord, Reader, Seen, Stranger, Word, Words

pytestmark = pytest.mark.anyio


@pytest.fixture(scope="module")
def far() -> Iterator[Far]:
    with far_service() as served:
        yield served


@pytest.fixture(autouse=True)
def empty(far: Far) -> None:
    far.cube().kept = []
    far.cube().ill = ""


@asynccontextmanager
async def near(far: Far, **settings: Any) -> AsyncIterator[Service]:
    parts = reader(far.url, **settings)
    async with running(parts.pop("parts"), **parts) as service:
        yield service


def words(service: Service) -> Words:
    cube = service.instances["reader"].living()
    assert isinstance(cube, Reader)
    return cube.words


async def test_values_of_every_kind(far: Far) -> None:
    async with near(far) as service:
        there = words(service)
        found = await there.look_up("가 나?&%2F", languages=["ko", "en"])
        assert found == Word(text="가 나?&%2F ko en", first_seen=date(1446, 10, 9))
        assert (await there.look_up("a")).text == "a"
        with pytest.raises(Invalid, match='"a/b" cannot stand in the path'):
            await there.look_up("a/b")
        with pytest.raises(Invalid, match=r"\[\] cannot stand in a query"):
            await there.look_up("a", languages=[])  # would be left out, and then None
        assert (await there.look_up("a", languages=None)).text == "a"
        one, two = Word(text="one"), Word(text="two")
        assert await there.join(one, two) == Word(text="one-two")
        assert await there.join(one, two, between="") == Word(text="onetwo")
        await there.keep(one)
        assert far.cube().kept == [one]
        page = await there.listed(page=1)
        assert page == Page[Word](items=(one,), page=1, limit=1, total=1)
        assert await there.reversed(b"\x00\xff1") == b"1\xff\x00"
        assert [letter async for letter in there.spell("말씀")] == ["말", "씀"]
        assert [letter async for letter in there.spell("")] == []


async def test_declared_failures_are_raised_as_they_are(far: Far) -> None:
    async with near(far) as service:
        with pytest.raises(NoSuchWord) as caught:
            await words(service).look_up("none")
        assert caught.value.params == {"word_given": "none"}
        assert caught.value.localized("ko") == "none라는 낱말이 없습니다."
        await words(service).keep(Word(text="twice"))
        with pytest.raises(Conflict, match="twice is there already") as conflict:
            await words(service).keep(Word(text="twice"))
        assert conflict.value.field == "text"
        with pytest.raises(Stranger, match="Say who you are"):  # no refusal of the token of this service
            await words(service).look_up("secret")
        with pytest.raises(Unavailable) as unavailable:
            await words(service).look_up("busy")
        assert unavailable.value.retry_after == 1


async def test_what_is_too_long_there_is_told(far: Far) -> None:
    async with near(far) as service:
        there = words(service)
        long = Word(text="x" * 900_000)
        assert (await there.join(long, Word(text="y"))).text == long.text + "-y"
        for length in (2_000_000, 30_000_000):
            with pytest.raises(Invalid, match="larger than 1048576 bytes"):
                await there.join(Word(text="x" * length), Word(text="y"))
        assert (await there.look_up("a")).text == "a"


async def test_a_mistake_there_is_an_internal_failure_here(far: Far) -> None:
    async with near(far) as service:
        with pytest.raises(Internal):
            await words(service).look_up("broken")
        assert (await words(service).look_up("fine")).text == "fine"


async def test_a_stream_that_fails_says_why(far: Far) -> None:
    async with near(far) as service:
        heard = []
        with pytest.raises(NoSuchWord):
            async with aclosing(words(service).spell("ab!c")) as letters:
                async for letter in letters:
                    heard.append(letter)  # noqa: PERF401 - what came before a failure counts
        assert heard == ["a", "b"]


async def test_a_stream_that_is_left_ends_there(far: Far) -> None:
    closed = far.cube().closed = far.portal.call(anyio.Event)
    async with near(far) as service:
        async with aclosing(service.stream("reader.spell", word="ab.c")) as letters:
            assert await anext(letters) == "a"
        with anyio.fail_after(5):
            await anyio.to_thread.run_sync(far.portal.call, closed.wait)


async def test_the_context_travels(far: Far) -> None:
    async with near(far) as service:
        context = CallContext(
            locale="ko", idempotency_key="key 1", sampled=False, trace_id="1" * 32, deadline=monotonic() + 5
        )
        seen = await service.providers("test.words")[0].endpoints["seen"].call(context, {})
        assert isinstance(seen, Seen)
        assert (seen.locale, seen.idempotency_key, seen.trace_id) == ("ko", "key 1", "1" * 32)
        assert (seen.has_deadline, seen.caller) == (True, None)


async def test_a_deadline_ends_the_call_here_and_there(far: Far) -> None:
    cube = far.cube()
    async with near(far) as service:
        before = monotonic()
        with pytest.raises(DeadlineExceeded):
            await service.call("reader.wait", CallContext(deadline=before + 0.2))
        assert monotonic() - before < 2
        while far.service.instances["words"].in_flight:
            await anyio.lowlevel.checkpoint()
    assert cube.waiting


async def test_the_manifest_tells_where_the_cube_is(far: Far) -> None:
    async with near(far) as service:
        (entry,) = [cube for cube in manifest(service)["cubes"] if cube["name"] == "far"]
        assert (entry["engine"], entry["cube"], entry["version"]) == ("remote", "words", None)
        # What is published for everybody does not say where it is: its operations are not ours to offer.
        document = json.dumps(openapi_document(service.plan))
        assert "reader" in document
        assert "dictionary" not in document
        assert far.url not in document


async def test_its_health_is_that_of_the_cube_there() -> None:
    with far_service() as far:  # of its own, as what it says is kept for a while
        async with near(far) as service:
            cube = service.instances["far"].living()
            assert (await cube.health_check()).status == "pass"
            far.cube().ill = "it has a cold"
            with anyio.fail_after(30):
                while (health := await cube.health_check()).status == "pass":
                    await anyio.lowlevel.checkpoint()  # it is asked there no more often than every `max_age`
            assert health.output == '"words" is running there: it has a cold'
