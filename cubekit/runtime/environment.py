"""What the runtime gives to one life of one instance: the `cubekit.authoring.cubes.Environment`."""

from __future__ import annotations

import logging
from collections.abc import Callable, Coroutine
from contextvars import Context
from types import TracebackType
from typing import TYPE_CHECKING, Any, TypeVar

from anyio import TaskHandle
from anyio.abc import TaskGroup
from pydantic import BaseModel

from cubekit.authoring.context import active_call
from cubekit.authoring.cubes import Clock
from cubekit.authoring.events import Event
from cubekit.runtime.bus import Bus, EventSubscription

if TYPE_CHECKING:
    from opentelemetry.metrics import Meter
    from opentelemetry.trace import Tracer

    from cubekit.runtime.telemetry import ServiceTelemetry

__all__ = ["InstanceEnvironment"]

E = TypeVar("E", bound=Event)
T = TypeVar("T")


class InstanceEnvironment:
    """Implements `Environment`. What an object has opened through it is closed at the end of the ``with`` block."""

    def __init__(
        self, name: str, config: BaseModel, tasks: TaskGroup, bus: Bus, clock: Clock, telemetry: ServiceTelemetry
    ) -> None:
        self.name = name
        self.config = config
        self.tasks: TaskGroup = _BackgroundTasks(tasks)
        self.events = _LifeEvents(bus)
        self.clock = clock
        self.telemetry = telemetry

    def __enter__(self) -> InstanceEnvironment:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.events.close()
        self.telemetry.forget_callbacks(self.name)

    @property
    def log(self) -> logging.Logger:
        """The instance's logger."""
        return logging.getLogger(f"cubekit.cube.{self.name}")

    @property
    def meter(self) -> Meter:
        """The instance's meter."""
        return self.telemetry.meter(self.name)

    @property
    def tracer(self) -> Tracer:
        """The instance's tracer."""
        return self.telemetry.tracer(self.name)


class _LifeEvents:
    """The bus, for one life: what it subscribes to ends with it."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus
        self._subscriptions: list[EventSubscription[Any]] = []

    def publish(self, event: Event) -> None:
        self._bus.publish(event)

    def subscribe(self, kind: type[E]) -> EventSubscription[E]:
        subscription = self._bus.subscribe(kind)
        self._subscriptions = [other for other in self._subscriptions if not other.closed]
        self._subscriptions.append(subscription)
        return subscription

    def close(self) -> None:
        for subscription in self._subscriptions:
            subscription.close()


class _BackgroundTasks(TaskGroup):
    """A task group whose tasks belong to the cube, not to the call that happened to start them."""

    def __init__(self, tasks: TaskGroup) -> None:
        self._tasks = tasks
        self.cancel_scope = tasks.cancel_scope

    def create_task(
        self, coro: Coroutine[Any, Any, T], *, name: object = None, context: Context | None = None
    ) -> TaskHandle[T]:
        named = name or getattr(coro, "__qualname__", None)
        try:
            return self._tasks.create_task(_in_background(coro), name=named, context=context)
        except BaseException:
            coro.close()  # a group that has ended closes what it is given, and that has not begun with this one
            raise

    async def start(
        self,
        func: Callable[..., Coroutine[Any, Any, Any]],
        *args: object,
        name: object = None,
        return_handle: bool = False,
    ) -> Any:
        def run(*arguments: object, **keywords: Any) -> Coroutine[Any, Any, Any]:
            return _in_background(func(*arguments, **keywords))

        named = name or getattr(func, "__qualname__", None)
        return await self._tasks.start(run, *args, name=named, return_handle=return_handle)  # type: ignore[call-overload]

    async def __aenter__(self) -> TaskGroup:
        raise RuntimeError("self.tasks is open for as long as the cube lives: use it without `async with`")

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc_val: BaseException | None, exc_tb: TracebackType | None
    ) -> bool:
        raise RuntimeError("self.tasks is closed by the runtime")


async def _in_background(work: Coroutine[Any, Any, T]) -> T:
    active_call.set(None)  # in this task's own context
    try:
        return await work
    except SystemExit as error:
        # asyncio would let it end the process around everybody else.
        raise RuntimeError(f"a background task called sys.exit({error.code!r})") from error
