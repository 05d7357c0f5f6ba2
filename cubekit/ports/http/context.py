"""The context of a call, from the headers of its request."""

from __future__ import annotations

import math
import re
import secrets
from time import monotonic

from starlette.requests import Request

from cubekit.authoring.context import ANONYMOUS, CallContext, Caller
from cubekit.composition.edge import InvalidInput

__all__ = ["BadHeader", "Trace", "read_context", "read_locale", "read_trace"]

_TRACEPARENT = re.compile(r"(?!ff)([0-9a-f]{2})-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})(-.*)?")
_LANGUAGE = re.compile(r"\s*([A-Za-z]{1,8}(?:-[A-Za-z0-9]{1,8})*)\s*(?:;\s*q\s*=\s*([01](?:\.\d{0,3})?)\s*)?")
_SAMPLED = 0x01

Trace = tuple[str, str | None, bool]
"""Trace id, the caller's span if there is one, and whether the caller records."""


class BadHeader(InvalidInput):
    """A header of the request that cannot be understood."""

    status = 400


def read_context(request: Request, trace: Trace, *, port: str, caller: Caller = ANONYMOUS) -> CallContext:
    """Return the context that a request's headers ask for.

    :raises BadHeader: if ``X-Request-Timeout`` is not a number of seconds.
    """
    trace_id, parent_span_id, sampled = trace
    return CallContext(
        caller=caller,
        deadline=_deadline(request),
        locale=read_locale(request),
        trace_id=trace_id,
        parent_span_id=parent_span_id,
        sampled=sampled,
        idempotency_key=request.headers.get("idempotency-key"),
        client=request.client.host if request.client else None,
        port=port,
    )


def read_trace(request: Request) -> Trace:
    """Return the trace of ``traceparent``; a new one if there is none or, as W3C asks, if it is not valid."""
    match = _TRACEPARENT.fullmatch(request.headers.get("traceparent", "").strip())
    if match is None or (match[1] == "00" and match[5]):
        return secrets.token_hex(16), None, False
    return match[2], match[3], bool(int(match[4], 16) & _SAMPLED)


def read_locale(request: Request) -> str:
    """Return the language that ``Accept-Language`` prefers, English by default."""
    wanted = [
        (float(match[2] or 1), match[1])
        for part in request.headers.get("accept-language", "").split(",")
        if (match := _LANGUAGE.fullmatch(part))
    ]
    quality, language = max(wanted, key=lambda one: one[0], default=(1.0, "en"))
    return language if quality else "en"


def _deadline(request: Request) -> float | None:
    said = request.headers.get("x-request-timeout")
    if said is None:
        return None
    try:
        seconds = float(said)
    except ValueError:
        seconds = math.nan
    if not 0 < seconds < math.inf:
        raise BadHeader({"X-Request-Timeout": ["Expected a positive number of seconds"]})
    return monotonic() + seconds
