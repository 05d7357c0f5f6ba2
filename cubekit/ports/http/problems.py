"""Failures as RFC 9457 problem documents, exactly as the public contract has them."""

from __future__ import annotations

import json
import math
from http import HTTPStatus
from typing import Any

from starlette.exceptions import HTTPException

from cubekit.authoring.failures import (
    Conflict,
    DeadlineExceeded,
    Failure,
    Internal,
    Invalid,
    NotFound,
    PermissionDenied,
    RateLimited,
    Unauthenticated,
    Unavailable,
)
from cubekit.composition.edge import InvalidInput, camel

__all__ = [
    "PROBLEM_JSON",
    "BodyPastDeadline",
    "BodyTooLarge",
    "BodyTooSlow",
    "HeadTooLarge",
    "MalformedRequest",
    "MethodNotAllowed",
    "NotAcceptable",
    "UnsupportedMediaType",
    "failure_of",
    "no_such_path",
    "problem",
    "problem_headers",
    "problem_type",
    "title",
    "to_json",
]

PROBLEM_JSON = "application/problem+json"

_LONGEST_PAUSE = 86_400 * 365
"""Seconds; who waits longer does not come back."""

_BY_STATUS: dict[int, type[Failure]] = {
    kind.status: kind
    for kind in (Unauthenticated, PermissionDenied, NotFound, Conflict, RateLimited, Unavailable, DeadlineExceeded)
}


class BodyTooLarge(Invalid):
    """The request's body is over the limit of ``[http] max_body``."""

    status = 413
    message = "The body is larger than {limit} bytes."
    translations = {"ko": "본문이 {limit}바이트보다 큽니다."}


class BodyTooSlow(DeadlineExceeded):
    """The request's body did not arrive in time."""

    status = 408
    message = "The body did not arrive within {seconds} seconds."
    translations = {"ko": "본문이 {seconds}초 안에 도착하지 않았습니다."}


class BodyPastDeadline(DeadlineExceeded):
    """The call's deadline passed while the request's body still arrived."""


class UnsupportedMediaType(Invalid):
    """The request's body is not JSON."""

    status = 415
    message = 'The body must be application/json in UTF-8, not "{found}".'
    translations = {"ko": '본문은 UTF-8로 된 application/json이어야 합니다. 받은 형식: "{found}"'}


class NotAcceptable(Invalid):
    """The client accepts no form in which the answer can be given."""

    status = 406
    message = "This operation answers with {offered}, which the Accept header does not admit."
    translations = {"ko": "이 작업의 응답 형식은 {offered}이며, Accept 헤더가 이를 허용하지 않습니다."}


class MalformedRequest(Invalid):
    """What the client has sent is no HTTP."""

    status = 400
    message = "This is not a valid HTTP request."
    translations = {"ko": "올바른 HTTP 요청이 아닙니다."}


class HeadTooLarge(Invalid):
    """Path and headers of the request are over the limit."""

    status = 431
    message = "The head of the request is larger than {limit} bytes."
    translations = {"ko": "요청의 머리 부분이 {limit}바이트보다 큽니다."}


class MethodNotAllowed(Invalid):
    """The path exists, with other methods."""

    status = 405
    message = "This path answers to {allowed}, not to {method}."
    translations = {"ko": "이 경로는 {method} 메서드를 지원하지 않습니다. 지원하는 메서드: {allowed}"}


def no_such_path(path: str) -> NotFound:
    """The failure of a request for a path that leads nowhere."""
    return NotFound('There is nothing at "{path}"; /docs lists what there is.', path=path)


def failure_of(error: HTTPException) -> Failure:
    """Return the failure that comes nearest to an exception of starlette's, with its status and text."""
    other = Internal if error.status_code >= HTTPStatus.INTERNAL_SERVER_ERROR else Invalid
    failure = _BY_STATUS.get(error.status_code, other)(error.detail)
    failure.status = error.status_code  # type: ignore[misc]  # of this one failure only
    return failure


def problem(failure: Failure, *, locale: str, instance: str, trace_id: str) -> dict[str, Any]:
    """Return the problem document of a failure.

    :param locale: language of ``detail``, as far as the failure is translated.
    :param instance: path of the request.
    """
    detail = failure.localized(locale)
    document: dict[str, Any] = {
        "type": problem_type(type(failure)),
        "title": title(type(failure)),
        "status": failure.status,
        "detail": detail,
        "instance": instance,
        "success": False,
        "code": failure.code,
        "retryable": failure.retryable,
        "errors": _errors(failure, detail),
        "traceId": trace_id,
    }
    if params := _params(failure):
        document["params"] = params
    return document


def problem_type(kind: type[Failure]) -> str:
    """The URI of a kind of failure."""
    return f"urn:cubekit:error:{kind.slug()}"


def title(kind: type[Failure]) -> str:
    """The name of a kind of failure for people, the same at each occurrence."""
    return kind.slug().replace("-", " ").capitalize()


def problem_headers(failure: Failure) -> dict[str, str]:
    """Return the headers that belong to a failure's status."""
    if failure.status == HTTPStatus.UNAUTHORIZED:
        return {"www-authenticate": "Bearer"}
    if failure.status in {HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE}:
        return {"retry-after": str(_seconds(failure.retry_after))}
    if isinstance(failure, BodyTooLarge | BodyTooSlow | BodyPastDeadline):
        return {"connection": "close"}  # the rest of the body is not read
    return {}


def _seconds(said: object) -> int:
    """A number of whole seconds, whatever a cube has said."""
    if not isinstance(said, int | float) or math.isnan(said):
        return 1
    return math.ceil(min(max(1, said), _LONGEST_PAUSE))


def to_json(document: object) -> bytes:
    """Write a document of our own as compact JSON; what cannot be encoded, such as half a character, is replaced."""
    return json.dumps(document, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode("utf-8", "replace")


def _errors(failure: Failure, detail: str) -> dict[str, list[str]]:
    if isinstance(failure, InvalidInput):
        return failure.errors
    return {failure.field: [detail]} if failure.field else {}


def _params(failure: Failure) -> dict[str, Any]:
    if isinstance(failure, InvalidInput):
        return {}  # its one parameter repeats `errors`
    return {camel(name): value for name, value in failure.params.items() if _is_json(value)}


def _is_json(value: object) -> bool:
    return isinstance(value, str | int | None) or (isinstance(value, float) and math.isfinite(value))
