"""Stand-ins for providers that a cube needs and nobody names: they answer with what the contract's types allow."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Any, get_args, get_type_hints

from cubekit.authoring.contracts import ContractInfo, is_stream
from cubekit.authoring.cubes import Cube
from cubekit.discovery import CubeInfo
from cubekit.ground.colours import Colour
from cubekit.kit.inputs import values_of
from cubekit.testing import fake

__all__ = ["stand_in"]


def stand_in(contract: ContractInfo) -> CubeInfo:
    """Return a cube that keeps a contract, and says the same whenever it is asked.

    Its colour is monitoring, which cubes of every colour may require.
    """
    methods = {name: _method(getattr(contract.protocol, name)) for name in contract.methods}
    cube: type[Cube[Any]] = fake(contract.protocol, **methods)
    name = f"kit-{contract.name.replace('.', '-')}"
    return CubeInfo(name, Colour.MONITORING, f"{__name__}:{name}", "cubekit-core", "0.1.0", in_memory=cube)


def _method(promised: Callable[..., Any]) -> Callable[..., Any]:
    returned = get_type_hints(promised, include_extras=True).get("return", Any)
    values = values_of(get_args(returned)[0] if is_stream(promised) else returned)

    async def answer(*arguments: Any, **keywords: Any) -> Any:
        return values[0]

    async def items(*arguments: Any, **keywords: Any) -> AsyncIterator[Any]:
        for value in values:
            yield value

    return items if is_stream(promised) else answer
