"""Composition-time plugins by pluggy: hook specifications, and the plugins that ``[service] plugins`` names.

Hooks are synchronous and are asked once, when a service is composed; nothing of pluggy is on the path of a call.
"""

from __future__ import annotations

import traceback
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Protocol

import pluggy

from cubekit.authoring.context import CallContext
from cubekit.discovery.cubes import ExtensionInfo
from cubekit.ground.diagnostics import CubekitError, Diagnostic, Place

if TYPE_CHECKING:
    from cubekit.composition.descriptors import Descriptor
    from cubekit.composition.operations import Operation

__all__ = ["HookSpecs", "Middleware", "Next", "Plugins", "load_plugins"]

Next = Callable[[CallContext, Mapping[str, Any]], Awaitable[Any]]
"""Goes on with a call: ``result = await call_next(context, arguments)``. A stream's result is its iterator."""


class Middleware(Protocol):
    """Stands around every call of an operation."""

    async def __call__(self, context: CallContext, arguments: Mapping[str, Any], call_next: Next) -> Any:
        """Answer the call, usually by awaiting ``call_next``."""


_hookspec = pluggy.HookspecMarker("cubekit")


class HookSpecs:
    """The hooks. A plugin implements those it wants, each marked with `cubekit.hookimpl`."""

    @_hookspec
    def cubekit_descriptor_loaded(self, descriptor: Descriptor) -> None:
        """See a cube's descriptor after it was loaded; raise `CubekitError` to refuse the cube."""

    @_hookspec
    def cubekit_middleware(self, instance: str, operation: Operation) -> Middleware | None:
        """Return a middleware for an operation, or None. Those of plugins named first stand outermost."""
        return None


class Plugins:
    """The plugins of one service."""

    def __init__(self) -> None:
        self._manager = pluggy.PluginManager("cubekit")
        self._manager.add_hookspecs(HookSpecs)

    def register(self, name: str, plugin: object) -> None:
        """Add a plugin: a module or an object with marked functions.

        :raises CubekitError: CK305, if it marks a function that is no hook or takes other arguments.
        """
        try:
            self._manager.register(plugin, name)
            self._manager.check_pending()
        except (pluggy.PluginValidationError, ValueError) as error:
            raise CubekitError(Diagnostic("CK305", f'plugin "{name}" cannot be used: {error}')) from error

    def descriptor_loaded(self, descriptor: Descriptor) -> None:
        """Show a descriptor to all plugins.

        :raises CubekitError: as a plugin says, and CK305 if one fails otherwise.
        """
        with _failures_located("cubekit_descriptor_loaded"):
            self._manager.hook.cubekit_descriptor_loaded(descriptor=descriptor)

    def middleware(self, instance: str, operation: Operation) -> tuple[Middleware, ...]:
        """Return the middlewares of an operation, outermost first.

        :raises CubekitError: as a plugin says, and CK305 if one fails otherwise.
        """
        with _failures_located("cubekit_middleware"):
            found: list[Middleware] = self._manager.hook.cubekit_middleware(instance=instance, operation=operation)
        return tuple(reversed(found))  # pluggy asks the plugin registered last first


@contextmanager
def _failures_located(hook: str) -> Iterator[None]:
    """Say of an exception out of a plugin which hook it was, and where."""
    try:
        yield
    except CubekitError:
        raise
    except Exception as error:
        frame = traceback.extract_tb(error.__traceback__)[-1]
        message = f"a plugin's {hook}() failed: {type(error).__name__}: {error}"
        found = f"{frame.filename}:{frame.lineno} in {frame.name}"
        raise CubekitError(
            Diagnostic("CK305", message, found=found, fix="mend the plugin, or leave it out of [service] plugins")
        ) from error


def load_plugins(
    names: Iterable[tuple[str, Place]], installed: Iterable[ExtensionInfo], problems: list[Diagnostic]
) -> Plugins:
    """Load the named plugins from entry points of the group ``cubekit.hooks``; failures are added to ``problems``."""
    plugins = Plugins()
    known = {info.name: info for info in installed}
    for name, place in names:
        info = known.get(name)
        if info is None:
            found = ", ".join(sorted(known)) or "none is installed"
            problems.append(
                Diagnostic("CK305", f'plugin "{name}" is not installed', place, needed=f'"{name}"', found=found)
            )
            continue
        try:
            plugins.register(name, info.load())
        except CubekitError as error:
            problems.extend(error.diagnostics)
    return plugins
