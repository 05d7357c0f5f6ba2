"""`Switchboard`: carries what workers ask, answer and publish."""

from __future__ import annotations

import selectors
from collections.abc import Callable, Sequence
from typing import Any

from cubekit.workers.messages import encode
from cubekit.workers.processes import Process, Slot
from cubekit.workers.questions import Questions

__all__ = ["Switchboard"]


class Switchboard:
    """The master's ends of all channels.

    :param selector: where they are registered, each with its `Process`.
    :param ready: told when a worker is.
    """

    def __init__(
        self, selector: selectors.BaseSelector, slots: Sequence[Slot], ready: Callable[[Process], None]
    ) -> None:
        self._selector = selector
        self._slots = slots
        self._ready = ready
        self._connected: dict[int, Process] = {}
        """By process id."""
        self._questions = Questions()

    @property
    def serving(self) -> list[Process]:
        """The workers that serve."""
        return [slot.serving for slot in self._slots if slot.serving is not None]

    def connect(self, worker: Process) -> None:
        """Begin to talk with a worker."""
        self._connected[worker.pid] = worker
        self._selector.register(worker.channel, selectors.EVENT_READ, worker)

    def disconnect(self, worker: Process) -> None:
        """Forget a worker that has ended; nobody waits for it any more."""
        del self._connected[worker.pid]
        self._hang_up(worker)
        worker.channel.close()

    def receive(self, worker: Process) -> None:
        """Carry what a worker has said where it belongs."""
        for message in worker.receive():
            match message["do"]:
                case "ready":
                    self._ready(worker)
                case "ask":
                    self._ask(worker, message)
                case "collected":
                    for asker, answer in self._questions.collect(message["number"], worker.pid, message["data"]):
                        self._tell(asker, answer)
                case "publish":
                    line = encode(message)
                    for other in self._connected.values():
                        if other is not worker and other.ready and other.connected:
                            other.outgoing.add_event(line)
        if not worker.connected:
            self._hang_up(worker)

    def send(self) -> None:
        """Send what there is room for, and say what has waited long enough."""
        for asker, message in self._questions.overdue():
            self._tell(asker, message)
        for worker in self._connected.values():
            if worker.connected:
                self._send(worker)

    def _send(self, worker: Process) -> None:
        worker.send()
        if not worker.connected:
            self._hang_up(worker)
            return
        wanted = selectors.EVENT_READ | (selectors.EVENT_WRITE if worker.outgoing else 0)
        if self._selector.get_key(worker.channel).events != wanted:
            self._selector.modify(worker.channel, wanted, worker)

    def _hang_up(self, worker: Process) -> None:
        """Listen no more to a worker that says nothing more; how it ended, SIGCHLD tells."""
        worker.connected = False
        if worker.channel in self._selector.get_map():
            self._selector.unregister(worker.channel)
        for asker, message in self._questions.gone(worker.pid):
            self._tell(asker, message)

    def patience(self) -> float | None:
        """Seconds until there is something to send even if nothing arrives; None if that never is."""
        return self._questions.patience()

    def _ask(self, asker: Process, message: dict[str, Any]) -> None:
        asked = [one for one in self.serving if one.connected]
        question = self._questions.ask(asker.pid, message["number"], [(one.slot.index, one.pid) for one in asked])
        for one in asked:
            one.say({"do": "collect", "number": question, "what": message["what"]})

    def _tell(self, pid: int, message: dict[str, Any]) -> None:
        if (worker := self._connected.get(pid)) is not None and worker.connected:
            worker.say(message)
