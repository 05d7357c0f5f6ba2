"""The input of an operation, read from a request: body, path and query."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from time import monotonic
from typing import Any
from urllib.parse import parse_qsl

from pydantic import create_model
from starlette.requests import ClientDisconnect
from starlette.types import Receive

from cubekit.authoring.failures import DeadlineExceeded
from cubekit.composition.edge import EdgeCodec
from cubekit.composition.operations import Operation
from cubekit.composition.remotes import CONTRACT_HEADER
from cubekit.ports.http.head import Head
from cubekit.ports.http.problems import BodyPastDeadline, BodyTooLarge, BodyTooSlow, UnsupportedMediaType
from cubekit.ports.http.under_way import UnderWay

__all__ = ["InputReader", "check_length", "read_body"]

_NOTHING = EdgeCodec(create_model("Nothing"))
"""Where nothing is expected, whatever comes is an unknown field."""

_CONTRACT = CONTRACT_HEADER.encode()

BODY_TIMEOUT = 30.0
"""Seconds that the body of a request may take to arrive."""


class InputReader:
    """Makes the arguments of one operation."""

    def __init__(self, operation: Operation) -> None:
        self._operation = operation
        self._strings = operation.strings or _NOTHING
        self._body = operation.body or _NOTHING
        self._has_body = operation.has_body
        self._lists = _list_names(self._strings)
        self._aliases = {p.name: p.alias for p in operation.parameters}
        self._takes_bytes = operation.takes_bytes
        self._whole_body = operation.whole_body

    def read(self, head: Head, body: bytes) -> dict[str, Any]:
        """Return the operation's arguments.

        :raises UnsupportedMediaType: if the body is not JSON.
        :raises MalformedInput: if it is broken JSON.
        :raises InvalidInput: if it does not fit the parameters.
        """
        if self._whole_body is not None and not head.query:
            return {self._whole_body: self._read_body(head, body)}
        strings = self._strings.from_strings(self._texts(head))
        return self._operation.http_arguments(self._read_body(head, body), strings)

    def _texts(self, head: Head) -> Mapping[str, str | list[str]]:
        texts: dict[str, str | list[str]] = {}
        for name, value in parse_qsl(head.query.decode("latin-1"), keep_blank_values=True):
            said = texts.get(name)
            if said is None:
                texts[name] = [value] if name in self._lists else value
            else:
                texts[name] = [*said, value] if isinstance(said, list) else [said, value]
        path = {self._aliases.get(name, name): value for name, value in (head.path_params or {}).items()}
        return {**texts, **path}

    def _read_body(self, head: Head, raw: bytes) -> Any:
        if not self._has_body:
            return None
        if self._takes_bytes:
            return raw
        if not raw:
            # No body is an object without fields: fine if every field has a default, else each one is named.
            return self._body.from_data({})
        if not _is_json(said := head.headers.get(b"content-type", b"")):
            raise UnsupportedMediaType(found=said.decode("latin-1") or "none")
        # A cube of another service may know a newer version of the contract than is kept here.
        return self._body.from_json(raw, "ignore" if _CONTRACT in head.headers else "forbid")


def check_length(head: Head, limit: int) -> None:
    """Look at a request's ``Content-Length``.

    :raises BodyTooLarge: if it is over the limit.
    """
    declared = head.headers.get(b"content-length", b"0")
    if declared.isdigit() and int(declared) > limit:
        raise BodyTooLarge(limit=limit)


async def read_body(head: Head, receive: Receive, limit: int, under_way: UnderWay, deadline: float | None) -> bytes:
    """Return the whole body of a request.

    :param limit: in bytes.
    :param deadline: of the call that the body is for, on the clock of `time.monotonic`.
    :raises BodyTooLarge: as soon as that is known; the rest of the body is not read.
    :raises BodyTooSlow: if it does not arrive within `BODY_TIMEOUT`.
    :raises BodyPastDeadline: if the deadline comes before that.
    :raises ClientDisconnect: if the client leaves.
    """
    check_length(head, limit)
    patience = monotonic() + BODY_TIMEOUT
    limits = patience if deadline is None else min(patience, deadline)
    body = b""
    try:
        with under_way.limit(limits):
            while True:
                message = await receive()
                if message["type"] == "http.disconnect":
                    raise ClientDisconnect
                chunk: bytes = message.get("body", b"")
                body = body + chunk if body else chunk
                if len(body) > limit:
                    raise BodyTooLarge(limit=limit)
                if not message.get("more_body", False):
                    return body
    except DeadlineExceeded:
        if limits < patience:
            raise BodyPastDeadline() from None
        raise BodyTooSlow(seconds=BODY_TIMEOUT) from None


@lru_cache(maxsize=256)
def _is_json(content_type: bytes) -> bool:
    """Whether a ``Content-Type`` is JSON in UTF-8."""
    said = content_type.decode("latin-1")
    media_type, *parameters = (part.strip().lower() for part in said.split(";"))
    is_json = media_type == "application/json" or (
        media_type.startswith("application/") and media_type.endswith("+json")
    )
    charsets = {p.partition("=")[2].strip(' "') for p in parameters if p.startswith("charset=")}
    return is_json and charsets <= {"utf-8", "utf8"}


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
