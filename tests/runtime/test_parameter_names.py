"""Parameters may have any name, also one that the runtime uses itself."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Annotated, Protocol

import pytest

from cubekit import CallContext, Caller, Cube, contract, current_call, operation
from cubekit.testing import fake, running

pytestmark = pytest.mark.anyio


@contract("test.mover", version="1.0")
class Mover(Protocol):
    async def move(self, target: str, get_active: int = 1, *, CallContext: int, NO_DEADLINE: int = 2) -> str:
        """Every name that the proxy's function once looked up as a global."""
        ...

    def follow(self, proxy: str, arguments: str) -> AsyncIterator[str]:
        """Names of the function that forwards streams."""
        ...


class MoverCube(Cube, Mover, implements="test.mover@1.0"):
    @operation
    async def move(self, target: str, get_active: int = 7, *, CallContext: int, NO_DEADLINE: int = 8) -> str:
        return f"{target} {get_active} {CallContext} {NO_DEADLINE}"

    @operation
    async def follow(self, proxy: str, arguments: str) -> AsyncIterator[str]:
        yield proxy
        yield arguments


class Driver(Cube):
    mover: Annotated[Mover, ">=1.0,<2"]

    @operation
    async def drive(self, context: str, name: str, self_: str = "") -> str:
        return f"{context} {name} {current_call().caller.principal}"

    @operation
    async def drives(self, context: str) -> AsyncIterator[str]:
        yield context

    @operation
    async def move(self) -> list[str]:
        moved = await self.mover.move("north", CallContext=5)
        return [moved, *[item async for item in self.mover.follow(proxy="a", arguments="b")]]


async def test_of_a_contracts_methods() -> None:
    async with running({"m": MoverCube, "d": Driver}) as service:
        assert await service.call("d.move") == ["north 7 5 8", "a", "b"]


async def test_of_operations_called_from_inside_the_process() -> None:
    context = CallContext(Caller("ada"))
    async with running({"m": MoverCube, "d": Driver}) as service:
        assert await service.call("d.drive", context, context="words", name="more") == "words more ada"
        assert [item async for item in service.stream("d.drives", context, context="words")] == ["words"]


@contract("test.papers", version="1.0")
class Papers(Protocol):
    async def contract(self, contract: str) -> str:
        """A method named as a parameter of `fake`."""
        ...


async def test_of_fakes() -> None:
    async def sign(contract: str) -> str:
        return f"signed {contract}"

    async with running({"p": fake(Papers, contract=sign)}) as service:
        (provider,) = service.providers("test.papers")
        assert await provider.endpoints["contract"].call(CallContext(), {"contract": "this"}) == "signed this"
