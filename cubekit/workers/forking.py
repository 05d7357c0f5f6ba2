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
    """Start a worker, and return it. It begins with SIGTERM blocked; `run` unblocks it once it listens to it.

    :param left_behind: what the worker closes; whoever is connected to the master would wait for its copies too.
    """
    ours, theirs = socket.socketpair()
    ours.setblocking(False)
    # What comes now waits: for the master as ever, and for the worker until it has handlers of its own.
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
    pid = os.fork()
    if pid == 0:
        os._exit(_be_worker(slot, run, theirs, [ours, *left_behind]))
    signal.pthread_sigmask(signal.SIG_SETMASK, mask)
    theirs.close()
    return Process(slot, pid, ours)


def _be_worker(slot: Slot, run: Run, channel: socket.socket, left_behind: Iterable[Any]) -> int:
    """Leave everything of the master behind, and run. Nothing may come back from here."""
    try:
        signal.set_wakeup_fd(-1)
        for number in SIGNALS:
            # A terminal sends SIGINT and SIGHUP to all; the master decides what they mean.
            ignored = number in {signal.SIGINT, signal.SIGHUP}
            signal.signal(number, signal.SIG_IGN if ignored else signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, set(SIGNALS) - {signal.SIGTERM})
        for one in left_behind:
            one.close()
        return run(slot.index, slot.listeners, channel)
    except BaseException:  # noqa: BLE001 - the frames below are the master's
        import traceback

        traceback.print_exc()
        return 1
