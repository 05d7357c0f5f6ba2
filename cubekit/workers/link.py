"""`Link`: a worker's connection to its master."""

from __future__ import annotations

import logging
import socket
from importlib import import_module
from itertools import count
from typing import Any

import anyio
from anyio.abc import SocketStream

from cubekit.authoring.events import (
    CubeHealthChanged,
    CubeRegistered,
    CubeStateChanged,
    Event,
    EventLoopBlocked,
    HealingStepTaken,
)
from cubekit.ports.http.peers import Collect, Part
from cubekit.runtime.bus import Bus
from cubekit.runtime.healing import Healing, HealingStep
from cubekit.workers.messages import Lines, Outgoing, encode

__all__ = ["Link"]

_log = logging.getLogger("cubekit.workers")

_LAST_WORDS = 2.0
"""Seconds that a worker waits for its master to listen, before it ends."""

_OWN_AFFAIRS = (CubeHealthChanged, CubeRegistered, CubeStateChanged, EventLoopBlocked, HealingStepTaken)
"""Events that concern one worker only."""


class Link:
    """Implements `Peers`, and carries the bus's events to the other workers.

    :param channel: this worker's end of the socket pair.
    """

    alone = False

    def __init__(self, channel: socket.socket, bus: Bus, healing: Healing) -> None:
        self._channel = channel
        self._bus = bus
        self._healing = healing
        self._stream: SocketStream | None = None
        self._collect: dict[str, Collect] = {}
        self._asked: dict[int, tuple[anyio.Event, list[Part]]] = {}
        self._numbers = count()
        self._outgoing = Outgoing()
        self._losing = False
        self._something_to_say = anyio.Event()
        self._all_said = anyio.Event()
        self.told_to_leave = anyio.Event()
        """Set when a successor serves in this worker's place."""

    def offer(self, what: str, collect: Collect) -> None:
        """Say how this worker answers a question."""
        self._collect[what] = collect

    async def ask(self, what: str) -> list[Part]:
        """Ask all workers, through the master."""
        number = next(self._numbers)
        answered, parts = self._asked[number] = anyio.Event(), []
        try:
            self.say({"do": "ask", "number": number, "what": what})
            await answered.wait()
        finally:
            del self._asked[number]
        return parts

    def say(self, message: dict[str, Any]) -> bool:
        """Send the master a message, soon; False if it cannot be written, which is logged."""
        line = self._written(message)
        if line is not None:
            self._outgoing.add(line)
            self._all_said = anyio.Event()
            self._something_to_say.set()
        return line is not None

    def publish(self, event: Event) -> None:
        """Tell the other workers of an event."""
        if isinstance(event, _OWN_AFFAIRS):
            return
        kind = f"{type(event).__module__}:{type(event).__qualname__}"
        try:
            written = event.model_dump(mode="json")
        except Exception:  # noqa: BLE001 - its class is code of a cube
            _log.exception("this event reaches no other worker: %s", kind)
            return
        line = self._written({"do": "publish", "kind": kind, "event": written})
        if line is None:
            return
        lost = not self._outgoing.add_event(line)
        if lost:
            self._bus.dropped += 1
            if not self._losing:
                _log.warning("the master does not keep up, and events do not reach the other workers: %s", kind)
        self._losing = lost
        self._something_to_say.set()

    def _written(self, message: dict[str, Any]) -> bytes | None:
        try:
            return encode(message)
        except (TypeError, ValueError, RecursionError):
            about = message.get("kind", message.get("what", message["do"]))
            _log.exception("this cannot be written as JSON and reaches no other worker: %s", about)
            return None

    async def hand_in(self) -> None:
        """Tell the master what this worker has counted until its end."""
        data = await self._collect["metrics"]()
        if self.say({"do": "counted", "data": data}):
            with anyio.move_on_after(_LAST_WORDS):  # the master may be gone
                await self._all_said.wait()

    async def run(self) -> None:
        """Talk with the master until it is gone."""
        async with await SocketStream.from_socket(self._channel) as stream, anyio.create_task_group() as tasks:
            tasks.start_soon(self._send, stream)
            lines = Lines()
            try:
                async for data in stream:
                    for message in lines.feed(data):
                        self._obey(message, tasks)
            except anyio.BrokenResourceError:
                pass  # as good as its end
            tasks.cancel_scope.cancel()

    async def _send(self, stream: SocketStream) -> None:
        while True:
            await self._something_to_say.wait()
            self._something_to_say = anyio.Event()
            while said := b"".join(self._outgoing.first()):
                try:
                    await stream.send(said)
                except anyio.BrokenResourceError:
                    return  # the master is gone, and `run` ends
                self._outgoing.sent(len(said))
            self._all_said.set()

    def _obey(self, message: dict[str, Any], tasks: anyio.abc.TaskGroup) -> None:
        match message["do"]:
            case "collect":
                tasks.start_soon(self._answer, message)
            case "answer":
                if (asked := self._asked.get(message["number"])) is not None:
                    asked[1].extend(Part(*part) for part in message["parts"])
                    asked[0].set()
            case "leave":
                self.told_to_leave.set()
            case "note":
                self._healing.note(HealingStep.RECYCLE, f"worker {message['worker']}", message["reason"])
            case "publish":
                try:
                    event = _event(message["kind"], message["event"])
                except Exception:  # noqa: BLE001 - its class is code of a cube
                    _log.exception("an event of another worker cannot be read: %s", message["kind"])
                else:
                    self._bus.deliver(event)

    async def _answer(self, message: dict[str, Any]) -> None:
        try:
            data = await self._collect[message["what"]]()
        except Exception:  # noqa: BLE001 - it may ask cubes
            _log.exception("cannot tell the other workers of this one's %s", message["what"])
            data = None
        answer = {"do": "collected", "number": message["number"], "what": message["what"]}
        if not self.say({**answer, "data": data}):
            self.say({**answer, "data": None})


def _event(kind: str, data: dict[str, Any]) -> Event:
    module, _, name = kind.partition(":")
    found: Any = import_module(module)
    for part in name.split("."):
        found = getattr(found, part)
    event: Event = found.model_validate(data)
    return event
