"""What it answers."""

from __future__ import annotations

import json
from functools import partial
from itertools import count
from typing import Any

import anyio
import pytest
from blockbuster import blockbuster_ctx
from pydantic import TypeAdapter

from cubekit.authoring import failures
from cubekit.composition.edge import InvalidInput, MalformedInput
from cubekit.composition.operations import Operation, ResultKind
from cubekit.kit.calls import Outcome, addressable, call, endpoint_of, no_mistakes, request_headers, send
from cubekit.kit.inputs import bad_bodies
from cubekit.kit.steps import Breakpoint
from cubekit.kit.subjects import Subject
from cubekit.ports.http.manifest import http_path
from cubekit.testing import http_client
from cubekit.testing.interception import intercepted

pytestmark = pytest.mark.anyio

_MOST_WAITS = 100
_FRAMEWORK = (
    failures.DeadlineExceeded, failures.Overloaded, failures.PermissionDenied, failures.RateLimited,
    failures.Unauthenticated, failures.Unavailable, InvalidInput, MalformedInput,
)  # fmt: skip
"""Failures that any operation may have: the runtime raises them."""


@pytest.mark.rule("operations")
async def test_generated_input_is_answered(cube: Subject) -> None:
    """With a value that has the declared form, or with a failure; never with a mistake."""
    async with cube.running() as (service, planned):
        for operation in cube.operations:
            with no_mistakes():
                for number, data in enumerate(cube.inputs(operation)):
                    outcome = await call(service, planned, operation, data, f"kit-{number}")
                    _written(operation, outcome)


@pytest.mark.rule("declared-failures")
async def test_only_declared_failures_are_raised(cube: Subject) -> None:
    """Those of the operation, of the contract that promises it, and those of the runtime."""
    promised = {
        method: provision.contract.errors
        for provision in cube.descriptor.provides.values()
        for method in provision.contract.methods
    }
    async with cube.running() as (service, planned):
        for operation in cube.operations:
            declared = (*operation.options.errors, *promised.get(operation.method, ()), *_FRAMEWORK)
            for number, data in enumerate(cube.inputs(operation)):
                failure = (await call(service, planned, operation, data, f"kit-{number}")).failure
                said = f"{operation.name} raises {type(failure).__name__}, which is not declared, for {data}"
                assert failure is None or isinstance(failure, declared), said


@pytest.mark.rule("bad-input")
async def test_no_input_is_answered_with_a_500(cube: Subject) -> None:
    """Whatever comes, the answer is a result or a problem document that blames the client."""
    async with cube.running() as (service, planned), http_client(service) as client:
        for operation in cube.operations:
            verb, path = operation.http
            headers = request_headers(planned, operation)
            for body in bad_bodies(operation):
                if operation.has_body:
                    target = http_path(planned, path.replace("{", "").replace("}", ""))
                    answer = await client.request(verb, target, content=body, headers=headers)
                else:
                    answer = await send(client, planned, operation, _object(body))
                _not_a_mistake(operation, answer, body)
            for text in ("", "\0", "%00", "..", "\ud7ff", "0" * 500):
                answer = await send(client, planned, operation, dict.fromkeys(_names(operation), text))
                _not_a_mistake(operation, answer, text)
        for route in cube.descriptor.routes:
            answer = await client.request(route.options.method, http_path(planned, route.options.path), content=b"\xff")
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
                if expected.failure is not None:
                    assert answer.json()["code"] == expected.code, (operation.name, data)
                    continue
                assert answer.status_code == 200, (operation.name, data, answer.text)
                if operation.kind is ResultKind.BYTES:
                    assert not operation.options.idempotent or answer.content == expected.value, operation.name
                    continue
                said, written = answer.json()["data"], _written(operation, expected)
                if operation.options.idempotent:
                    assert said == written, (operation.name, data)
                else:
                    assert type(said) is type(written), (operation.name, data)


@pytest.mark.rule("same-over-bytes")
async def test_values_of_remotable_contracts_survive_the_way_through_json(cube: Subject) -> None:
    """What another process receives is what the cube gave."""
    remotable = {m for p in cube.descriptor.provides.values() if p.contract.remotable for m in p.contract.methods}
    async with cube.running() as (service, planned):
        for operation in cube.operations:
            if operation.method not in remotable or operation.kind is not ResultKind.VALUE:
                continue
            adapter: TypeAdapter[Any] = TypeAdapter(operation.result)
            for data in cube.inputs(operation, 10):
                outcome = await call(service, planned, operation, data)
                if outcome.failure is None:
                    received = adapter.validate_json(adapter.dump_json(outcome.value, by_alias=True))
                    assert received == outcome.value, (operation.name, data)


@pytest.mark.rule("cancellation")
async def test_a_call_can_be_cancelled_wherever_it_waits(cube: Subject) -> None:
    """The cube goes on, and answers the same call afterwards."""
    async with cube.running() as (service, planned):
        for operation in cube.operations:
            if operation.kind is ResultKind.STREAM:
                continue  # `call` leaves streams early
            data = cube.inputs(operation, 1)[0]
            for at in count(1):
                with no_mistakes(), anyio.CancelScope() as scope:
                    point = Breakpoint(scope, at)

                    async def watch(context: Any, arguments: Any, call_next: Any, point: Breakpoint = point) -> Any:
                        return await point.watch(call_next(context, arguments))

                    with intercepted(endpoint_of(service, planned, operation), watch):
                        await call(service, planned, operation, data)
                if not point.reached:
                    break
                assert at < _MOST_WAITS, f"{operation.name} waits more than {_MOST_WAITS} times"
            with no_mistakes():
                await call(service, planned, operation, data)
        assert service.instances[planned.name].restarts == 0, "cancelling a call made it crash"


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
    inputs = {operation.name: cube.inputs(operation, 5) for operation in cube.operations}
    with blockbuster_ctx(cube.package), no_mistakes():
        async with cube.running() as (service, planned):
            await service.health.check()
            for operation in cube.operations:
                for data in inputs[operation.name]:
                    await call(service, planned, operation, data)


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
                assert (first.value, first.code) == (second.value, second.code), (operation.name, data)


def _written(operation: Operation, outcome: Outcome) -> Any:
    """The value as ports write it, as JSON data.

    :raises TypeError: if it is not of the declared type.
    """
    if outcome.failure is not None or operation.kind is ResultKind.BYTES:
        return outcome.value
    if operation.kind is ResultKind.STREAM:
        return [json.loads(operation.output.to_json(item)) for item in outcome.value]
    if operation.kind is ResultKind.PAGE:
        return [json.loads(operation.output.to_json(item)) for item in outcome.value.items]
    return json.loads(operation.output.to_json(outcome.value))


def _not_a_mistake(operation: Operation, answer: Any, given: Any) -> None:
    shown = given[:200]
    assert answer.status_code not in {500, 502}, f"{operation.name} answers {answer.status_code} to {shown!r}"
    if answer.status_code >= 400:
        assert answer.headers["content-type"].startswith("application/problem+json"), (operation.name, shown)


def _object(body: bytes) -> Any:
    try:
        read = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return read if isinstance(read, dict) else {}


def _names(operation: Operation) -> list[str]:
    return [parameter.alias for parameter in operation.parameters]
