"""`Exchange`: one request and its one answer, whatever happens in between."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, NamedTuple

from starlette.responses import Response

from cubekit.authoring.failures import Failure, Internal
from cubekit.ports.http.head import Head
from cubekit.ports.http.problems import PROBLEM_JSON, problem, problem_headers, to_json

__all__ = ["Answer", "Exchange"]

_log = logging.getLogger("cubekit.http")

_LAST_STATUS = 599


class Answer(NamedTuple):
    """What is sent back, for whatever sends it."""

    status: int
    content_type: str
    body: bytes
    headers: Mapping[str, str] = {}
    """Further headers."""

    def response(self) -> Response:
        """Return it as starlette has it."""
        return Response(self.body, self.status, media_type=self.content_type, headers=dict(self.headers))


class Exchange:
    """A request with what its answer needs to know of it, even if it fails early."""

    __slots__ = ("head",)

    def __init__(self, head: Head) -> None:
        self.head = head

    def expected(self, error: BaseException) -> Failure:
        """Return a failure as it is; log anything else, and return what may be said of it."""
        if isinstance(error, Failure):
            return error
        self._log(error)
        return Internal()

    def _log(self, error: BaseException) -> None:
        head = self.head
        trace = head.trace[0]
        _log.error("%s %s failed [trace %s]", head.method, head.path, trace, exc_info=error, extra={"trace_id": trace})

    def problem(self, failure: Failure) -> dict[str, Any]:
        """Return the problem document of a failure."""
        head = self.head
        return problem(failure, locale=head.locale, instance=head.path, trace_id=head.trace[0])

    def refuse(self, failure: Failure, headers: Mapping[str, str] | None = None) -> Answer:
        """Return the answer that says why there is no other, even if the failure cannot be told."""
        try:
            return self._refusal(failure, headers or {})
        except Exception as error:  # noqa: BLE001 - its class may be code of a cube
            self._log(error)
            return self._refusal(Internal(), {})

    def _refusal(self, failure: Failure, headers: Mapping[str, str]) -> Answer:
        if not HTTPStatus.BAD_REQUEST <= failure.status <= _LAST_STATUS:
            raise ValueError(f"{type(failure).__name__} has the status {failure.status!r}, which is no failure's")
        body = to_json(self.problem(failure))
        return Answer(failure.status, PROBLEM_JSON, body, {**problem_headers(failure), **headers})
