"""Handlers: what FastAPI's router calls for an operation or a raw route."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from cubekit.authoring.context import CallContext
from cubekit.composition.plugins import Next
from cubekit.ports.http.authentication import Authentication
from cubekit.ports.http.bodies import InputReader, limited, read_body
from cubekit.ports.http.calls import CallHandler
from cubekit.ports.http.exchange import Exchange
from cubekit.ports.http.head import Head
from cubekit.ports.http.stream_forms import StreamForm, choose_form
from cubekit.ports.http.streams import open_stream
from cubekit.ports.http.under_way import UnderWay, until_disconnect
from cubekit.runtime.dispatch import Endpoint

__all__ = ["OperationHandler", "RawHandler", "StreamHandler"]

_CLIENT_CLOSED_REQUEST = 499
"""Of the answer that nobody receives."""


class _Handler:
    """Turns whatever goes wrong into a problem."""

    def __init__(self, max_body: int, under_way: UnderWay) -> None:
        self._max_body = max_body
        self._under_way = under_way

    async def answer(self, request: Request) -> Response:
        """Answer one request."""
        exchange = Exchange(Head.of(request.scope))
        try:
            return await self._answer(exchange, request)
        except ClientDisconnect:
            return Response(status_code=_CLIENT_CLOSED_REQUEST)
        except HTTPException:
            raise  # a raw route's own answer; the application turns it into a problem
        except Exception as error:  # noqa: BLE001 - `expected` logs what it does not know
            return exchange.refuse(exchange.expected(error)).response()

    async def _answer(self, exchange: Exchange, request: Request) -> Response:
        raise NotImplementedError

    async def _body(self, head: Head, request: Request, context: CallContext) -> bytes:
        return await read_body(head, request.receive, self._max_body, self._under_way, context.deadline)


class OperationHandler(_Handler):
    """Answers the requests for an operation that is no stream."""

    def __init__(self, calls: CallHandler, *, max_body: int, under_way: UnderWay) -> None:
        super().__init__(max_body, under_way)
        self._calls = calls

    async def _answer(self, exchange: Exchange, request: Request) -> Response:
        head = exchange.head
        context = self._calls.context(head)
        body = await self._body(head, request, context)
        with self._under_way.limit():
            answer = await until_disconnect(request.receive, partial(self._calls.call, head, context, body))
        return answer.response()


class StreamHandler(_Handler):
    """Answers the requests for a stream.

    :param forms: the forms that it may have.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        *,
        authentication: Authentication,
        forms: Sequence[StreamForm],
        max_body: int,
        under_way: UnderWay,
        sample: float,
    ) -> None:
        super().__init__(max_body, under_way)
        self._endpoint = endpoint
        self._authentication = authentication
        self._forms = forms
        self._input = InputReader(endpoint.operation)
        self._sample = sample

    async def _answer(self, exchange: Exchange, request: Request) -> Response:
        head, operation = exchange.head, self._endpoint.operation
        form = choose_form(head.header(b"accept") or "", self._forms)
        context = head.context(port=form.port, priority=operation.options.priority, sample=self._sample)
        arguments = self._input.read(head, await self._body(head, request, context))
        with self._under_way.limit():
            context = await self._authentication.identified(head, context)
            items = self._endpoint.stream(context, arguments)
            write = operation.output.to_json
            return await open_stream(exchange, request.receive, items, form, write, self._under_way)


class RawHandler(_Handler):
    """Hands the requests for one raw route to its cube, as a call with every layer.

    They carry a call context, but no caller: what their credentials mean is the route's own business. Deadline and
    queue hold until the route has returned its response; a body that it streams has all the time it wants.
    """

    def __init__(self, endpoint: Endpoint, *, max_body: int, under_way: UnderWay, sample: float) -> None:
        super().__init__(max_body, under_way)
        self._endpoint = endpoint.wrapped(self._own_answer)
        self._sample = sample

    async def _answer(self, exchange: Exchange, request: Request) -> Response:
        head = exchange.head
        context = head.context(port="rest", sample=self._sample)
        bounded = limited(request, head, self._max_body)
        with self._under_way.limit():
            response = await self._endpoint.call(context, {"request": bounded})
        if isinstance(response, HTTPException):
            raise response
        assert isinstance(response, Response)  # noqa: S101 - `_own_answer` has looked
        return response

    async def _own_answer(self, context: CallContext, arguments: Mapping[str, Any], call_next: Next) -> Any:
        """Let the route's HTTP errors pass as answers; anything but a response is a mistake."""
        try:
            response = await call_next(context, arguments)
        except HTTPException as error:
            return error
        if not isinstance(response, Response):
            found = type(response).__name__
            raise TypeError(f"raw route {self._endpoint.name} returned {found}, not a starlette Response")
        return response
