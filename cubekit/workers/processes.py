"""`Process`: one worker as its master sees it; `Slot`: the place that it has among the workers."""

from __future__ import annotations

import os
import signal
import socket
import time
from collections.abc import Iterator, Sequence
from typing import Any

from cubekit.ports.http.families import Family
from cubekit.workers.messages import Lines, Outgoing, encode

__all__ = ["Process", "Slot", "ended"]


class Process:
    """One worker as its master sees it.

    :param channel: the master's end of the socket pair.
    """

    def __init__(self, slot: Slot, pid: int, channel: socket.socket) -> None:
        self.slot = slot
        self.pid = pid
        self.channel = channel
        self.lines = Lines()
        self.outgoing = Outgoing()
        self.connected = True
        """Whether its end of the channel is open."""
        self.ready = False
        """Whether it serves, or has served."""
        self.counted: list[Family] = []
        """The metrics that it has told last."""
        self.leaving_since: float | None = None
        """When it was told to stop, as `time.monotonic` counts; None if it was not."""

    def say(self, message: dict[str, Any]) -> None:
        """Send a message, when there is room."""
        self.outgoing.add(encode(message))

    def receive(self) -> Iterator[dict[str, Any]]:
        """Yield the messages that have arrived."""
        try:
            data = self.channel.recv(1 << 20)
        except BlockingIOError:
            return
        except ConnectionError:
            data = b""
        self.connected = bool(data)
        yield from self.lines.feed(data)

    def send(self) -> None:
        """Send what there is room for."""
        try:
            while lines := self.outgoing.first():
                self.outgoing.sent(self.channel.sendmsg(lines))
        except BlockingIOError:
            return
        except ConnectionError:
            self.connected = False

    @property
    def leaving(self) -> bool:
        """Whether it was told to stop."""
        return self.leaving_since is not None

    def stop(self) -> None:
        """Tell it to stop."""
        self.leaving_since = time.monotonic()
        os.kill(self.pid, signal.SIGTERM)

    def let_go(self) -> None:
        """Have it finish what it does, and end: another serves in its place, or will."""
        self.leaving_since = time.monotonic()
        self.say({"do": "leave"})


class Slot:
    """One place among the workers, with listening sockets of its own: who serves there, and who is about to.

    :param listeners: its listening sockets.
    """

    def __init__(self, index: int, listeners: Sequence[socket.socket]) -> None:
        self.index = index
        self.listeners = listeners
        self.serving: Process | None = None
        self.successor: Process | None = None
        """Takes the place over once it is ready."""


def ended(status: int) -> str:
    """Say how a process has ended."""
    if status < 0:
        return f"was ended by {signal.Signals(-status).name}"
    return f"ended with status {status}"
