"""Fakes: cubes that keep a contract with the answers a test gives them."""

from __future__ import annotations

import functools
import inspect
from collections.abc import AsyncGenerator, Callable
from typing import Any

from cubekit.authoring.contracts import contract_of, is_stream
from cubekit.authoring.cubes import Cube

__all__ = ["fake"]


def fake(contract: type, /, **methods: Callable[..., Any]) -> type[Cube[Any]]:
    """Return a cube that keeps a contract with the given functions, which take the contract's arguments (no ``self``)::

        async def calculate(birth: Birth) -> Chart: ...
        running({"calendar": fake(Calendar, calculate=calculate), "diary": Diary})

    Methods that are not given raise `AssertionError` when they are called.

    :raises TypeError: if the class is no contract, or a name is none of its methods.
    """
    info = contract_of(contract)
    if info is None:
        raise TypeError(f"{contract!r} is no contract: declare it with @contract")
    if unknown := methods.keys() - set(info.methods):
        raise TypeError(f"contract {info} has no {', '.join(sorted(unknown))}; it has {', '.join(info.methods)}")
    members = {name: _member(contract, name, methods.get(name)) for name in info.methods}
    return type(f"Fake{contract.__name__}", (Cube, contract), members, implements=str(info))


def _member(contract: type, name: str, function: Callable[..., Any] | None) -> Callable[..., Any]:
    promised = getattr(contract, name)

    def answer(self: object, /, *arguments: Any, **keywords: Any) -> Any:
        if function is None:
            raise AssertionError(f"the fake of {contract.__name__} was asked for {name}(), which the test did not give")
        return function(*arguments, **keywords)

    return _like(promised, answer)


def _like(promised: Callable[..., Any], answer: Callable[..., Any]) -> Callable[..., Any]:
    """Wrap the answer as the same kind of function, with the promised signature."""

    @functools.wraps(promised)
    async def stream(self: object, /, *arguments: Any, **keywords: Any) -> Any:
        items = answer(self, *arguments, **keywords)
        try:
            async for item in items:
                yield item
        finally:
            # A stream that is left early is closed, so that the test's own `finally` runs.
            if isinstance(items, AsyncGenerator):
                await items.aclose()

    @functools.wraps(promised)
    async def call(self: object, /, *arguments: Any, **keywords: Any) -> Any:
        return await answer(self, *arguments, **keywords)

    if is_stream(promised):
        return stream
    return call if inspect.iscoroutinefunction(promised) else functools.wraps(promised)(answer)
