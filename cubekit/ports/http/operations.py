"""Handlers: what FastAPI calls for an operation or a raw route."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from cubekit.authoring.context import active_call
from cubekit.authoring.models import Page
from cubekit.composition.descriptors import RawRoute
from cubekit.composition.operations import Operation, ResultKind
from cubekit.ports.http.authentication import Authentication
from cubekit.ports.http.bodies import InputReader, limited
from cubekit.ports.http.context import read_context
from cubekit.ports.http.exchange import Exchange
from cubekit.ports.http.problems import to_json
from cubekit.ports.http.stream_forms import StreamForm, choose_form
from cubekit.ports.http.streams import open_stream
from cubekit.ports.http.under_way import UnderWay, until_disconnect
from cubekit.runtime.dispatch import Endpoint
from cubekit.runtime.instances import Instance
from cubekit.runtime.tickets import NO_DEADLINE

__all__ = ["OperationHandler", "RawHandler"]


class OperationHandler:
    """Answers the requests for one operation.

    :param forms: the forms that a stream may have.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        *,
        authentication: Authentication,
        forms: Sequence[StreamForm],
        max_body: int,
        under_way: UnderWay,
    ) -> None:
        self._endpoint = endpoint
        self._authentication = authentication
        self._forms = forms
        self._input = InputReader(endpoint.operation, max_body)
        self._under_way = under_way
        self._is_stream = endpoint.operation.kind is ResultKind.STREAM

    async def answer(self, request: Request) -> Response:
        """Answer one request."""
        exchange = Exchange(request)
        work = self._stream if self._is_stream else self._call
        return await exchange.answer(self._under_way, partial(work, exchange))

    async def _call(self, exchange: Exchange) -> Response:
        request = exchange.request
        context = read_context(request, exchange.trace, port="rest")
        arguments = await self._input.read(request)

        async def call() -> Any:
            return await self._endpoint.call(await self._authentication.identified(request, context), arguments)

        return _success(self._endpoint.operation, await until_disconnect(request.receive, call))

    async def _stream(self, exchange: Exchange) -> Response:
        request = exchange.request
        form = choose_form(request.headers.get("accept", ""), self._forms)
        context = read_context(request, exchange.trace, port=form.port)
        arguments = await self._input.read(request)
        context = await self._authentication.identified(request, context)
        items = self._endpoint.stream(context, arguments)
        return await open_stream(exchange, items, form, self._endpoint.operation.output.to_json, self._under_way)


class RawHandler:
    """Hands the requests for one raw route to its cube.

    They carry a call context, but no caller: what their credentials mean is the route's own business.
    """

    def __init__(self, instance: Instance, route: RawRoute, *, max_body: int, under_way: UnderWay) -> None:
        self._instance = instance
        self._route = route
        self._max_body = max_body
        self._under_way = under_way

    async def answer(self, request: Request) -> Response:
        """Answer one request."""
        exchange = Exchange(request)
        return await exchange.answer(self._under_way, partial(self._hand_over, exchange))

    async def _hand_over(self, exchange: Exchange) -> Response:
        context = read_context(exchange.request, exchange.trace, port="rest")
        request = limited(exchange.request, self._max_body)
        method = getattr(self._instance.living(), self._route.method)
        token = active_call.set((context, NO_DEADLINE))
        try:
            response = await method(request)
        finally:
            active_call.reset(token)
        if not isinstance(response, Response):
            name = f"{self._instance.name}.{self._route.method}"
            raise TypeError(f"raw route {name} returned {type(response).__name__}, not a starlette Response")
        return response


def _success(operation: Operation, value: Any) -> Response:
    if operation.kind is ResultKind.BYTES:
        return Response(value, media_type="application/octet-stream")
    if operation.kind is ResultKind.PAGE:
        return _page(operation, value)
    return _json(b'{"success":true,"data":' + operation.output.to_json(value) + b"}")


def _page(operation: Operation, page: Page[Any]) -> Response:
    items = b",".join(operation.output.to_json(item) for item in page.items)
    pagination = {"page": page.page, "limit": page.limit, "total": page.total, "totalPages": page.total_pages}
    return _json(b'{"success":true,"data":[' + items + b'],"pagination":' + to_json(pagination) + b"}")


def _json(body: bytes) -> Response:
    return Response(body, media_type="application/json")
