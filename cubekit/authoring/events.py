"""Events: typed payloads on a topic, published to whoever listens."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from typing import Any, ClassVar, Protocol, TypeVar

from cubekit.authoring.models import Model

__all__ = [
    "CubeHealthChanged",
    "CubeRegistered",
    "CubeStateChanged",
    "Event",
    "EventLoopBlocked",
    "Events",
    "HealingStepTaken",
    "Subscription",
]

E = TypeVar("E", bound="Event")
E_co = TypeVar("E_co", bound="Event", covariant=True)


class Event(Model):
    """Base of all events. The topic is the class keyword ``topic``, by default the class name in snake_case::

    class ChartDrawn(Event, topic="saju.chart_drawn"):
        day_pillar: int
    """

    topic: ClassVar[str] = "event"

    def __init_subclass__(cls, *, topic: str | None = None, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        cls.topic = topic or re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", cls.__name__).lower()


class CubeRegistered(Event):
    """An instance of a cube has become part of the running service."""

    instance: str
    cube: str
    colour: str
    version: str


class CubeStateChanged(Event):
    """An instance went from one state to another."""

    instance: str
    before: str
    after: str
    reason: str = ""


class CubeHealthChanged(Event):
    """The health of an instance was found to be another than the last time that somebody asked."""

    instance: str
    before: str
    after: str
    reason: str = ""


class EventLoopBlocked(Event):
    """Something kept the event loop from doing anything else; published once it goes on."""

    seconds: float
    place: str
    """``file:line`` of what was seen there, in a cube's own code if there is any."""
    instance: str = ""
    """The instance that was called, or else the one whose code that is; empty if there are several."""
    stack: str = ""
    """What the event loop ran, outermost first, as a traceback shows it."""


class HealingStepTaken(Event):
    """The service has done something to heal itself."""

    step: str
    """``restart``, ``recycle``, ``give_up``, ``break``, ``resume``, ``fail_over`` or ``shed``."""
    instance: str
    """Whom it was done to."""
    reason: str


class Subscription(Protocol[E_co]):
    """Events as they arrive: iterate with ``async for``, and leave with ``close`` or the ``with`` statement."""

    def __aiter__(self) -> AsyncIterator[E_co]: ...

    def __enter__(self) -> Subscription[E_co]: ...

    def __exit__(self, *exc_info: object) -> None: ...

    def close(self) -> None:
        """Stop listening; iteration ends after what has already arrived."""


class Events(Protocol):
    """The bus as a cube sees it, through ``self.events``."""

    def publish(self, event: Event) -> None:
        """Hand an event to everyone who listens. Never waits: a listener that does not keep up loses its oldest events,
        which is logged and counted.

        In the event loop's thread only; from another one, ``anyio.from_thread.run_sync(self.events.publish, event)``.
        """

    def subscribe(self, kind: type[E]) -> Subscription[E]:
        """Listen, from now on, to events of a class and of classes derived from it, while the cube lives."""
