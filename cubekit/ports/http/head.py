"""`Head`: what a request says before its body, and the call context that it asks for."""

from __future__ import annotations

import math
import random
import re
from collections.abc import Mapping
from functools import lru_cache
from time import monotonic
from typing import Any

from starlette.requests import cookie_parser

from cubekit.authoring.context import CallContext
from cubekit.composition.edge import InvalidInput

__all__ = ["BadHeader", "Head"]

_TRACEPARENT = re.compile(r"(?!ff)([0-9a-f]{2})-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})(-.*)?")
_LANGUAGE = re.compile(r"\s*([A-Za-z]{1,8}(?:-[A-Za-z0-9]{1,8})*)\s*(?:;\s*q\s*=\s*([01](?:\.\d{0,3})?)\s*)?")
_SAMPLED = 0x01

Trace = tuple[str, str | None, bool | None]
"""Trace id, the caller's span if there is one, and whether the caller records; None if it does not say."""


class BadHeader(InvalidInput):
    """A header of the request that cannot be understood."""

    status = 400


class Head:
    """Method, path, query and headers of a request.

    :param query: as it came, without the question mark.
    :param headers: by lower-case name. Of one that comes more than once the last.
    :param client: address and port of the other side.
    :param path_params: what stands for the placeholders of the route's path.
    """

    __slots__ = ("_trace", "client", "headers", "method", "path", "path_params", "query")

    def __init__(
        self,
        method: str,
        path: str,
        query: bytes,
        headers: dict[bytes, bytes],
        client: tuple[str, int] | None,
        path_params: Mapping[str, str] | None = None,
    ) -> None:
        self.method = method
        self.path = path
        self.query = query
        self.headers = headers
        self.client = client
        self.path_params = path_params
        self._trace: Trace | None = None

    @classmethod
    def of(cls, scope: Mapping[str, Any]) -> Head:
        """Return the head of a request as ASGI has it."""
        headers, params = dict(scope["headers"]), scope.get("path_params")
        return cls(scope["method"], scope["path"], scope["query_string"], headers, scope.get("client"), params)

    def header(self, name: bytes) -> str | None:
        """Return a header, or None."""
        found = self.headers.get(name)
        return None if found is None else found.decode("latin-1")

    @property
    def cookies(self) -> dict[str, str]:
        """The cookies, by name."""
        said = self.header(b"cookie")
        return {} if said is None else cookie_parser(said)

    @property
    def trace(self) -> Trace:
        """The trace of ``traceparent``; a new one if there is none or, as W3C asks, if it is not valid."""
        if self._trace is None:
            self._trace = _read_trace(self.header(b"traceparent"))
        return self._trace

    @property
    def locale(self) -> str:
        """The language that ``Accept-Language`` prefers, English by default."""
        said = self.headers.get(b"accept-language")
        return "en" if said is None else _preferred_language(said)

    def context(self, *, port: str, priority: int = 0, sample: float = 0.0) -> CallContext:
        """Return the context that the headers ask for.

        :param sample: the share of requests to be sampled among those whose caller does not say.
        :raises BadHeader: if ``X-Request-Timeout`` is not a number of seconds.
        """
        headers, client = self.headers, self.client
        trace_id, parent_span_id, sampled = self.trace
        key = headers.get(b"idempotency-key")
        return CallContext(
            deadline=_deadline(headers[b"x-request-timeout"]) if b"x-request-timeout" in headers else None,
            locale=self.locale,
            trace_id=trace_id,
            parent_span_id=parent_span_id,
            sampled=random.random() < sample if sampled is None else sampled,  # noqa: S311 - no secret
            idempotency_key=None if key is None else key.decode("latin-1"),
            priority=priority,
            client=client[0] if client else None,
            port=port,
        )


def _read_trace(said: str | None) -> Trace:
    match = None if said is None else _TRACEPARENT.fullmatch(said.strip())
    if match is None or (match[1] == "00" and match[5]):
        return f"{random.getrandbits(128):032x}", None, None
    return match[2], match[3], bool(int(match[4], 16) & _SAMPLED)


@lru_cache(maxsize=1024)
def _preferred_language(said: bytes) -> str:
    wanted = [
        (float(match[2] or 1), match[1])
        for part in said.decode("latin-1").split(",")
        if (match := _LANGUAGE.fullmatch(part))
    ]
    quality, language = max(wanted, key=lambda one: one[0], default=(1.0, "en"))
    return language if quality else "en"


def _deadline(said: bytes) -> float:
    try:
        seconds = float(said)
    except ValueError:
        seconds = math.nan
    if not 0 < seconds < math.inf:
        raise BadHeader({"X-Request-Timeout": ["Expected a positive number of seconds"]})
    return monotonic() + seconds
