"""Handlers: what FastAPI's router calls for an operation or a raw route."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from functools import partial
from http import HTTPStatus
from typing import Any

import anyio
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import Message, Receive, Scope, Send

from cubekit.authoring.context import CallContext, active_call
from cubekit.authoring.failures import Failure
from cubekit.composition.plugins import Next
from cubekit.ports.http.authentication import Authentication
from cubekit.ports.http.bodies import InputReader, read_body
from cubekit.ports.http.calls import CallHandler
from cubekit.ports.http.exchange import Exchange
from cubekit.ports.http.head import Head
from cubekit.ports.http.problems import failure_of
from cubekit.ports.http.stream_forms import StreamForm, choose_form
from cubekit.ports.http.streams import open_stream
from cubekit.ports.http.under_way import UnderWay, until_disconnect
from cubekit.runtime.dispatch import Endpoint
from cubekit.runtime.tickets import NO_DEADLINE

__all__ = ["OperationHandler", "RawHandler", "StreamHandler"]

_log = logging.getLogger("cubekit.http")

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
            raise  # a raw route's own error; the application turns it into a problem
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
            items = self._endpoint.stream(context, arguments, encode=operation.output.to_json)
            return await open_stream(exchange, request.receive, items, form, self._under_way)


class RawHandler(_Handler):
    """Hands the requests for one raw route to its cube, as a call with every layer.

    They carry a call context, but no caller: what their credentials mean is the route's own business. Deadline and
    queue hold until the route has returned its response; a body that it streams has all the time it wants, and is under
    way until its end.
    """

    def __init__(self, endpoint: Endpoint, *, max_body: int, under_way: UnderWay, sample: float) -> None:
        super().__init__(max_body, under_way)
        self._endpoint = endpoint.wrapped(self._own_answer)
        self._sample = sample

    async def _answer(self, exchange: Exchange, request: Request) -> Response:
        head = exchange.head
        context = head.context(port="rest", sample=self._sample)
        arguments = {"request": _with_body(request, await self._body(head, request, context))}
        try:
            with self._under_way.limit():
                work = partial(self._endpoint.call, context, arguments)
                response: Response = await until_disconnect(request.receive, work)
        except _OwnError as error:
            return exchange.refuse(failure_of(error.said), error.said.headers).response()
        return _Held(response, self._endpoint, context)

    async def _own_answer(self, context: CallContext, arguments: Mapping[str, Any], call_next: Next) -> Any:
        """Call the route. Its HTTP errors pass as failures of their kind; anything but a response is a mistake."""
        try:
            # The one argument has any name, or none.
            method = getattr(self._endpoint.instance.living(), self._endpoint.operation.method)
            response = await method(*arguments.values())
        except HTTPException as error:
            if error.status_code < HTTPStatus.BAD_REQUEST:
                return Response(status_code=error.status_code, headers=error.headers)
            raise _OwnError(error) from None
        if not isinstance(response, Response):
            found = type(response).__name__
            raise TypeError(f"raw route {self._endpoint.name} returned {found}, not a starlette Response")
        return response


class _OwnError(Failure):
    """An HTTP error that a raw route has raised, counted under the code that comes nearest."""

    def __init__(self, said: HTTPException) -> None:
        self.said = said
        self.code = failure_of(said).code  # type: ignore[misc]  # of this one failure only
        super().__init__(said.detail)


class _Held(Response):
    """A response that counts as a call under way until it has been sent."""

    def __init__(self, response: Response, endpoint: Endpoint, context: CallContext) -> None:
        super().__init__(status_code=response.status_code)  # FastAPI looks at it
        self._response = response
        self._endpoint = endpoint
        self._context = context

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        life = self._endpoint.instance.life
        token = active_call.set((self._context, NO_DEADLINE))
        try:
            with life.tickets.stream() if life is not None else nullcontext():
                await self._response(scope, receive, send)
        except Exception as error:
            trace = self._context.trace_id
            said = {"trace_id": trace}
            _log.error("%s failed in its answer [trace %s]", self._endpoint.name, trace, exc_info=error, extra=said)
            raise
        finally:
            active_call.reset(token)


def _with_body(request: Request, body: bytes) -> Request:
    """Return the request with a body that has been read. It is never disconnected: then its call is cancelled."""
    messages = [{"type": "http.request", "body": body, "more_body": False}]

    async def receive() -> Message:
        if not messages:
            await anyio.sleep_forever()
        return messages.pop()

    return Request(request.scope, receive)
