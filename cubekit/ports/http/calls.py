"""`CallHandler`: a request for an operation that is no stream, from its head and body to its answer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from cubekit.authoring.context import CallContext
from cubekit.authoring.models import Page
from cubekit.composition.operations import Operation, ResultKind
from cubekit.ports.http.authentication import Authentication
from cubekit.ports.http.bodies import InputReader
from cubekit.ports.http.exchange import Answer, Exchange
from cubekit.ports.http.head import Head
from cubekit.ports.http.manifest import http_path
from cubekit.ports.http.problems import to_json
from cubekit.ports.http.under_way import own_failure
from cubekit.runtime.dispatch import Endpoint

__all__ = ["JSON", "CallHandler"]

JSON = "application/json"


class CallHandler:
    """Answers the requests for one operation, whoever has read them: router, table or protocol.

    :param sample: the share of requests that are sampled.
    """

    def __init__(self, endpoint: Endpoint, authentication: Authentication, sample: float) -> None:
        operation = endpoint.operation
        self.method = operation.http[0]
        self.path = http_path(endpoint.instance.planned, operation.http[1])
        self._endpoint = endpoint
        self._authentication = authentication
        self._input = InputReader(operation)
        self._encode = _encoder(operation)
        self._priority = operation.options.priority
        self._sample = sample
        self.content_type = "application/octet-stream" if operation.kind is ResultKind.BYTES else JSON
        """Of an answer that is no problem."""

    def suspends(self, head: Head) -> bool:
        """Whether the answer to a request may have to wait for something."""
        return self._endpoint.suspends or self._authentication.is_needed(head)

    def context(self, head: Head) -> CallContext:
        """Return the context of a request, whose caller is not known yet.

        :raises BadHeader: if a header cannot be understood.
        """
        return head.context(port="rest", priority=self._priority, sample=self._sample)

    async def answer(self, head: Head, body: bytes) -> Answer:
        """Answer a request, whatever happens."""
        try:
            return await self.call(head, self.context(head), body)
        except Exception as error:  # noqa: BLE001 - `expected` logs what it does not know
            exchange = Exchange(head)
            return exchange.refuse(exchange.expected(error))

    async def call(self, head: Head, context: CallContext, body: bytes) -> Answer:
        """Return the answer of the operation.

        :raises Failure: if the input does not fit, the caller is not known, or the operation fails.
        """
        try:
            arguments = self._input.read(head, body)
            if self._authentication.is_needed(head):
                context = await self._authentication.identified(head, context)
            answer = await self._endpoint.compiled(self._encode)(context, arguments)
        except BaseException as error:
            failure = own_failure(error)
            if failure is None or failure is error:
                raise
            raise failure  # noqa: B904 - it has its cause
        return Answer(200, self.content_type, answer)


def _encoder(operation: Operation) -> Callable[[Any], bytes]:
    if operation.kind is ResultKind.BYTES:
        return bytes
    to_json_value = operation.output.to_json
    if operation.kind is ResultKind.PAGE:
        return lambda page: _page(page, to_json_value)
    if operation.json_method is not None:
        return lambda value: _enveloped(value if isinstance(value, bytes) else to_json_value(value))
    return lambda value: _enveloped(to_json_value(value))


def _enveloped(data: bytes) -> bytes:
    return b'{"success":true,"data":' + data + b"}"


def _page(page: Page[Any], to_json_item: Callable[[Any], bytes]) -> bytes:
    items = b",".join(map(to_json_item, page.items))
    pagination = {"page": page.page, "limit": page.limit, "total": page.total, "totalPages": page.total_pages}
    return b'{"success":true,"data":[' + items + b'],"pagination":' + to_json(pagination) + b"}"
