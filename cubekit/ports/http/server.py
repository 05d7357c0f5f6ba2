"""`HttpServer`: a service on a network address, served by uvicorn."""

from __future__ import annotations

import logging
import socket
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Literal

import anyio
import uvicorn
from anyio.abc import TaskStatus

from cubekit.ports.http.app import create_app
from cubekit.ports.http.listeners import listen, url_of
from cubekit.ports.http.peers import Peers
from cubekit.ports.http.protocol import make_protocol
from cubekit.ports.http.under_way import UnderWay
from cubekit.runtime.service import Service

__all__ = ["HttpServer"]

_log = logging.getLogger("cubekit.http")

_LAST_WORDS = 2.0
"""Seconds that requests cut short at the end of the drain have to send their answers."""


class HttpServer:
    """Serves one service.

    Call `bind` before the cubes start, so that an address in use is known at once; then `run`, which may begin while
    they start: until a cube runs, its operations answer 503 with ``Retry-After``.

    `stop` closes the listeners and the idle connections and lets requests and streams finish within
    ``[http] drain_timeout``. What is then still under way is cut short: calls answer 503 and streams end with
    ``event: error``, both with the code ``UNAVAILABLE``, which may be tried again. Stop the server before the service,
    so that what is under way finds its cubes alive.

    :param path: the way that requests for operations take; answers are the same on each, and the first is the fastest.
    :param peers: the other workers, if there are any.
    """

    def __init__(
        self,
        service: Service,
        path: Literal["protocol", "table", "router"] = "protocol",
        peers: Peers | None = None,
    ) -> None:
        self._service = service
        self._http = service.plan.http
        self._under_way = UnderWay()
        self._app = create_app(service, self._under_way, exact=path != "router", peers=peers)
        self._protocol = make_protocol(self._app.table, answers=path == "protocol")
        self._sockets: list[socket.socket] = []
        self._stop = anyio.Event()
        self._force = anyio.Event()

    def bind(self) -> None:
        """Open the listening sockets.

        :raises CubekitError: CK405 if the address cannot be had.
        """
        if not self._sockets:
            self._sockets = listen(self._http.host, self._http.port)
            self.url = url_of(self._http.host, self._sockets[0])

    def adopt(self, sockets: Sequence[socket.socket]) -> None:
        """Listen on sockets that somebody else has opened, instead of `bind`."""
        self._sockets = list(sockets)
        self.url = url_of(self._http.host, self._sockets[0])

    url: str
    """Where the service is reached; there once `bind` was called."""

    async def run(self, *, task_status: TaskStatus[None] = anyio.TASK_STATUS_IGNORED) -> None:
        """Serve, tell ``task_status``, and return when `stop` or `force` was called and the requests have ended.

        :raises CubekitError: CK405, if `bind` was not called before and fails.
        """
        self.bind()
        server = _Server(self._configuration(), started=task_status)
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(self._end, server)
            await server.serve(self._sockets)
            tasks.cancel_scope.cancel()

    def stop(self, *, patient: bool = False) -> None:
        """Say no longer that the service is ready, take no more connections, and finish what is under way.

        :param patient: whether idle connections are kept as long as ever, each for one more request. Somebody else
            serves already, and no client is to notice.
        """
        self._service.draining = True
        self._protocol.patient = patient
        self._stop.set()

    def force(self) -> None:
        """Take no more requests, and cut those under way short."""
        self._service.draining = True
        self._force.set()
        self._stop.set()

    async def _end(self, server: _Server) -> None:
        await self._stop.wait()
        server.should_exit = True
        with anyio.move_on_after(self._http.drain_timeout):
            await self._force.wait()
        self._under_way.expire()
        await anyio.sleep(_LAST_WORDS)
        server.abandon()

    def _configuration(self) -> uvicorn.Config:
        return uvicorn.Config(
            self._app,
            http=self._protocol,
            ws="none",
            lifespan="off",
            log_config=None,
            log_level="warning",
            access_log=False,
            server_header=False,
        )


class _Server(uvicorn.Server):
    """uvicorn, which leaves signals to whoever runs it."""

    def __init__(self, config: uvicorn.Config, started: TaskStatus[None]) -> None:
        super().__init__(config)
        self._started = started

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._started.started()

    def abandon(self) -> None:
        """Wait no longer for connections that do not end."""
        if self.server_state.connections:
            _log.warning("%d connections did not end in time", len(self.server_state.connections))
        self.force_exit = True
        for connection in list(self.server_state.connections):
            connection.transport.abort()
