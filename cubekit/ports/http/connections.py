"""`Connection`: uvicorn's HTTP protocol, with limits on how long a connection may be idle."""

from __future__ import annotations

import asyncio
import math
from typing import Any

from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

__all__ = ["DRAIN_GRACE", "Connection"]

DRAIN_GRACE = 0.5
"""Seconds that an idle connection is kept when the server stops: a request may be on its way."""


class Connection(HttpToolsProtocol):
    """One connection, and when it ends."""

    patience = 5.0
    """Seconds to wait for a request, or for the rest of its head."""
    patient = False
    """Whether a server that stops has time for idle connections."""

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self._draining = False
        self._idle_since = math.inf
        """Since when a request, or the rest of its head, is waited for; infinite while one is being answered."""

    @property
    def _is_busy(self) -> bool:
        """Whether an answer is under way."""
        cycle: Any = self.cycle  # None before the first request
        return cycle is not None and not cycle.response_complete

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to wait for a first request, not for ever."""
        super().connection_made(transport)
        self._idle_since = self.loop.time()
        self._wait_for_next(self.patience)

    def on_response_complete(self) -> None:
        """Go on with the next request of the pipeline, or wait for one."""
        self.server_state.total_requests += 1
        if self.transport.is_closing():
            return
        self.flow.resume_reading()
        if self.pipeline:
            self._start_asgi_task(*self.pipeline.pop())
            return
        self._idle_since = self.loop.time()
        if self.timeout_keep_alive_task is None:
            self._wait_for_next(self.patience)

    def _wait_for_next(self, seconds: float) -> None:
        self.timeout_keep_alive_task = self.loop.call_later(seconds, self.timeout_keep_alive_handler)

    def _unset_keepalive_if_required(self) -> None:
        """Leave the timer running: to look at the time when it fires is cheaper than to set it for every request."""
        if self.transport.is_closing():
            super()._unset_keepalive_if_required()

    def timeout_keep_alive_handler(self) -> None:
        """Close a connection on which no request has come for too long, or none but its beginning."""
        self.timeout_keep_alive_task = None
        left = self._idle_since + self.patience - self.loop.time()
        if left <= 0:
            super().timeout_keep_alive_handler()
        elif not self.transport.is_closing():
            self._wait_for_next(min(left, self.patience))

    def shutdown(self) -> None:
        """Stop: the answer under way is the last; an idle connection may bring one more request.

        A patient server closes an idle connection no sooner than ever.
        """
        self._draining = True
        if self._is_busy:
            self.cycle.keep_alive = False
        elif not self.patient:
            self.loop.call_later(DRAIN_GRACE, self._close_idle)

    def _close_idle(self) -> None:
        if not self._is_busy:
            self.transport.close()
