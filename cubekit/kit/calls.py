"""Calls operations of a running service, as cubes do and as clients do, and tells what came of it."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from contextlib import aclosing, contextmanager
from dataclasses import dataclass
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

__all__ = ["Outcome", "addressable", "call", "endpoint_of", "no_mistakes", "request_headers", "send"]

_ENOUGH = 20
"""Items after which a stream is left."""
_PATIENCE, _STREAM_PATIENCE = 30.0, 0.1
"""Seconds that a call may take, and after which a stream is left that has no more to say at the moment."""


@dataclass(frozen=True)
class Outcome:
    """What came of a call: a value, the first items of a stream, or a failure."""

    value: Any = None
    failure: Failure | None = None

    @property
    def code(self) -> str | None:
        """The failure's code."""
        return self.failure.code if self.failure else None


@contextmanager
def no_mistakes() -> Iterator[None]:
    """Raise what an operation has raised by mistake, which callers are only told of as ``INTERNAL``.

    :raises AssertionError: at the end of the ``with`` block, with the mistake as ``__cause__``.
    """
    found: list[BaseException] = []

    class Collector(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            if record.exc_info and record.exc_info[1] is not None:
                found.append(record.exc_info[1])

    logger, collector = logging.getLogger("cubekit.dispatch"), Collector(logging.ERROR)
    logger.addHandler(collector)
    try:
        yield
    finally:
        logger.removeHandler(collector)
    if found:
        mistakes = "; ".join(dict.fromkeys(f"{type(error).__name__}: {error}" for error in found))
        raise AssertionError(f"{len(found)} calls failed by mistake: {mistakes}") from found[0]


def endpoint_of(service: Service, planned: PlannedCube, operation: Operation) -> Endpoint:
    """The endpoint of an operation of the cube under test."""
    return service.endpoints[f"{planned.name}.{operation.name}"]


async def call(
    service: Service, planned: PlannedCube, operation: Operation, data: Any, principal: str | None = None
) -> Outcome:
    """Call an operation as another cube would. A stream is left after a while.

    :param data: the input as JSON data, or bytes.
    :param principal: who calls; by default somebody known if any operation asks for a scope.
    """
    arguments = operation.arguments(data if operation.input is None else operation.input.from_data(data))
    scope = operation.options.scope
    caller = Caller(principal or ("kit" if _has_scopes(planned) else None), frozenset({scope} if scope else ()))
    is_stream = operation.kind is ResultKind.STREAM
    context = CallContext(caller, monotonic() + _patience(operation), port="kit")
    endpoint = endpoint_of(service, planned, operation)
    items: list[Any] = []
    try:
        if not is_stream:
            return Outcome(await endpoint.call(context, arguments))
        async with aclosing(endpoint.stream(context, arguments)) as stream:
            async for item in stream:
                items.append(item)
                if len(items) == _ENOUGH:
                    break
        return Outcome(items)
    except DeadlineExceeded as failure:
        return Outcome(items) if is_stream else Outcome(failure=failure)
    except Failure as failure:
        return Outcome(failure=failure)


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


def request_headers(planned: PlannedCube, operation: Operation) -> dict[str, str]:
    """The headers of a request that is allowed, and does not last for ever."""
    return {
        "content-type": "application/octet-stream" if operation.takes_bytes else "application/json",
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
