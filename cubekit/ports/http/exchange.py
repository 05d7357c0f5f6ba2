"""`Exchange`: one request and its one answer, whatever happens in between."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from cubekit.authoring.failures import Failure, Internal
from cubekit.ports.http.context import read_locale, read_trace
from cubekit.ports.http.problems import problem, problem_response
from cubekit.ports.http.under_way import ShuttingDown, UnderWay

__all__ = ["Exchange"]

_log = logging.getLogger("cubekit.http")

_CLIENT_CLOSED_REQUEST = 499
"""Of the answer that nobody receives."""


class Exchange:
    """A request with what its answer needs to know of it, even if it fails early."""

    def __init__(self, request: Request) -> None:
        self.request = request
        self.trace = read_trace(request)
        self._locale = read_locale(request)
        self._path: str = request.scope["path"]

    async def answer(self, under_way: UnderWay, work: Callable[[], Awaitable[Response]]) -> Response:
        """Return the response that ``work`` makes, or the problem that it fails with."""
        try:
            with under_way.limit():
                return await work()
            return self.refuse(ShuttingDown())
        except ClientDisconnect:
            return Response(status_code=_CLIENT_CLOSED_REQUEST)
        except HTTPException:
            raise  # a raw route's own answer; the application turns it into a problem
        except Exception as error:  # noqa: BLE001 - `expected` logs what it does not know
            return self.refuse(self.expected(error))

    def expected(self, error: Exception) -> Failure:
        """Return a failure as it is; log anything else, and return what may be said of it."""
        if isinstance(error, Failure):
            return error
        _log.error("%s %s failed [trace %s]", self.request.method, self._path, self.trace[0], exc_info=error)
        return Internal()

    def problem(self, failure: Failure) -> dict[str, Any]:
        """Return the problem document of a failure."""
        return problem(failure, locale=self._locale, instance=self._path, trace_id=self.trace[0])

    def refuse(self, failure: Failure, headers: Mapping[str, str] | None = None) -> Response:
        """Return the answer that says why there is no other."""
        return problem_response(
            failure, locale=self._locale, instance=self._path, trace_id=self.trace[0], headers=headers
        )
