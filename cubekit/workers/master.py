"""`Master`: owns the listening sockets and keeps the workers alive.

It runs no event loop and no thread, so that forking is safe: everything is imported and composed before, workers share
that memory. Each worker has a listening socket of its own for the system to spread connections over (``SO_REUSEPORT``);
the master keeps all of them open, so that what waits in one is served by the next worker in its place.
"""

from __future__ import annotations

import os
import selectors
import signal
import socket
import time
from collections import deque
from collections.abc import Callable, Sequence
from itertools import chain
from typing import Any

from cubekit.ground.diagnostics import CubekitError, Diagnostic
from cubekit.workers.control import Client, Control
from cubekit.workers.memory import settle
from cubekit.workers.processes import Process
from cubekit.workers.questions import PATIENCE, Questions

__all__ = ["Master", "Run"]

Run = Callable[[int, Sequence[socket.socket], socket.socket], int]
"""Runs a worker, given its index, its listening sockets and its end of the channel; returns its exit status."""

_MOST_DEATHS = 5
_WITHIN = 30.0
"""Workers that may die within so many seconds; one more, and the service stops."""

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGCHLD)


class Master:
    """Runs ``workers`` processes until SIGINT or SIGTERM, which drain them; a second signal kills.

    SIGHUP replaces the workers one by one, each only after its successor is ready.

    Through the control socket others can ask for the same, and be told when it is done.

    :param listeners: for each worker its listening sockets.
    :param ready: called once all workers are ready.
    :param note: told what happens, for people.
    :param patience: seconds that a worker has to answer what another one asks.
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
    ) -> None:
        self._listeners = listeners
        self._run = run
        self._control = control
        self._waiting: list[Client] = []
        """Those who want to know how the replacement ends."""
        self._ready = ready
        self._note = note
        self._selector = selectors.DefaultSelector()
        self._workers: dict[int, Process] = {}
        """By process id."""
        self._current: dict[int, Process] = {}
        """By index: those that serve."""
        self._to_replace: deque[int] = deque()
        self._deaths: deque[float] = deque()
        self._questions = Questions(patience)
        self._announced = False
        self._replacing = False
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
        before = {number: signal.signal(number, lambda *_: None) for number in _SIGNALS}
        wakeup = signal.set_wakeup_fd(theirs.fileno())
        self._selector.register(ours, selectors.EVENT_READ)
        self._selector.register(self._control.socket, selectors.EVENT_READ, self._control)
        self._to_close = [ours, theirs, self._control.socket]
        try:
            for index in range(len(self._listeners)):
                self._current[index] = self._fork(index)
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

    def _fork(self, index: int) -> Process:
        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        pid = os.fork()
        if pid == 0:
            os._exit(self._be_worker(index, ours, theirs))
        theirs.close()
        worker = self._workers[pid] = Process(index, pid, ours)
        self._selector.register(ours, selectors.EVENT_READ, worker)
        return worker

    def _be_worker(self, index: int, ours: socket.socket, theirs: socket.socket) -> int:
        """Leave everything of the master behind, and run. Nothing may come back from here."""
        try:
            signal.set_wakeup_fd(-1)
            for number in _SIGNALS:
                signal.signal(number, signal.SIG_DFL)
            signal.signal(signal.SIGINT, signal.SIG_IGN)  # a terminal sends it to all; the master decides
            # Whoever is connected to the master would wait for these copies to be closed too.
            open_here: list[Any] = [key.fileobj for key in self._selector.get_map().values()]
            self._selector.close()
            others = (sockets for other, sockets in enumerate(self._listeners) if other != index)
            waiting = (client.connection for client in self._waiting)
            for one in (ours, *open_here, *self._to_close, *waiting, *chain.from_iterable(others)):
                one.close()
            return self._run(index, self._listeners[index], theirs)
        except BaseException:  # noqa: BLE001 - the frames below are the master's
            import traceback

            traceback.print_exc()
            return 1

    def _step(self, signals: socket.socket) -> None:
        self._send()
        for key, _ in self._selector.select(self._questions.patience()):
            if key.data is None:
                for number in signals.recv(4096):
                    self._obey(signal.Signals(number))
            elif isinstance(key.data, Control):
                if (client := key.data.accept()) is not None:
                    self._selector.register(client.connection, selectors.EVENT_READ, client)
            elif isinstance(key.data, Client):
                self._command(key.data)
            else:
                self._receive(key.data)
        for asker, message in self._questions.overdue():
            self._tell(asker, message)

    def _obey(self, number: signal.Signals) -> None:
        if number is signal.SIGCHLD:
            self._reap()
        elif number is signal.SIGHUP:
            self._replace()
        elif self._stopping:
            self.forced = True
            for worker in self._workers.values():
                os.kill(worker.pid, signal.SIGKILL)
        else:
            self._note("stopping; once more to force")
            self._stop()

    def _replace(self) -> None:
        if self._announced and not self._stopping and not self._replacing:
            self._note("replacing the workers one by one")
            self._replacing = True
            self._to_replace.extend(self._current)
            self._replace_next()

    def _replaced(self, problem: str | None) -> None:
        self._replacing = False
        self._to_replace.clear()
        self._note(problem or "all workers have been replaced")
        waiting, self._waiting = self._waiting, []
        for client in waiting:
            client.answer({"done": problem is None, "problem": problem})

    def _command(self, client: Client) -> None:
        try:
            data = client.connection.recv(1 << 16)
            commands = list(client.lines.feed(data))
        except (OSError, ValueError):
            data, commands = b"", []
        if commands or not data:
            self._selector.unregister(client.connection)
        match commands:
            case []:
                if not data:
                    client.connection.close()
            case [{"do": "status"}]:
                client.answer({"workers": [worker.status() for worker in self._current.values()]})
            case [{"do": "replace"}] if self._announced and not self._stopping:
                self._waiting.append(client)
                self._replace()
            case _:
                client.answer({"done": False, "problem": "this cannot be done now"})

    def _stop(self) -> None:
        self._stopping = True
        if self._replacing:
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
        self._selector.unregister(worker.channel)
        worker.channel.close()
        for asker, message in self._questions.gone(worker.pid):
            self._tell(asker, message)
        if self._stopping:
            if status != 0 and not self.forced and self._failure is None:
                self._failure = _stopped_badly(worker, status)
            return
        if worker.leaving:
            self._replace_next()
        elif self._current.get(worker.index) is not worker:
            self._replaced(f"the successor of worker {worker.index} could not start; its predecessor goes on")
        elif not worker.ready and not self._announced:
            self._failure = Diagnostic("CK407", f"worker {worker.index} could not start", found=_ended(status))
            self._stop()
        else:
            self._revive(worker, status)

    def _revive(self, worker: Process, status: int) -> None:
        now = time.monotonic()
        self._deaths.append(now)
        while now - self._deaths[0] > _WITHIN:
            self._deaths.popleft()
        if len(self._deaths) > _MOST_DEATHS:
            needed = f"at most {_MOST_DEATHS} within {_WITHIN:g} s"
            self._failure = Diagnostic("CK407", "workers die again and again", needed=needed, found=_ended(status))
            self._stop()
            return
        self._note(f"worker {worker.index} (process {worker.pid}) {_ended(status)}; another takes its place")
        self._current[worker.index] = self._fork(worker.index)

    def _replace_next(self) -> None:
        if self._to_replace:
            self._fork(self._to_replace[0])
        else:
            self._replaced(None)

    # Messages

    def _receive(self, worker: Process) -> None:
        try:
            data = worker.channel.recv(1 << 20)
        except (BlockingIOError, ConnectionError):
            return  # how it ended, SIGCHLD tells
        if not data:
            return
        for message in worker.lines.feed(data):
            match message["do"]:
                case "ready":
                    self._is_ready(worker)
                case "ask":
                    asked = [one for one in self._current.values() if one.ready]
                    question = self._questions.ask(
                        worker.pid, message["number"], [(one.index, one.pid) for one in asked]
                    )
                    for one in asked:
                        one.say({"do": "collect", "number": question, "what": message["what"]})
                case "collected":
                    for asker, answer in self._questions.collect(message["number"], worker.pid, message["data"]):
                        self._tell(asker, answer)
                case "publish":
                    for other in self._workers.values():
                        if other is not worker and other.ready:
                            other.say(message)

    def _is_ready(self, worker: Process) -> None:
        worker.ready = True
        before = self._current[worker.index]
        if before is not worker:
            self._current[worker.index] = worker
            self._to_replace.popleft()
            before.leaving = True
            before.say({"do": "leave"})
        elif not self._announced and all(one.ready for one in self._current.values()):
            self._announced = True
            self._ready()

    def _tell(self, pid: int, message: dict[str, Any]) -> None:
        if (worker := self._workers.get(pid)) is not None:
            worker.say(message)

    def _send(self) -> None:
        for worker in self._workers.values():
            if worker.unsent:
                try:
                    sent = worker.channel.send(worker.unsent)
                except (BlockingIOError, ConnectionError):
                    sent = 0
                worker.unsent = worker.unsent[sent:]
            wanted = selectors.EVENT_READ | (selectors.EVENT_WRITE if worker.unsent else 0)
            if self._selector.get_key(worker.channel).events != wanted:
                self._selector.modify(worker.channel, wanted, worker)


def _ended(status: int) -> str:
    if status < 0:
        return f"was ended by {signal.Signals(-status).name}"
    return f"ended with status {status}"


def _stopped_badly(worker: Process, status: int) -> Diagnostic:
    return Diagnostic("CK407", f"worker {worker.index} did not stop properly", found=_ended(status))
