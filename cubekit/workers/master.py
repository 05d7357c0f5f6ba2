"""`Master`: owns the listening sockets and keeps the workers alive.

It runs no event loop and no thread, so that forking is safe: everything is imported and composed before, workers share
that memory. Each worker has a listening socket of its own for the system to spread connections over (``SO_REUSEPORT``);
the master keeps all of them open, so that what waits in one is served by the next worker in its place.
"""

from __future__ import annotations

import math
import os
import selectors
import signal
import socket
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from cubekit.composition.service_file import RecycleSection
from cubekit.ground.diagnostics import CubekitError, Diagnostic
from cubekit.workers.control import Client, Control
from cubekit.workers.forking import SIGNALS, Run, fork
from cubekit.workers.leaks import Leaks
from cubekit.workers.memory import settle
from cubekit.workers.processes import Process, Slot, ended
from cubekit.workers.questions import PATIENCE, Questions
from cubekit.workers.switchboard import Switchboard
from cubekit.workers.terminals import terminal_is_there

__all__ = ["Master"]

_MOST_DEATHS = 5
_WITHIN = 30.0
"""Workers that may die within so many seconds; one more, and the service stops."""


class Master:
    """Runs ``workers`` processes until SIGINT or SIGTERM, which drain them; a second signal kills.

    SIGHUP replaces the workers one by one, each only after its successor is ready. If it comes because the master's
    terminal has gone, it is as SIGTERM. If it was ignored before, as under ``nohup``, it still is.

    Through the control socket others can ask for the same, and be told when it is done.

    :param listeners: for each worker its listening sockets.
    :param ready: called once all workers are ready.
    :param note: told what happens, for people.
    :param patience: seconds that a worker has to answer what another one asks.
    :param leave_within: seconds in which a worker ends that was told to; then it is killed.
    :param leaks: finds workers that are to be replaced for the memory that they have.
    :param one_at_a_time: let a worker end before its successor starts: it has a cube of which there may be only one.
    """

    def __init__(
        self,
        listeners: Sequence[Sequence[socket.socket]],
        run: Run,
        *,
        control: Control,
        ready: Callable[[], None],
        note: Callable[[str], None],
        patience: float = PATIENCE,
        leave_within: float = math.inf,
        leaks: Leaks | None = None,
        one_at_a_time: bool = False,
    ) -> None:
        self._slots = [Slot(index, own) for index, own in enumerate(listeners)]
        self._run = run
        self._control = control
        self._waiting: list[Client] = []
        """Those who want to know how the replacement ends."""
        self._ready = ready
        self._note = note
        self._leave_within = leave_within
        self._leaks = leaks or Leaks(RecycleSection())
        self._one_at_a_time = one_at_a_time
        self._recycled: str | None = None
        """Why the worker that is being replaced is; None if all are, because somebody has asked for it."""
        self._selector = selectors.DefaultSelector()
        self._workers: dict[int, Process] = {}
        """By process id."""
        self._to_replace: deque[Slot] = deque()
        self._deaths: deque[float] = deque()
        self._switchboard = Switchboard(self._selector, self._slots, Questions(patience), self._is_ready)
        self._announced = False
        self._replacing: Slot | None = None
        """Whose worker is being replaced; others may follow."""
        self._asked_for = False
        """Whether all are to be replaced after the one that is being recycled."""
        self._stopping = False
        self._failure: Diagnostic | None = None
        self.forced = False
        """Whether a second signal ended it."""

    def run(self) -> None:
        """Serve until everything has ended.

        :raises CubekitError: CK407 if workers cannot start, or die again and again.
        """
        settle()
        ours, theirs = socket.socketpair()
        for end in (ours, theirs):
            end.setblocking(False)
        ignored = {signal.SIGHUP} if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN else set()
        before = {number: signal.signal(number, lambda *_: None) for number in SIGNALS if number not in ignored}
        self._has_terminal = terminal_is_there()
        wakeup = signal.set_wakeup_fd(theirs.fileno())
        self._selector.register(ours, selectors.EVENT_READ)
        self._control.register(self._selector)
        self._to_close = [ours, theirs]
        try:
            for slot in self._slots:
                self._fork(slot)
            while self._workers:
                self._step(ours)
        finally:
            signal.set_wakeup_fd(wakeup)
            for number, handler in before.items():
                signal.signal(number, handler)
            for worker in self._workers.values():
                os.kill(worker.pid, signal.SIGKILL)
            self._selector.close()
            self._control.close()
            for one in (ours, theirs):
                one.close()
        if self._failure is not None:
            raise CubekitError(self._failure)

    # Workers

    def _fork(self, slot: Slot) -> None:
        """Start a worker, which takes its place once it is ready."""
        worker = slot.successor = fork(slot, self._run, self._left_behind(slot))
        self._workers[worker.pid] = worker
        self._switchboard.connect(worker)

    def _left_behind(self, slot: Slot) -> Iterator[Any]:
        yield from [key.fileobj for key in self._selector.get_map().values()]
        yield self._selector
        yield from self._to_close
        yield from self._control.sockets()
        yield from (sock for other in self._slots if other is not slot for sock in other.listeners)

    def _step(self, signals: socket.socket) -> None:
        self._switchboard.send()
        signalled = False
        for key, _ in self._selector.select(self._patience()):
            if key.data is None:
                signalled = True
            elif isinstance(key.data, Process):
                self._switchboard.receive(key.data)
            elif (command := self._control.command(key.data)) is not None:
                self._command(*command)
        self._control.tidy()
        self._look_for_leaks()
        self._end_the_stuck()
        if signalled:  # last: a worker that has ended may have said something before
            for number in signals.recv(4096):
                self._obey(signal.Signals(number))

    def _patience(self) -> float | None:
        patience = min(self._switchboard.patience(), self._control.patience())
        if self._may_recycle:
            patience = min(patience, self._leaks.patience())
        for worker in self._workers.values():
            if worker.leaving_since is not None:
                patience = min(patience, worker.leaving_since + self._leave_within - time.monotonic())
        return None if patience == math.inf else max(0.0, patience)

    def _obey(self, number: signal.Signals) -> None:
        if number is signal.SIGCHLD:
            self._reap()
        elif number is signal.SIGHUP and (not self._has_terminal or terminal_is_there()):
            self._replace()
        elif self._stopping:
            self.forced = True
            for worker in self._workers.values():
                os.kill(worker.pid, signal.SIGKILL)
        else:
            self._note("stopping; once more to force")
            self._stop()

    def _replace(self) -> None:
        self._asked_for = self._replacing is not None
        if self._announced and not self._stopping and self._replacing is None:
            self._note("replacing the workers one by one")
            self._to_replace.extend(self._slots)
            self._replace_next()

    @property
    def _may_recycle(self) -> bool:
        return self._announced and not self._stopping and self._replacing is None

    def _end_the_stuck(self) -> None:
        """End workers that do not: nothing else would, and others wait for it."""
        now = time.monotonic()
        for worker in self._workers.values():
            if worker.leaving_since is not None and now >= worker.leaving_since + self._leave_within:
                worker.leaving_since = math.inf  # once
                self._note(f"worker {worker.slot.index} (process {worker.pid}) does not end, and is killed")
                os.kill(worker.pid, signal.SIGKILL)

    def _look_for_leaks(self) -> None:
        if not self._may_recycle:
            return
        if (leak := self._leaks.look(self._switchboard.serving)) is not None:
            worker, self._recycled = leak
            self._note(f"worker {worker.slot.index} (process {worker.pid}) is recycled: {self._recycled}")
            self._to_replace.append(worker.slot)
            self._replace_next()

    def _replaced(self, problem: str | None) -> None:
        was_one = self._recycled is not None
        self._replacing = self._recycled = None
        self._to_replace.clear()
        self._note(problem or f"{'the worker has' if was_one else 'all workers have'} been replaced")
        if was_one and self._asked_for and not self._stopping:
            self._replace()  # somebody has asked for all of them meanwhile
            return
        waiting, self._waiting = self._waiting, []
        for client in waiting:
            self._control.answer(client, {"done": problem is None, "problem": problem})

    def _command(self, client: Client, command: Any) -> None:
        match command:
            case {"do": "replace"} if self._announced and not self._stopping:
                self._waiting.append(client)
                self._replace()
            case {"do": "replace"}:
                self._control.answer(client, {"done": False, "problem": "this cannot be done now"})
            case _:
                self._control.answer(client, {"done": False, "problem": "there is no such command"})

    def _stop(self) -> None:
        self._stopping = True
        if self._replacing is not None:
            self._replaced("the service stops")
        for worker in self._workers.values():
            if not worker.leaving:
                worker.stop()

    def _reap(self) -> None:
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            if (worker := self._workers.pop(pid, None)) is not None:
                self._buried(worker, os.waitstatus_to_exitcode(status))

    def _buried(self, worker: Process, status: int) -> None:
        self._switchboard.disconnect(worker)
        if self._stopping:
            unheard = status == -signal.SIGTERM and not worker.ready
            if status != 0 and not unheard and not self.forced and self._failure is None:
                self._failure = Diagnostic(
                    "CK407", f"worker {worker.slot.index} did not stop properly", found=ended(status)
                )
            return
        slot = worker.slot
        if worker.leaving:
            if slot.serving is worker:  # it had to end first
                slot.serving = None
                self._fork(slot)
            elif self._replacing is slot and slot.successor is None:
                self._replace_next()
        elif slot.serving is worker:
            slot.serving = None
            self._died(worker, status)
        else:
            slot.successor = None
            self._not_started(worker, status)

    def _not_started(self, worker: Process, status: int) -> None:
        slot = worker.slot
        if slot.serving is not None:
            self._replaced(f"the successor of worker {slot.index} could not start; its predecessor goes on")
        elif not self._announced:
            self._failure = Diagnostic("CK407", f"worker {slot.index} could not start", found=ended(status))
            self._stop()
        else:
            self._died(worker, status)

    def _died(self, worker: Process, status: int) -> None:
        """Let another take the place of a worker, unless too many have died."""
        now = time.monotonic()
        self._deaths.append(now)
        while now - self._deaths[0] > _WITHIN:
            self._deaths.popleft()
        if len(self._deaths) > _MOST_DEATHS:
            needed = f"at most {_MOST_DEATHS} within {_WITHIN:g} s"
            self._failure = Diagnostic("CK407", "workers die again and again", needed=needed, found=ended(status))
            self._stop()
            return
        slot = worker.slot
        self._note(f"worker {slot.index} (process {worker.pid}) {ended(status)}; another takes its place")
        if slot.successor is None:
            self._fork(slot)

    def _is_ready(self, worker: Process) -> None:
        slot = worker.slot
        worker.ready = True
        before, slot.serving, slot.successor = slot.serving, worker, None
        if self._replacing is slot and self._recycled is not None:
            worker.say({"do": "note", "reason": self._recycled, "worker": slot.index})
        if before is not None:
            before.let_go()
        elif self._replacing is slot:
            self._replace_next()  # its predecessor has died in the meantime
        elif not self._announced and len(self._switchboard.serving) == len(self._slots):
            self._announced = True
            self._ready()

    def _replace_next(self) -> None:
        if not self._to_replace:
            self._replaced(None)
            return
        slot = self._replacing = self._to_replace.popleft()
        if self._one_at_a_time and slot.serving is not None:
            slot.serving.let_go()
        elif slot.successor is None:
            self._fork(slot)
