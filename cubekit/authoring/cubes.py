"""`Cube`, the base class of every plugin."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from typing import TYPE_CHECKING, Any, ClassVar, Generic, Protocol, Self, get_args, get_origin

from pydantic import BaseModel
from typing_extensions import TypeVar, get_original_bases

from cubekit.authoring.contracts import DeclarationError
from cubekit.authoring.events import Events
from cubekit.authoring.health import Health
from cubekit.ground.versions import Version, parse_versioned_name

if TYPE_CHECKING:
    from anyio.abc import TaskGroup
    from opentelemetry.metrics import Meter
    from opentelemetry.trace import Tracer

    from cubekit.authoring.telemetry import Telemetry

__all__ = ["Clock", "Cube", "Environment", "NoConfig"]


class NoConfig(BaseModel):
    """The configuration of a cube that has none."""


C = TypeVar("C", bound=BaseModel, default=NoConfig)


class Clock(Protocol):
    """Time as the runtime measures it; `cubekit.testing` has one that moves only when told to."""

    def time(self) -> float:
        """Seconds since 1970-01-01 UTC."""

    def monotonic(self) -> float:
        """Seconds since some moment; never goes back."""

    async def sleep(self, seconds: float) -> None:
        """Wait until that many seconds have passed on this clock."""


class Environment(Protocol):
    """What the runtime gives to one instance of a cube."""

    @property
    def name(self) -> str:
        """The instance's name."""

    @property
    def config(self) -> BaseModel:
        """Its validated configuration."""

    @property
    def tasks(self) -> TaskGroup:
        """Its task group."""

    @property
    def events(self) -> Events:
        """The bus."""

    @property
    def log(self) -> logging.Logger:
        """Its logger."""

    @property
    def meter(self) -> Meter:
        """Its meter."""

    @property
    def tracer(self) -> Tracer:
        """Its tracer."""

    @property
    def telemetry(self) -> Telemetry:
        """What the service measures and records."""

    @property
    def clock(self) -> Clock:
        """The time."""


class Cube(Generic[C]):
    """A self-contained plugin. ``Cube[Config]`` has a typed ``self.config``; plain ``Cube`` has none.

    Class keywords:

    - ``implements``: the contracts it provides, each with the version it was written against:
      ``"saju.calendar@1.2"``. The class also inherits their Protocols.
    - ``exclusive``: there may be only one instance in a service.
    - ``backends``: the event loops it runs on; ``("asyncio", "trio")`` by default.

    A class attribute annotated ``calendar: Annotated[Calendar, ">=1.1,<2"]`` requires a contract: the runtime
    puts a proxy there before ``__init__``. ``Annotated[Calendar | None, …]`` is None if nobody provides it.

    Lifecycle, each optional: ``initialize``, ``start``, ``stop``, ``destroy``; or one ``lifespan`` instead of the four.
    """

    config_type: ClassVar[type[BaseModel]] = NoConfig
    implements: ClassVar[Mapping[str, Version]] = {}
    exclusive: ClassVar[bool] = False
    backends: ClassVar[tuple[str, ...]] = ("asyncio", "trio")

    _environment: Environment
    _config_parameter: ClassVar[Any] = C  # type: ignore[misc]  # as a value, not as a type
    """Which of a generic class's own parameters is the configuration."""

    def __init_subclass__(
        cls,
        *,
        implements: str | tuple[str, ...] = (),
        exclusive: bool | None = None,
        backends: tuple[str, ...] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init_subclass__(**kwargs)
        for base in get_original_bases(cls):
            argument = _config_argument(base)
            if isinstance(argument, type):
                cls.config_type = argument
            elif argument is not None:
                cls._config_parameter = argument
        names = (implements,) if isinstance(implements, str) else implements
        try:
            cls.implements = dict(parse_versioned_name(name) for name in names) or cls.implements
        except ValueError as error:
            raise DeclarationError(f"implements of {cls.__qualname__}: {error}") from error
        if exclusive is not None:
            cls.exclusive = exclusive
        if backends is not None:
            cls.backends = backends

    @classmethod
    def _create(cls, environment: Environment, required: Mapping[str, object]) -> Self:
        """Make an object whose environment and required contracts are there before ``__init__`` runs."""
        cube = cls.__new__(cls)
        cube._environment = environment
        for attribute, proxy in required.items():
            setattr(cube, attribute, proxy)
        cube.__init__()  # type: ignore[misc]
        return cube

    async def initialize(self) -> None:
        """Acquire what the cube needs. Runs first, after everything that it requires has started."""

    async def start(self) -> None:
        """Begin to work. After it the cube is called."""

    async def stop(self) -> None:
        """Finish. Runs when no call is under way any more; background tasks are cancelled after it."""

    async def destroy(self) -> None:
        """Release what ``initialize`` acquired. Runs also if ``start`` failed."""

    def lifespan(self) -> AbstractAsyncContextManager[None]:
        """The whole lifecycle as one ``@asynccontextmanager``, instead of the four methods."""
        raise TypeError(f"{type(self).__qualname__} has no lifespan()")

    async def health_check(self) -> Health:
        """Say how the cube is. Called when somebody asks, and answers within ``[health] timeout``.

        What the cube requires need not be looked at: a provider that is down is told as the cause by itself.
        """
        return Health()

    @property
    def name(self) -> str:
        """The instance's name in the service."""
        return self._environment.name

    @property
    def config(self) -> C:
        """The instance's configuration, validated."""
        return self._environment.config  # type: ignore[return-value]

    @property
    def tasks(self) -> TaskGroup:
        """A task group that lives as long as the instance: the only place for background work.

        An exception that leaves one of its tasks is a crash of the cube, which is then restarted. Cancelling it ends
        what runs in it, and the cube lives on; such a group takes no further tasks.
        """
        return self._environment.tasks

    @property
    def events(self) -> Events:
        """The service's event bus."""
        return self._environment.events

    @property
    def log(self) -> logging.Logger:
        """A logger named ``cubekit.cube.<instance>``."""
        return self._environment.log

    @property
    def meter(self) -> Meter:
        """An OpenTelemetry meter for metrics of the cube's own; they appear in ``/metrics``."""
        return self._environment.meter

    @property
    def tracer(self) -> Tracer:
        """An OpenTelemetry tracer for spans of the cube's own."""
        return self._environment.tracer

    @property
    def telemetry(self) -> Telemetry:
        """What the service measures and records of all its cubes, for a cube that exports or shows it."""
        return self._environment.telemetry

    @property
    def clock(self) -> Clock:
        """The time, which tests can control."""
        return self._environment.clock


def _config_argument(base: Any) -> Any:
    """What a generic base says of the configuration: a class, a type variable, or None."""
    origin = get_origin(base)
    if not (isinstance(origin, type) and issubclass(origin, Cube)):
        return None
    parameters = getattr(origin, "__parameters__", ())
    return dict(zip(parameters, get_args(base), strict=False)).get(origin._config_parameter)
