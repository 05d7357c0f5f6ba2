"""`operation` and `route`: what a cube offers to the world."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar, overload

from cubekit.authoring.contracts import DeclarationError
from cubekit.authoring.events import Event
from cubekit.authoring.failures import Failure
from cubekit.ground.durations import parse_duration, parse_rate

__all__ = ["Cache", "OperationOptions", "RouteOptions", "operation", "operation_options", "route", "route_options"]

F = TypeVar("F", bound=Callable[..., Any])

_HTTP = re.compile(r"(GET|POST|PUT|PATCH|DELETE) ([A-Za-z0-9_\-./{}]*)")
_PLACEHOLDER = re.compile(r"{([A-Za-z_][A-Za-z0-9_]*)}")
_OPERATION = "__cubekit_operation__"
_ROUTE = "__cubekit_route__"


@dataclass(frozen=True)
class Cache:
    """How long a result may be reused.

    Keys contain the caller, unless the operation is ``public``, and the arguments, so exactly that no two share one.
    Those may hold models, dataclasses, enumerations, and values and collections of the standard library; results of
    calls with anything else are not kept, which is logged.

    A result that is hashable, as frozen models without lists and dicts are, is given to every caller as it is. Any
    other is copied for each of them, so that nobody changes what the next one gets; that takes time, so return frozen
    values.

    :param ttl: seconds, or a text such as ``"24h"``.
    :param invalidated_by: event classes at whose arrival every result of the operation is forgotten.
    :param size: results kept; the least recently used one goes first.
    """

    ttl: float | str
    invalidated_by: tuple[type[Event], ...] = ()
    size: int = 1024
    seconds: float = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "seconds", parse_duration(self.ttl))


@dataclass(frozen=True, slots=True)
class OperationOptions:
    """What `operation` recorded of a method."""

    http: tuple[str, str] | None = None
    """HTTP method and path relative to the cube's, or None for ``POST <name>``."""
    scope: str | None = None
    timeout: float | None = None
    """Seconds; for a stream, until its end."""
    first_item: float | None = None
    """Seconds until the first item of a stream; by default ``idle``."""
    idle: float | None = None
    """Seconds between two items of a stream."""
    idempotent: bool = False
    public: bool = False
    cache: Cache | None = None
    rate: tuple[int, float] | None = None
    """Calls within seconds, per caller."""
    errors: tuple[type[Failure], ...] = ()
    priority: int = 0
    """Under load, calls of a lower priority are refused first."""
    json: str | None = None
    """Name of the method that writes the result as JSON."""
    view: Callable[[Any], str] | None = None
    """Makes a text for people of the result's JSON data."""

    def form(self, name: str) -> tuple[str, str]:
        """HTTP method and path of an operation of that name."""
        return self.http or ("POST", name)


@dataclass(frozen=True, slots=True)
class RouteOptions:
    """What `route` recorded of a method: HTTP method and path relative to the cube's."""

    method: str
    path: str


@overload
def operation(method: F, /) -> F: ...
@overload
def operation(
    *,
    http: str | None = ...,
    scope: str | None = ...,
    timeout: float | str | None = ...,
    first_item: float | str | None = ...,
    idle: float | str | None = ...,
    idempotent: bool = ...,
    public: bool = ...,
    cache: Cache | None = ...,
    rate: str | None = ...,
    errors: tuple[type[Failure], ...] = ...,
    priority: int = ...,
    json: str | None = ...,
    view: Callable[[Any], str] | None = ...,
) -> Callable[[F], F]: ...
def operation(
    method: F | None = None,
    /,
    *,
    http: str | None = None,
    scope: str | None = None,
    timeout: float | str | None = None,
    first_item: float | str | None = None,
    idle: float | str | None = None,
    idempotent: bool = False,
    public: bool = False,
    cache: Cache | None = None,
    rate: str | None = None,
    errors: tuple[type[Failure], ...] = (),
    priority: int = 0,
    json: str | None = None,
    view: Callable[[Any], str] | None = None,
) -> F | Callable[[F], F]:
    """Offer a method over every port of the service, with or without options.

    The method is ``async def`` and returns a value (`Page` for a list in pages, ``bytes`` for a document), or it is an
    async generator and answers with a stream. Its parameters are the input: one pydantic model, several named values,
    or one ``bytes``.

    :param http: another form than ``POST <name>``, relative to the cube's path: ``"GET results/{id}"``.
    :param scope: the caller must hold this scope.
    :param timeout: seconds or a text such as ``"5s"``, after which the call fails with ``TIMEOUT``.
    :param first_item: the same, until the first item of a stream.
    :param idle: the same, between two items of a stream.
    :param idempotent: a repetition has no further effect, so a call may be tried again.
    :param public: the answer does not depend on who asks, so callers may share cached results.
    :param cache: how long a result may be reused.
    :param rate: the most calls of one caller, such as ``"100/min"``.
    :param errors: the domain errors that it may raise, for its documentation.
    :param priority: under load calls below zero are refused first, and calls above zero last.
    :param json: name of an ``async`` method with the same parameters that returns the JSON text of the same result.
        Ports call it instead, for results that take longer to make than to write; other cubes get the value itself.
    :param view: a function that makes a text for people of the result's JSON data; ``cubekit call --pretty`` prints it.
    :raises DeclarationError: if an option cannot be understood.
    """

    def declare(function: F) -> F:
        try:
            options = OperationOptions(
                http=_parse_http(http) if http is not None else None,
                scope=scope,
                timeout=parse_duration(timeout) if timeout is not None else None,
                first_item=parse_duration(first_item) if first_item is not None else None,
                idle=parse_duration(idle) if idle is not None else None,
                idempotent=idempotent,
                public=public,
                cache=cache,
                rate=parse_rate(rate) if rate is not None else None,
                errors=errors,
                priority=priority,
                json=json,
                view=view,
            )
        except ValueError as error:
            raise DeclarationError(f"@operation on {function.__qualname__}: {error}") from error
        setattr(function, _OPERATION, options)
        return function

    return declare if method is None else declare(method)


def route(http: str) -> Callable[[F], F]:
    """Answer raw HTTP requests that are no operation: redirects, cookies, webhooks, assets.

    The method is ``async def`` and takes a `starlette.requests.Request` and returns a `starlette.responses.Response`.

    :param http: method and path relative to the cube's: ``"GET callback/{provider}"``.
    :raises DeclarationError: if the form cannot be understood.
    """

    def declare(function: F) -> F:
        try:
            options = RouteOptions(*_parse_http(http))
        except ValueError as error:
            raise DeclarationError(f"@route on {function.__qualname__}: {error}") from error
        setattr(function, _ROUTE, options)
        return function

    return declare


def operation_options(method: object) -> OperationOptions | None:
    """Return what `operation` recorded of a method, or None."""
    return getattr(method, _OPERATION, None)


def route_options(method: object) -> RouteOptions | None:
    """Return what `route` recorded of a method, or None."""
    return getattr(method, _ROUTE, None)


def _parse_http(http: str) -> tuple[str, str]:
    match = _HTTP.fullmatch(http)
    names = _PLACEHOLDER.findall(match[2]) if match else []
    if match is None or ".." in match[2] or set("{}") & set(_PLACEHOLDER.sub("", match[2])):
        raise ValueError(f'expected an HTTP form such as "GET results/{{id}}", not {http!r}')
    if len(set(names)) < len(names):
        raise ValueError(f"{http!r} has two placeholders of one name")
    return match[1], match[2].strip("/")
