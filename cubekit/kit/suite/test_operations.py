"""What it answers."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, Mapping
from functools import partial
from typing import Any

import anyio
import pytest
from blockbuster import blockbuster_ctx
from pydantic import TypeAdapter

from cubekit.authoring import failures
from cubekit.authoring.context import CallContext
from cubekit.authoring.failures import DeadlineExceeded
from cubekit.composition.edge import InvalidInput, MalformedInput, camel
from cubekit.composition.operations import Operation, ResultKind
from cubekit.composition.plugins import Middleware, Next
from cubekit.kit.calls import Outcome, addressable, ask, call, endpoint_of, items_of, request_headers, send
from cubekit.kit.inputs import bad_bodies
from cubekit.kit.mistakes import no_mistakes, place_of, shown
from cubekit.kit.steps import Breakpoint
from cubekit.kit.subjects import Subject
from cubekit.ports.http.manifest import http_path
from cubekit.testing import http_client

pytestmark = pytest.mark.anyio

_MOST_WAITS = 100
_FRAMEWORK = (
    DeadlineExceeded, failures.Overloaded, failures.PermissionDenied, failures.RateLimited,
    failures.Unauthenticated, failures.Unavailable, InvalidInput, MalformedInput,
)  # fmt: skip
"""Failures that any operation may have: the runtime raises them."""


@pytest.mark.rule("operations")
async def test_generated_input_is_answered(cube: Subject) -> None:
    """With a value that has the declared form, or with a failure; never with a mistake."""
    async with cube.running() as (service, planned):
        for operation in cube.methods:
            for number, data in enumerate(cube.inputs(operation)):
                with no_mistakes(cube.package, data):
                    outcome = await call(service, planned, operation, data, f"kit-{number}")
                _check_form(cube, operation, outcome)


@pytest.mark.rule("declared-failures")
async def test_only_declared_failures_are_raised(cube: Subject) -> None:
    """Those of the operation, of the contract that promises it, and those of the runtime."""
    promised = {
        camel(method): provision.contract.errors
        for provision in cube.descriptor.provides.values()
        for method in provision.contract.methods
    }
    async with cube.running() as (service, planned):
        for operation in cube.methods:
            declared = (*operation.options.errors, *promised.get(operation.name, ()), *_FRAMEWORK)
            for number, data in enumerate(cube.inputs(operation)):
                failure = (await call(service, planned, operation, data, f"kit-{number}")).failure
                if failure is None or isinstance(failure, (*declared, failures.Internal)):
                    continue  # what is raised by mistake breaks another rule
                kind = type(failure).__name__
                said = f"{_of(cube, operation)} raises {kind} for {shown(data)}: declare it, errors=({kind},)"
                raise AssertionError(said)


@pytest.mark.rule("bad-input")
async def test_no_input_is_answered_with_a_500(cube: Subject) -> None:
    """Whatever comes, the answer is a result or a problem document that blames the client."""
    async with cube.running() as (service, planned), http_client(service) as client:
        for operation in cube.operations:
            verb, path = operation.http
            headers = request_headers(planned, operation)
            for body in bad_bodies(operation):
                with no_mistakes(cube.package, body):
                    if operation.has_body:
                        target = http_path(planned, path.replace("{", "").replace("}", ""))
                        answer = await client.request(verb, target, content=body, headers=headers)
                    else:
                        answer = await send(client, planned, operation, _object(body))
                _not_a_mistake(operation, answer, body)
            for text in ("", "\0", "%00", "..", "\ud7ff", "0" * 500):
                with no_mistakes(cube.package, text):
                    answer = await send(client, planned, operation, dict.fromkeys(_names(operation), text))
                _not_a_mistake(operation, answer, text)
        for route in cube.descriptor.routes:
            with no_mistakes(cube.package, b"\xff"):
                target = http_path(planned, route.options.path)
                answer = await client.request(route.options.method, target, content=b"\xff")
            assert answer.status_code != 500, f"{route.method} answers 500 to a body that is nothing"


@pytest.mark.rule("same-over-bytes")
async def test_over_http_it_answers_as_it_does_to_cubes(cube: Subject) -> None:
    """The same data or the same failure; what is not idempotent may say something else, of the same kind."""
    async with cube.running() as (service, planned), http_client(service) as client:
        for operation in cube.operations:
            if operation.kind is ResultKind.STREAM:
                continue  # items pass one by one through the same encoder
            for data in filter(partial(addressable, operation), cube.inputs(operation, 10)):
                expected = await call(service, planned, operation, data)
                answer = await send(client, planned, operation, data)
                found = f"{_of(cube, operation)} says something else over HTTP, for {shown(data)}"
                if expected.failure is not None:
                    assert answer.json().get("code") == expected.code, f"{found}: {answer.text}"
                    continue
                assert answer.status_code == 200, f"{found}: {answer.text}"
                if operation.kind is ResultKind.BYTES:
                    assert not operation.options.idempotent or answer.content == expected.value, found
                    continue
                _check_same(operation, answer.json()["data"], _written(operation, expected), found)


@pytest.mark.rule("same-over-bytes")
async def test_streams_over_http_have_the_items_that_cubes_get(cube: Subject) -> None:
    """As far as both have come: a stream is left after a while."""
    async with cube.running() as (service, planned), http_client(service) as client:
        for operation in cube.operations:
            if operation.kind is not ResultKind.STREAM:
                continue
            for data in filter(partial(addressable, operation), cube.inputs(operation)):
                expected = await call(service, planned, operation, data)
                answer = await send(client, planned, operation, data)
                found = f"{_of(cube, operation)} says something else over HTTP, for {shown(data)}"
                written, (said, code) = _written(operation, expected), items_of(answer)
                for one, other in zip(said, written, strict=False):
                    _check_same(operation, one, other, found)
                if code == DeadlineExceeded.code or not expected.ended:
                    continue
                assert code == expected.code, f"{found}: {answer.text}"
                assert not operation.options.idempotent or len(said) == len(written), f"{found}: {answer.text}"


@pytest.mark.rule("same-over-bytes")
async def test_values_of_remotable_contracts_survive_the_way_through_json(cube: Subject) -> None:
    """What another process receives is what the cube gave."""
    async with cube.running() as (service, planned):
        for promised in cube.promises:
            if promised.kind is not ResultKind.VALUE:
                continue
            adapter: TypeAdapter[Any] = TypeAdapter(promised.result)
            for data in cube.inputs(promised, 10):
                outcome = await call(service, planned, promised, data)
                if outcome.failure is None:
                    received = adapter.validate_json(adapter.dump_json(outcome.value, by_alias=True))
                    assert received == outcome.value, f"{_of(cube, promised)} loses something for {shown(data)}"


@pytest.mark.rule("cancellation")
async def test_a_call_can_be_cancelled_wherever_it_waits(cube: Subject) -> None:
    """The cube goes on, and answers the same call afterwards."""
    async with cube.running() as (service, planned):
        for operation in cube.methods:
            data = cube.inputs(operation, 1)[0]
            with no_mistakes(cube.package, data):
                before = await call(service, planned, operation, data)
            for at in range(1, _MOST_WAITS + 1):
                with no_mistakes(cube.package, data), anyio.CancelScope() as scope:
                    point = Breakpoint(scope, at, cube.package)
                    await ask(endpoint_of(service, planned, operation).wrapped(_watched_by(point)), data)
                assert not point.swallowed, f"{_of(cube, operation)}: {point.swallowed[0]}"
                if not point.reached:
                    break
            else:
                said = f"{_of(cube, operation)} waits more than {_MOST_WAITS} times"
                assert operation.kind is ResultKind.STREAM, said
            with no_mistakes(cube.package, data):
                after = await call(service, planned, operation, data)
            if operation.options.idempotent:
                said = f"{_of(cube, operation)} answers otherwise after it was cancelled: {after.failure}"
                assert after.code == before.code, said


@pytest.mark.rule("metrics")
async def test_its_calls_are_counted(cube: Subject) -> None:
    """`/metrics` can be written, and counts each operation that was called."""
    async with cube.running() as (service, planned), http_client(service) as client:
        for operation in cube.operations:
            for data in cube.inputs(operation, 1):
                await call(service, planned, operation, data)
        answer = await client.get("/metrics")
        assert answer.status_code == 200, answer.text
        missing = [one.name for one in cube.operations if f'operation="{one.name}"' not in answer.text]
        assert not missing, f"not in /metrics: {', '.join(missing)}"


@pytest.mark.rule("no-blocking")
async def test_it_never_blocks_the_event_loop(cube: Subject, anyio_backend: str) -> None:
    """No file, socket, lock or sleep is waited for outside of a thread, in its life or in a call."""
    if anyio_backend != "asyncio":
        return  # the detector watches asyncio only; the code is the same
    inputs = [(operation, cube.inputs(operation, 5)) for operation in cube.methods]
    with blockbuster_ctx(cube.package):
        async with cube.running() as (service, planned), http_client(service) as client:
            with no_mistakes(cube.package):
                await service.health.check()
            for operation, given in inputs:
                for data in given:
                    with no_mistakes(cube.package, data):
                        await call(service, planned, operation, data)
            for route in cube.descriptor.routes:
                with no_mistakes(cube.package):
                    await client.request(route.options.method, http_path(planned, route.options.path))


@pytest.mark.rule("idempotence")
async def test_what_is_idempotent_says_the_same_twice(cube: Subject) -> None:
    """And what is public says it to everybody."""
    async with cube.running() as (service, planned):
        for operation in cube.operations:
            if not operation.options.idempotent or operation.kind is ResultKind.STREAM:
                continue
            for data in cube.inputs(operation, 10):
                first = await call(service, planned, operation, data, "kit-1")
                second = await call(service, planned, operation, data, "kit-2" if operation.options.public else "kit-1")
                said = f"{_of(cube, operation)} says something else the second time, for {shown(data)}"
                assert (first.value, first.code) == (second.value, second.code), said


def _watched_by(point: Breakpoint) -> Middleware:
    async def watch(context: CallContext, arguments: Mapping[str, Any], call_next: Next) -> Any:
        answer = await point.watch(_answer(call_next, context, arguments))
        return point.watch_items(answer) if isinstance(answer, AsyncGenerator) else answer

    return watch


async def _answer(call_next: Next, context: CallContext, arguments: Mapping[str, Any]) -> Any:
    return await call_next(context, arguments)


def _of(cube: Subject, operation: Operation) -> str:
    """An operation, and where it stands."""
    return f"{operation.name} ({place_of(getattr(cube.descriptor.cube, operation.method))})"


def _check_form(cube: Subject, operation: Operation, outcome: Outcome) -> None:
    """Hold a value against the declared type."""
    try:
        _written(operation, outcome)
    except (TypeError, ValueError) as error:
        said = " ".join(str(error).split())
        raise AssertionError(f"{_of(cube, operation)} returns what it does not declare: {said}") from error


def _check_same(operation: Operation, said: Any, written: Any, found: str) -> None:
    """Hold what came over HTTP against what cubes get; without idempotence another value of the same kind will do."""
    if operation.options.idempotent:
        assert said == written, found
    else:
        assert type(said) is type(written), found


def _written(operation: Operation, outcome: Outcome) -> Any:
    """The value as ports write it, as JSON data.

    :raises TypeError: if it is not of the declared type.
    """
    if operation.kind is ResultKind.STREAM:
        return [json.loads(operation.output.to_json(item)) for item in outcome.value]
    if outcome.failure is not None or operation.kind is ResultKind.BYTES:
        return outcome.value
    if operation.kind is ResultKind.PAGE:
        return [json.loads(operation.output.to_json(item)) for item in outcome.value.items]
    return json.loads(operation.output.to_json(outcome.value))


def _not_a_mistake(operation: Operation, answer: Any, given: Any) -> None:
    said = f"{operation.name} answers {answer.status_code} to {shown(given)}"
    assert answer.status_code not in {500, 502}, said
    if answer.status_code >= 400:
        assert answer.headers["content-type"].startswith("application/problem+json"), f"{said} without a problem"


def _object(body: bytes) -> Any:
    try:
        read = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return read if isinstance(read, dict) else {}


def _names(operation: Operation) -> list[str]:
    return [parameter.alias for parameter in operation.parameters]
