"""`Process`: one worker as its master sees it."""

from __future__ import annotations

import os
import signal
import socket
import time
from typing import Any

from cubekit.workers.messages import Lines, encode

__all__ = ["Process", "ended"]


class Process:
    """One worker as its master sees it.

    :param channel: the master's end of the socket pair.
    """

    def __init__(self, index: int, pid: int, channel: socket.socket) -> None:
        self.index = index
        self.pid = pid
        self.channel = channel
        self.lines = Lines()
        self.unsent = b""
        self.since = time.time()
        self.ready = False
        self.leaving = False
        """Whether it was told to stop."""

    def status(self) -> dict[str, Any]:
        """What the control socket says of it."""
        return {"worker": self.index, "pid": self.pid, "ready": self.ready, "since": self.since}

    def say(self, message: dict[str, Any]) -> None:
        """Send a message, when there is room."""
        self.unsent += encode(message)

    def send(self) -> None:
        """Send what there is room for."""
        if self.unsent:
            try:
                sent = self.channel.send(self.unsent)
            except (BlockingIOError, ConnectionError):
                sent = 0
            self.unsent = self.unsent[sent:]

    def stop(self) -> None:
        """Tell it to stop."""
        self.leaving = True
        os.kill(self.pid, signal.SIGTERM)


def ended(status: int) -> str:
    """Say how a process has ended."""
    if status < 0:
        return f"was ended by {signal.Signals(-status).name}"
    return f"ended with status {status}"
