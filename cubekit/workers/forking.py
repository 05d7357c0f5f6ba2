"""`fork`: a new worker, which leaves everything of its master behind."""

from __future__ import annotations

import os
import signal
import socket
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from cubekit.workers.processes import Process, Slot

__all__ = ["SIGNALS", "Run", "fork"]

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGCHLD)
"""What the master listens to, and a worker does not do likewise."""

Run = Callable[[int, Sequence[socket.socket], socket.socket], int]
"""Runs a worker, given its index, its listening sockets and its end of the channel; returns its exit status."""


def fork(slot: Slot, run: Run, left_behind: Iterable[Any]) -> Process:
    """Start a worker, and return it.

    :param left_behind: what the worker closes; whoever is connected to the master would wait for its copies too.
    """
    ours, theirs = socket.socketpair()
    ours.setblocking(False)
    pid = os.fork()
    if pid == 0:
        os._exit(_be_worker(slot, run, theirs, [ours, *left_behind]))
    theirs.close()
    return Process(slot, pid, ours)


def _be_worker(slot: Slot, run: Run, channel: socket.socket, left_behind: Iterable[Any]) -> int:
    """Leave everything of the master behind, and run. Nothing may come back from here."""
    try:
        signal.set_wakeup_fd(-1)
        for number in SIGNALS:
            signal.signal(number, signal.SIG_DFL)
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # a terminal sends it to all; the master decides
        for one in left_behind:
            one.close()
        return run(slot.index, slot.listeners, channel)
    except BaseException:  # noqa: BLE001 - the frames below are the master's
        import traceback

        traceback.print_exc()
        return 1
