"""Contracts: versioned, typed promises between cubes."""

from __future__ import annotations

import inspect
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, TypeVar, get_origin, get_type_hints

from typing_extensions import is_protocol

from cubekit.authoring.failures import Failure
from cubekit.ground.versions import Version, parse_versioned_name

__all__ = [
    "ContractInfo",
    "DeclarationError",
    "MethodKind",
    "check_stream",
    "contract",
    "contract_of",
    "contracts_kept_by",
    "is_stream",
    "kind_of",
]

P = TypeVar("P", bound=type)


class DeclarationError(TypeError):
    """A cube, contract or operation is declared in a way that cannot work; the message says what to change."""


@dataclass(frozen=True, slots=True)
class ContractInfo:
    """What `contract` recorded of a Protocol."""

    name: str
    version: Version
    protocol: type
    remotable: bool
    """Whether the provider may live in another process: values are JSON-safe and errors are declared."""
    errors: tuple[type[Failure], ...]
    methods: tuple[str, ...]
    """Names of the methods that calls go through."""

    def __str__(self) -> str:
        return f"{self.name}@{self.version}"


_CONTRACTS: dict[type, ContractInfo] = {}


def contract(
    name: str, *, version: str, remotable: bool = True, errors: tuple[type[Failure], ...] = ()
) -> Callable[[P], P]:
    """Declare a `typing.Protocol` to be a contract.

    :param name: dotted name that is the same everywhere, such as ``saju.calendar``.
    :param version: version of the promise, such as ``1.2``; a minor step adds, a major step may break (before 1.0, any
        step may).
    :param remotable: False for a contract that hands out live objects, such as database sessions.
    :param errors: the domain errors that its methods may raise.
    :raises DeclarationError: if the class cannot be a contract.
    """

    def declare(protocol: P) -> P:
        if not is_protocol(protocol):
            raise DeclarationError(f"contract {name!r} must be a typing.Protocol, and {protocol.__qualname__} is not")
        try:
            checked_name, checked_version = parse_versioned_name(f"{name}@{version}")
        except ValueError as error:
            raise DeclarationError(f"contract on {protocol.__qualname__}: {error}") from error
        methods = _methods(protocol)
        for method in methods:
            check_stream(f"{protocol.__qualname__}.{method}", getattr(protocol, method))
        if remotable:
            _check_remotable(name, protocol, methods)
        _CONTRACTS[protocol] = ContractInfo(checked_name, checked_version, protocol, remotable, errors, methods)
        return protocol

    return declare


def contract_of(protocol: object) -> ContractInfo | None:
    """Return what `contract` recorded of a class, or None if it is no contract."""
    return _CONTRACTS.get(protocol) if isinstance(protocol, type) else None


def contracts_kept_by(cube: type) -> tuple[ContractInfo, ...]:
    """Return the contracts among the bases of a class."""
    return tuple(_CONTRACTS[base] for base in cube.__mro__[1:] if base in _CONTRACTS)


def is_stream(function: Callable[..., Any]) -> bool:
    """Whether a method answers with a stream: it is an async generator or returns ``AsyncIterator[T]``."""
    if inspect.isasyncgenfunction(function):
        return True
    returned = get_type_hints(function).get("return")
    return (get_origin(returned) or returned) in {AsyncIterator, AsyncGenerator}


class MethodKind(StrEnum):
    """How a method is called."""

    VALUE = "`async def`"
    STREAM = "a stream (an async generator, or `def` that returns AsyncIterator[T])"
    PLAIN = "a plain `def`"


def kind_of(function: Callable[..., Any]) -> MethodKind:
    """Return how a method is called."""
    if is_stream(function):
        return MethodKind.STREAM
    return MethodKind.VALUE if inspect.iscoroutinefunction(function) else MethodKind.PLAIN


def check_stream(where: str, function: Callable[..., Any]) -> None:
    """Refuse what looks like a stream and is none: a coroutine that returns an iterator.

    :raises DeclarationError: if the function is one.
    """
    if is_stream(function) and inspect.iscoroutinefunction(function):
        raise DeclarationError(
            f"{where} is `async def` and yields nothing, so it is awaited and no stream: leave out `async`, or yield"
        )


def _methods(protocol: type) -> tuple[str, ...]:
    members = inspect.getmembers(protocol, inspect.isfunction)
    return tuple(name for name, _ in members if not name.startswith("_"))


def _check_remotable(name: str, protocol: type, methods: tuple[str, ...]) -> None:
    for method in methods:
        function = getattr(protocol, method)
        if not inspect.iscoroutinefunction(function) and not is_stream(function):
            raise DeclarationError(
                f"contract {name!r} is remotable, so {protocol.__qualname__}.{method} must be `async def` or return"
                " AsyncIterator[T]; or say remotable=False"
            )
