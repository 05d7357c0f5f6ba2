"""`Link`: a worker's connection to its master."""

from __future__ import annotations

import logging
import socket
from importlib import import_module
from itertools import count
from typing import Any

import anyio
from anyio.abc import SocketStream
from pydantic_core import PydanticSerializationError

from cubekit.authoring.events import CubeHealthChanged, CubeRegistered, CubeStateChanged, Event, EventLoopBlocked
from cubekit.ports.http.peers import Collect, Part
from cubekit.runtime.bus import Bus
from cubekit.workers.messages import Lines, encode

__all__ = ["Link"]

_log = logging.getLogger("cubekit.workers")

_OWN_AFFAIRS = (CubeHealthChanged, CubeRegistered, CubeStateChanged, EventLoopBlocked)
"""Events that concern one worker only."""


class Link:
    """Implements `Peers`, and carries the bus's events to the other workers.

    :param channel: this worker's end of the socket pair.
    """

    alone = False

    def __init__(self, channel: socket.socket, bus: Bus) -> None:
        self._channel = channel
        self._bus = bus
        self._stream: SocketStream | None = None
        self._collect: dict[str, Collect] = {}
        self._asked: dict[int, tuple[anyio.Event, list[Part]]] = {}
        self._numbers = count()
        self._outgoing: list[dict[str, Any]] = []
        self._something_to_say = anyio.Event()
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

    def say(self, message: dict[str, Any]) -> None:
        """Send the master a message, soon."""
        self._outgoing.append(message)
        self._something_to_say.set()

    def publish(self, event: Event) -> None:
        """Tell the other workers of an event."""
        if isinstance(event, _OWN_AFFAIRS):
            return
        kind = f"{type(event).__module__}:{type(event).__qualname__}"
        try:
            written = event.model_dump(mode="json")
        except PydanticSerializationError:
            _log.exception("this event reaches no other worker: %s", kind)
        else:
            self.say({"do": "publish", "kind": kind, "event": written})

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
            said, self._outgoing = self._outgoing, []
            await stream.send(b"".join(map(encode, said)))

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
        self.say({"do": "collected", "number": message["number"], "data": data})


def _event(kind: str, data: dict[str, Any]) -> Event:
    module, _, name = kind.partition(":")
    found: Any = import_module(module)
    for part in name.split("."):
        found = getattr(found, part)
    event: Event = found.model_validate(data)
    return event
