"""Somebody who is told of alerts."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class Receiver:
    """Keeps what is posted to it.

    :param answers: the statuses that it answers with, one after the other; then 200.
    """

    def __init__(self, answers: Sequence[int] = ()) -> None:
        self.bodies: list[bytes] = []
        self._answers = list(answers)
        self._changed = threading.Condition()

    def __enter__(self) -> Receiver:
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self.url = f"http://127.0.0.1:{self._server.server_port}/alerts"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})
        self._thread.start()
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def take(self, body: bytes) -> int:
        with self._changed:
            self.bodies.append(body)
            self._changed.notify_all()
            return self._answers.pop(0) if self._answers else 200

    def wait_for(self, count: int) -> None:
        """Block until so many have come; to be called in a thread."""
        with self._changed:
            assert self._changed.wait_for(lambda: len(self.bodies) >= count, 20), self.bodies


def _handler(receiver: Receiver) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.send_response(receiver.take(self.rfile.read(int(self.headers["content-length"]))))
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None: ...

    return Handler
