"""The event bus of one process."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import AsyncIterator, Callable
from typing import Any, Generic, TypeVar

import anyio

from cubekit.authoring.events import Event

__all__ = ["Bus", "EventSubscription"]

E = TypeVar("E", bound=Event)

_log = logging.getLogger("cubekit.bus")


class Bus:
    """Delivers events to those who subscribed to their class or to a base of it.

    Publishing never waits, and happens in the event loop's thread: from another one, call
    ``anyio.from_thread.run_sync(self.events.publish, event)``. Each subscription holds the newest ``buffer`` events;
    what a slow listener loses is counted in ``dropped`` and logged when it begins.
    """

    def __init__(self, buffer: int = 1024) -> None:
        self._buffer = buffer
        self._subscriptions: list[EventSubscription[Any]] = []
        self._callbacks: list[tuple[type[Event], Callable[[Event], None]]] = []
        self.published = 0
        self.dropped = 0
        self.relay: Callable[[Event], None] | None = None
        """Carries what is published here to the other processes of the service."""

    def publish(self, event: Event) -> None:
        """Hand an event to everyone who listens."""
        self.published += 1
        if self.relay is not None:
            self.relay(event)
        self.deliver(event)

    def deliver(self, event: Event) -> None:
        """Hand an event to those who listen in this process, and nobody else."""
        for kind, callback in self._callbacks:
            if isinstance(event, kind):
                callback(event)
        for subscription in self._subscriptions:
            if isinstance(event, subscription.kind):
                subscription._deliver(event)

    def subscribe(self, kind: type[E]) -> EventSubscription[E]:
        """Listen, from now on, to events of a class and of classes derived from it."""
        subscription = EventSubscription(self, kind, self._buffer)
        self._subscriptions.append(subscription)
        return subscription

    def call(self, kind: type[Event], callback: Callable[[Event], None]) -> None:
        """Call a function of the runtime at every event of a class, before ``publish`` returns."""
        self._callbacks.append((kind, callback))

    def _forget(self, subscription: EventSubscription[Any]) -> None:
        if subscription in self._subscriptions:
            self._subscriptions.remove(subscription)


class EventSubscription(Generic[E]):
    """Events as they arrive; see `cubekit.Subscription`."""

    def __init__(self, bus: Bus, kind: type[E], buffer: int) -> None:
        self.kind = kind
        self._bus = bus
        self._waiting: deque[E] = deque()
        self._buffer = buffer
        self._arrived = anyio.Event()
        self._losing = False
        self.closed = False

    def _deliver(self, event: E) -> None:
        if len(self._waiting) >= self._buffer:
            self._waiting.popleft()
            self._bus.dropped += 1
            if not self._losing:
                _log.warning("a listener to %s does not keep up and loses events", self.kind.__name__)
            self._losing = True
        else:
            self._losing = False
        self._waiting.append(event)
        self._arrived.set()

    def __aiter__(self) -> AsyncIterator[E]:
        return self

    async def __anext__(self) -> E:
        while not self._waiting:
            if self.closed:
                raise StopAsyncIteration
            if self._arrived.is_set():  # otherwise somebody else waits for this one too
                self._arrived = anyio.Event()
            await self._arrived.wait()
        return self._waiting.popleft()

    def close(self) -> None:
        """Stop listening; iteration ends after what has already arrived."""
        self.closed = True
        self._bus._forget(self)
        self._arrived.set()

    def __enter__(self) -> EventSubscription[E]:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()
