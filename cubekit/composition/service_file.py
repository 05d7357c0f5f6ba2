"""The sections of ``service.toml``, as models. Reading and merging is in `documents`, meaning is in `compose`."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints

from cubekit.ground.colours import Colour
from cubekit.ground.durations import parse_duration, parse_size
from cubekit.ground.versions import parse_versioned_name, split_use

__all__ = ["CubeSection", "GroupSection", "HealthSection", "HttpSection", "ServiceFile"]


def _backoff(value: Any) -> tuple[float, float]:
    if not isinstance(value, str):
        raise ValueError(f'expected a span such as "100ms..10s", not {value!r}')
    first, dots, last = value.partition("..")
    if not dots:
        raise ValueError(f'expected a span such as "100ms..10s", not {value!r}')
    span = parse_duration(first), parse_duration(last)
    if span[0] > span[1]:
        raise ValueError(f"a backoff grows: {first!r} is longer than {last!r}")
    return span


def _use(value: str) -> str:
    split_use(value)
    return value


def _versioned(value: str) -> str:
    parse_versioned_name(value)
    return value


def _one_or_many(value: Any) -> Any:
    if isinstance(value, str):
        return (value,)
    return tuple(value) if isinstance(value, list) else value


def _seconds(value: Any) -> Any:
    return parse_duration(value) if isinstance(value, str | int | float) else value


def _bytes(value: Any) -> Any:
    return parse_size(value) if isinstance(value, str | int) else value


Duration = Annotated[float, BeforeValidator(_seconds)]
Size = Annotated[int, BeforeValidator(_bytes)]
_NAME = "[a-z][a-z0-9]*(-[a-z0-9]+)*"
_FROM = rf"^{_NAME}(/{_NAME})?$"
InstanceName = Annotated[str, StringConstraints(pattern=rf"^{_NAME}$")]
PathSegment = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]*$")]
InstanceNames = Annotated[tuple[InstanceName, ...], BeforeValidator(_one_or_many)]


class Section(BaseModel):
    """Base of all sections: unknown keys are errors, and numbers are not read from texts."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class ServiceSection(Section):
    """``[service]``"""

    name: InstanceName
    include: list[str] = []
    expose: list[str] = ["rest", "sse"]
    plugins: list[str] = []


class HttpSection(Section):
    """``[http]``"""

    host: str = "127.0.0.1"
    port: int = Field(default=8000, ge=0, le=65535)
    """0 lets the system choose."""
    workers: int = Field(default=1, ge=1)
    max_body: Size = 1 << 20
    """Bytes of a request's body; more is refused with 413."""
    cors: list[str] = []
    """Origins whose pages may read answers, such as ``https://example.org``; ``*`` for all."""
    drain_timeout: Duration = 10.0
    """Seconds that requests under way get to finish when the service stops."""


class Replicas(Section):
    """``replicas`` of a cube."""

    min: int = Field(default=1, ge=1)
    max: int = Field(default=1, ge=1)


class Limits(Section):
    """``limits`` of a cube."""

    memory: Size | None = None
    queue: Annotated[int, Field(ge=1)] | None = None
    """Calls under way at the same time; one more is refused at once, and less important ones before."""
    deadline: Duration | None = None
    """Seconds for any operation that has no shorter timeout of its own."""


class BreakerSection(Section):
    """``breaker`` of a cube: each of its operations is left in peace after failures in a row."""

    failures: int = Field(default=5, ge=1)
    pause: Duration = 5.0
    """Seconds until one call tries again."""


class RetrySection(Section):
    """``retry`` of a cube: idempotent operations are tried again when they are unavailable."""

    attempts: int = Field(default=2, ge=1)
    """Tries after the first."""
    budget: float = Field(default=0.1, gt=0)
    """Retries for each call, over many calls."""


class CubeSection(Section):
    """``[cubes.NAME]``"""

    use: Annotated[str, AfterValidator(_use)]
    from_: Annotated[str, StringConstraints(pattern=_FROM)] | None = Field(default=None, alias="from")
    """A service of ``[discovery]`` in which the cube runs, and, after a slash, the instance there."""
    colour: Annotated[Colour, Field(strict=False)] | None = None
    """Of a cube that runs in another service, and is not here to be asked."""
    contracts: list[Annotated[str, AfterValidator(_versioned)]] = []
    """The contracts that it is there for, each in the version that it keeps: ``saju.calendar@0.1``."""
    config: dict[str, Any] = {}
    optional: bool = False
    bind: dict[str, Annotated[InstanceNames, Field(min_length=1)]] = {}
    path: PathSegment | None = None
    engine: Literal["inline", "process", "ray"] = "inline"
    replicas: Replicas = Replicas()
    limits: Limits = Limits()
    breaker: BreakerSection | None = None
    retry: RetrySection | None = None
    start_timeout: Duration = 30.0
    stop_timeout: Duration = 10.0


class GroupSection(Section):
    """``[supervise.NAME]``"""

    cubes: list[InstanceName] = []
    """Members; the group ``default`` holds the rest."""
    strategy: Literal["one_for_one", "one_for_all", "rest_for_one"] = "one_for_one"
    max: int = Field(default=3, ge=0)
    """Restarts within ``within``; one more gives up."""
    within: Duration = 30.0
    backoff: Annotated[tuple[float, float], BeforeValidator(_backoff)] = (0.1, 10.0)
    unhealthy: Duration | None = None
    """Seconds that a running cube's own check may fail; after that it is recycled. None: as long as it likes."""


class LiveSection(Section):
    """``[health.livez]``"""

    max_lag: Duration = 0.5
    """Seconds that the event loop may be held up; longer is reported, with the line that does it."""


class ReadySection(Section):
    """``[health.readyz]``"""

    include: list[InstanceName] | None = None


class HealthGroup(Section):
    """``[health.groups.NAME]``: some cubes whose health ``/health/NAME`` tells together."""

    include: Annotated[list[InstanceName], Field(min_length=1)]


class HealthSection(Section):
    """``[health]``"""

    timeout: Duration = 1.0
    """Seconds in which all checks of cubes must have answered."""
    max_age: Duration = 5.0
    """Seconds that an answer is kept, at most; some go earlier, so that not all checks run at the same time."""
    livez: LiveSection = LiveSection()
    readyz: ReadySection = ReadySection()
    groups: dict[InstanceName, HealthGroup] = {}


class TelemetrySection(Section):
    """``[telemetry]``"""

    sample: float = Field(default=0.01, ge=0, le=1)
    """Share of the requests whose spans are recorded, if somebody records and the caller does not say."""


class RecycleSection(Section):
    """``[recycle]``: a process that leaks is replaced; a new one starts beside it and takes its place."""

    memory: Size | None = None
    """Bytes of resident memory that a process may have."""
    growth: Size | None = None
    """Bytes that it may have more than when it was settled."""
    settled: Duration = 60.0
    """Seconds after its start from which on growth counts."""
    every: Duration = 10.0
    """Seconds between two looks."""

    @property
    def is_wanted(self) -> bool:
        """Whether there is a limit."""
        return self.memory is not None or self.growth is not None


class ServiceFile(Section):
    """A whole service file, after its molecules and overrides were merged in."""

    service: ServiceSection
    http: HttpSection = HttpSection()
    recycle: RecycleSection = RecycleSection()
    cubes: dict[InstanceName, CubeSection] = {}
    supervise: dict[InstanceName, GroupSection] = {}
    health: HealthSection = HealthSection()
    telemetry: TelemetrySection = TelemetrySection()
    discovery: dict[InstanceName, Any] = {}
    """Read as `DiscoverySection`, with the environment's secrets, where a cube is from there."""
