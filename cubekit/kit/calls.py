"""Calls operations of a running service, as cubes do and as clients do, and tells what came of it."""

from __future__ import annotations

import json
import re
from contextlib import aclosing
from dataclasses import dataclass
from http import HTTPStatus
from time import monotonic
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from cubekit.authoring.context import CallContext, Caller
from cubekit.authoring.failures import DeadlineExceeded, Failure
from cubekit.composition.operations import Operation, ResultKind
from cubekit.composition.plan import PlannedCube
from cubekit.kit.subjects import CREDENTIALS
from cubekit.ports.http.manifest import http_path
from cubekit.runtime.dispatch import Endpoint
from cubekit.runtime.service import Service

if TYPE_CHECKING:
    from httpx2 import AsyncClient, Response

__all__ = ["Outcome", "addressable", "ask", "call", "endpoint_of", "items_of", "request_headers", "send"]

_ENOUGH = 20
"""Items after which a stream is left."""
_PATIENCE, _STREAM_PATIENCE = 30.0, 0.1
"""Seconds that a call may take, and after which a stream is left that has no more to say at the moment."""


@dataclass(frozen=True)
class Outcome:
    """What came of a call: a value, the first items of a stream, or a failure."""

    value: Any = None
    failure: Failure | None = None
    ended: bool = True
    """Whether the call has ended by itself; False for a stream that was left."""

    @property
    def code(self) -> str | None:
        """The failure's code."""
        return self.failure.code if self.failure else None


def endpoint_of(service: Service, planned: PlannedCube, operation: Operation) -> Endpoint:
    """The endpoint of a method of the cube under test."""
    if operation.exposed:
        return service.endpoints[f"{planned.name}.{operation.name}"]
    return Endpoint(service.instances[planned.name], operation)  # as a port or another cube would get to it


async def call(
    service: Service, planned: PlannedCube, operation: Operation, data: Any, principal: str | None = None
) -> Outcome:
    """Call a method as another cube would. A stream is left after a while.

    :param data: the input as JSON data, or bytes.
    :param principal: who calls; by default somebody known if any operation asks for a scope.
    """
    return await ask(endpoint_of(service, planned, operation), data, principal)


async def ask(endpoint: Endpoint, data: Any, principal: str | None = None) -> Outcome:
    """Call an endpoint, as `call` does."""
    operation, planned = endpoint.operation, endpoint.instance.planned
    arguments = operation.arguments(data if operation.input is None else operation.input.from_data(data))
    scope = operation.options.scope
    caller = Caller(principal or ("kit" if _has_scopes(planned) else None), frozenset({scope} if scope else ()))
    is_stream = operation.kind is ResultKind.STREAM
    context = CallContext(caller, monotonic() + _patience(operation), port="kit")
    items: list[Any] = []
    try:
        if not is_stream:
            return Outcome(await endpoint.call(context, arguments))
        async with aclosing(endpoint.stream(context, arguments)) as stream:
            async for item in stream:
                items.append(item)
                if len(items) == _ENOUGH:
                    return Outcome(items, ended=False)
        return Outcome(items)
    except DeadlineExceeded as failure:
        return Outcome(items, ended=False) if is_stream else Outcome(failure=failure)
    except Failure as failure:
        return Outcome(items, failure)


async def send(client: AsyncClient, planned: PlannedCube, operation: Operation, data: Any) -> Response:
    """Call an operation as a client would.

    :param data: the input as JSON data; bytes are sent as they are.
    """
    verb, path = operation.http
    headers = request_headers(planned, operation)
    values = dict(data) if isinstance(data, dict) else {}
    names = {parameter.name: parameter.alias for parameter in operation.parameters}

    def text_of(match: re.Match[str]) -> str:
        return quote(_text(values.pop(names.get(match[1], match[1]), "-")), safe="") or "-"

    target = http_path(planned, re.sub(r"{(\w+)}", text_of, path))
    if not operation.has_body:
        return await client.request(verb, target, params=_texts(values), headers=headers)
    if isinstance(data, bytes):
        return await client.request(verb, target, content=data, headers=headers)
    return await client.request(verb, target, json=values, headers=headers)


def items_of(response: Response) -> tuple[list[Any], str | None]:
    """The items of a stream over HTTP, as JSON data, and the code of its failure."""
    if response.status_code != HTTPStatus.OK:
        return [], response.json().get("code")
    frames = [json.loads(line) for line in response.text.splitlines()]
    code = next((frame["error"]["code"] for frame in frames if "error" in frame), None)
    return [frame["item"] for frame in frames if "item" in frame], code


def request_headers(planned: PlannedCube, operation: Operation) -> dict[str, str]:
    """The headers of a request that is allowed, and does not last for ever."""
    return {
        "content-type": "application/octet-stream" if operation.takes_bytes else "application/json",
        "accept": "application/x-ndjson" if operation.kind is ResultKind.STREAM else "*/*",
        "x-request-timeout": str(_patience(operation)),
        **({"authorization": CREDENTIALS} if _has_scopes(planned) else {}),
    }


def addressable(operation: Operation, data: Any) -> bool:
    """Whether an input can be said over HTTP: what stands in the path must be one segment of it."""
    texts = [_text(data.get(one.alias, "-")) for one in operation.parameters if one.source == "path"]
    return all(text not in {"", ".", ".."} and "/" not in text for text in texts)


def _patience(operation: Operation) -> float:
    return _STREAM_PATIENCE if operation.kind is ResultKind.STREAM else _PATIENCE


def _has_scopes(planned: PlannedCube) -> bool:
    return any(operation.options.scope for operation in planned.descriptor.operations)


def _texts(values: dict[str, Any]) -> dict[str, Any]:
    return {
        name: [_text(item) for item in value] if isinstance(value, list) else _text(value)
        for name, value in values.items()
        if value is not None
    }


def _text(value: Any) -> str:
    text = ("true" if value else "false") if isinstance(value, bool) else str(value)
    return text.encode("utf-8", "replace").decode()  # half a character cannot stand in a URL
