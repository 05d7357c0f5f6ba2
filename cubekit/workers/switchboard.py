"""`Switchboard`: carries what workers ask, answer and publish."""

from __future__ import annotations

import selectors
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from cubekit.ports.http.families import Family, lasting
from cubekit.ports.http.prometheus import events_dropped
from cubekit.workers.messages import encode
from cubekit.workers.processes import Process, Slot
from cubekit.workers.questions import Question, Questions

__all__ = ["Switchboard"]


class Switchboard:
    """The master's ends of all channels.

    :param selector: where they are registered, each with its `Process`.
    :param ready: told when a worker is.
    """

    def __init__(
        self,
        selector: selectors.BaseSelector,
        slots: Sequence[Slot],
        questions: Questions,
        ready: Callable[[Process], None],
    ) -> None:
        self._selector = selector
        self._slots = slots
        self._ready = ready
        self._connected: dict[int, Process] = {}
        """By process id."""
        self._questions = questions
        self._ended: list[Family] = []
        """What the workers that have ended have counted."""
        self._dropped = 0
        """Events that they have lost."""

    @property
    def serving(self) -> list[Process]:
        """The workers that serve."""
        return [slot.serving for slot in self._slots if slot.serving is not None]

    def connect(self, worker: Process) -> None:
        """Begin to talk with a worker."""
        self._connected[worker.pid] = worker
        self._selector.register(worker.channel, selectors.EVENT_READ, worker)

    def disconnect(self, worker: Process) -> None:
        """Forget a worker that has ended, but for its last words and what it has counted."""
        if worker.connected:
            self.receive(worker)
        del self._connected[worker.pid]
        self._ended = lasting([self._ended, worker.counted])
        self._dropped += worker.outgoing.dropped
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
                    if message["what"] == "metrics" and message["data"] is not None:
                        worker.counted = message["data"]
                    self._answer(self._questions.collect(message["number"], worker.pid, message["data"]))
                case "counted":
                    worker.counted = message["data"]
                case "publish":
                    line = encode(message)
                    for other in self._connected.values():
                        if other is not worker and other.ready and other.connected:
                            other.outgoing.add_event(line)
        if not worker.connected:
            self._hang_up(worker)

    def send(self) -> None:
        """Send what there is room for, and say what has waited long enough."""
        self._answer(self._questions.overdue())
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
        self._answer(self._questions.gone(worker.pid))

    def patience(self) -> float:
        """Seconds until there is something to send even if nothing arrives."""
        return self._questions.patience()

    def _ask(self, asker: Process, message: dict[str, Any]) -> None:
        asked = [one for one in self.serving if one.connected]
        present = [(one.slot.index, one.pid) for one in asked]
        absent = [
            (slot.index, slot.successor.pid if slot.successor is not None else 0)
            for slot in self._slots
            if slot.serving not in asked
        ]
        question = self._questions.ask(asker.pid, message["number"], message["what"], present, absent)
        for one in asked:
            one.say({"do": "collect", "number": question, "what": message["what"]})

    def _answer(self, questions: Iterable[Question]) -> None:
        for question in questions:
            if (asker := self._connected.get(question.asker)) is not None and asker.connected:
                kept = [[None, 0, self._kept(question)]] if question.what == "metrics" else []
                asker.say(question.answer(*kept))

    def _kept(self, question: Question) -> list[Family]:
        """What those have counted who do not say so themselves: no counter is to fall because they are gone."""
        said = {pid for _, pid, data in question.parts.values() if data is not None}
        silent = [worker.counted for worker in self._connected.values() if worker.pid not in said]
        dropped = self._dropped + sum(worker.outgoing.dropped for worker in self._connected.values())
        return lasting([self._ended, *silent, [events_dropped(dropped)]])
