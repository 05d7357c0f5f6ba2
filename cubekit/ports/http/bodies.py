"""The input of an operation, read from a request: body, path and query."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import create_model
from starlette.requests import Request
from starlette.types import Message

from cubekit.composition.edge import EdgeCodec
from cubekit.composition.operations import Operation
from cubekit.ports.http.problems import BodyTooLarge, UnsupportedMediaType

__all__ = ["InputReader", "limited"]

_NOTHING = EdgeCodec(create_model("Nothing"))
"""Where nothing is expected, whatever comes is an unknown field."""

_BODILESS = frozenset({"GET", "DELETE"})


class InputReader:
    """Reads the arguments of one operation."""

    def __init__(self, operation: Operation, max_body: int) -> None:
        self._operation = operation
        self._max_body = max_body
        self._strings = operation.strings or _NOTHING
        self._body = operation.body or _NOTHING
        self._has_body = operation.http[0] not in _BODILESS
        self._lists = _list_names(self._strings)
        self._aliases = {p.name: p.alias for p in operation.parameters}

    async def read(self, request: Request) -> dict[str, Any]:
        """Return the operation's arguments.

        :raises BodyTooLarge: as soon as that is known; the rest of the body is not read.
        :raises UnsupportedMediaType: if the body is not JSON.
        :raises MalformedInput: if it is broken JSON.
        :raises InvalidInput: if it does not fit the parameters.
        """
        strings = self._strings.from_strings(self._texts(request))
        raw = await limited(request, self._max_body).body()
        return self._operation.http_arguments(self._read_body(request, raw), strings)

    def _texts(self, request: Request) -> Mapping[str, str | list[str]]:
        texts: dict[str, str | list[str]] = {}
        for name in request.query_params:
            values = request.query_params.getlist(name)
            texts[name] = values if name in self._lists or len(values) > 1 else values[0]
        path = {self._aliases.get(name, name): value for name, value in request.path_params.items()}
        return {**texts, **path}

    def _read_body(self, request: Request, raw: bytes) -> Any:
        if not self._has_body:
            return None
        if self._operation.takes_bytes:
            return raw
        if not raw:
            # No body is an object without fields: fine if every field has a default, else each one is named.
            return self._body.from_data({})
        _check_media_type(request.headers.get("content-type", ""))
        return self._body.from_json(raw)


def limited(request: Request, limit: int) -> Request:
    """Return the request with a body that fails once it is larger than ``limit`` bytes.

    :raises BodyTooLarge: at once, if ``Content-Length`` says so.
    """
    declared = request.headers.get("content-length", "0")
    if declared.isdecimal() and int(declared) > limit:
        raise BodyTooLarge(limit=limit)
    received = 0

    async def receive() -> Message:
        nonlocal received
        message = await request.receive()
        received += len(message.get("body", b""))
        if received > limit:
            raise BodyTooLarge(limit=limit)
        return message

    return Request(request.scope, receive)


def _check_media_type(said: str) -> None:
    media_type, *parameters = (part.strip().lower() for part in said.split(";"))
    is_json = media_type == "application/json" or (
        media_type.startswith("application/") and media_type.endswith("+json")
    )
    charsets = {p.partition("=")[2].strip(' "') for p in parameters if p.startswith("charset=")}
    if not is_json or not charsets <= {"utf-8", "utf8"}:
        raise UnsupportedMediaType(found=said or "none")


def _list_names(codec: EdgeCodec) -> frozenset[str]:
    schema = codec.json_schema("validation")
    definitions = schema.get("$defs", {})

    def is_list(part: Mapping[str, Any]) -> bool:
        if "$ref" in part:
            return is_list(definitions[part["$ref"].rpartition("/")[2]])
        return part.get("type") == "array" or any(is_list(option) for option in part.get("anyOf", ()))

    if "$ref" in schema:
        schema = definitions[schema["$ref"].rpartition("/")[2]]
    return frozenset(name for name, part in schema.get("properties", {}).items() if is_list(part))
