"""Methods that write the result of an operation as JSON, in place of making it: ``@operation(json=…)``."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any, get_type_hints

from cubekit.authoring.contracts import DeclarationError

__all__ = ["check_writer"]


def check_writer(where: str, name: str, function: Callable[..., Any], writer: Callable[..., Any] | None) -> None:
    """Compare a writer with its operation.

    :param where: what the operation is called in messages.
    :param name: of the writer, as the operation says it.
    :raises DeclarationError: if there is none, or if it could not take the operation's place.
    """
    if writer is None:
        raise DeclarationError(f"{where}: json={name!r} names no method of the cube")
    if not inspect.iscoroutinefunction(writer) or get_type_hints(writer).get("return") is not bytes:
        raise DeclarationError(f"{where}: {name} must be `async def` and return `bytes`")
    wanted, found = (list(inspect.signature(method).parameters.values())[1:] for method in (function, writer))
    if [(one.name, one.default) for one in wanted] != [(one.name, one.default) for one in found]:
        raise DeclarationError(f"{where}: {name} must have the same parameters")
