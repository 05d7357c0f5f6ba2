"""`StreamResponse`: the items of an operation as they come, and then exactly one end or error."""

from __future__ import annotations

import math
from collections.abc import AsyncGenerator
from functools import partial
from typing import Any

import anyio
from anyio.lowlevel import checkpoint
from starlette.requests import ClientDisconnect
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from cubekit.ports.http.exchange import Exchange
from cubekit.ports.http.stream_forms import StreamForm
from cubekit.ports.http.under_way import UnderWay, until_disconnect

__all__ = ["KEEP_ALIVE", "StreamResponse", "close_stream", "open_stream"]

KEEP_ALIVE = 15.0
"""Seconds of silence after which a keep-alive is sent, where the form has one."""

_CLOSING = 5.0
"""Seconds that the operation has to clean up when its client has left."""

_END: Any = object()

Items = AsyncGenerator[bytes, None]


async def open_stream(
    exchange: Exchange,
    receive: Receive,
    items: Items,
    form: StreamForm,
    under_way: UnderWay,
) -> Response:
    """Wait for the first item, so that a failure before it has a status of its own, and return the stream.

    :param items: each written as JSON.
    :raises Failure: what the operation fails with before the first item.
    """
    try:
        first = await until_disconnect(receive, partial(anext, items, _END))
        frame = b"" if first is _END else form.item(0, first)
    except BaseException:
        await close_stream(items)
        raise
    return StreamResponse(exchange, frame, items, form, under_way)


async def close_stream(items: Items) -> None:
    """Let the operation clean up, also when the request was cancelled."""
    with anyio.move_on_after(_CLOSING, shield=True):
        await items.aclose()


class StreamResponse(Response):
    """Sends a stream.

    A client that leaves closes the operation's generator at once. When the server's time to drain is over, the stream
    ends with an ``UNAVAILABLE`` error, which says that it can be tried again.
    """

    def __init__(
        self,
        exchange: Exchange,
        first: bytes,
        items: Items,
        form: StreamForm,
        under_way: UnderWay,
    ) -> None:
        # A proxy that buffers or caches would hold items back.
        headers = {"cache-control": "no-cache", "x-accel-buffering": "no"}
        super().__init__(headers=headers, media_type=form.media_type)
        del self.headers["content-length"]
        self._exchange = exchange
        self._first = first
        self._items = items
        self._form = form
        self._under_way = under_way
        self._sent_at = -math.inf

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send everything."""
        try:
            await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
            last = await self._last_frame(receive, send)
        except ClientDisconnect:
            return
        finally:
            await close_stream(self._items)
        await send({"type": "http.response.body", "body": last, "more_body": False})

    async def _last_frame(self, receive: Receive, send: Send) -> bytes:
        keep_alive = self._form.keep_alive
        beside = [] if keep_alive is None else [partial(self._keep_alive, send, keep_alive)]
        try:
            with self._under_way.limit():
                await until_disconnect(receive, partial(self._send_items, send), *beside)
                return self._form.end
        except ClientDisconnect:
            raise
        except Exception as error:  # noqa: BLE001 - `expected` logs what it does not know
            return self._form.error(self._exchange.problem(self._exchange.expected(error)))

    async def _send_items(self, send: Send) -> None:
        if not self._first:
            return
        await self._send(send, self._first)
        number = 0
        async for item in self._items:
            number += 1
            await self._send(send, self._form.item(number, item))

    async def _send(self, send: Send, frame: bytes) -> None:
        await send({"type": "http.response.body", "body": frame, "more_body": True})
        self._sent_at = anyio.current_time()
        # An operation that never waits would keep everybody else from running, and the news that its client has left.
        await checkpoint()

    async def _keep_alive(self, send: Send, frame: bytes) -> None:
        while True:
            await anyio.sleep(KEEP_ALIVE)
            if anyio.current_time() - self._sent_at >= KEEP_ALIVE:
                await self._send(send, frame)
