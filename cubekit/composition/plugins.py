"""Composition-time plugins by pluggy: hook specifications, and the plugins that ``[service] plugins`` names.

Hooks are synchronous and are asked once, when a service is composed; nothing of pluggy is on the path of a call.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, Protocol

import pluggy

from cubekit.authoring.context import CallContext
from cubekit.discovery.cubes import ExtensionInfo, described
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
        # Each has a manager of its own, so that it is known whose hook fails.
        self._managers: dict[str, tuple[pluggy.PluginManager, Place | None]] = {}

    def register(self, name: str, plugin: object, place: Place | None = None) -> None:
        """Add a plugin: a module or an object with marked functions.

        :param place: where the service names it.
        :raises CubekitError: CK305, if it marks a function that is no hook or takes other arguments.
        """
        if name in self._managers:
            message = f'plugin "{name}" is named twice'
            raise CubekitError(Diagnostic("CK305", message, place, fix=f'remove one "{name}"'))
        manager = pluggy.PluginManager("cubekit")
        manager.add_hookspecs(HookSpecs)
        try:
            manager.register(plugin, name)
            manager.check_pending()
        except (pluggy.PluginValidationError, ValueError) as error:
            raise CubekitError(Diagnostic("CK305", f'plugin "{name}" cannot be used: {error}', place)) from error
        self._managers[name] = manager, place

    def descriptor_loaded(self, descriptor: Descriptor) -> None:
        """Show a descriptor to all plugins.

        :raises CubekitError: if one of them refuses it, or fails (CK305).
        """
        self._ask("cubekit_descriptor_loaded", descriptor=descriptor)

    def middleware(self, instance: str, operation: Operation) -> tuple[Middleware, ...]:
        """Return the middlewares of an operation, outermost first.

        :raises CubekitError: if a plugin refuses the operation, or fails (CK305).
        """
        return tuple(self._ask("cubekit_middleware", instance=instance, operation=operation))

    def _ask(self, hook: str, **arguments: object) -> list[Any]:
        """The answers of all plugins, in the order in which they were named."""
        answers = []
        for name, (manager, place) in self._managers.items():
            try:
                answers += getattr(manager.hook, hook)(**arguments)
            except CubekitError:
                raise
            except (Exception, SystemExit) as error:
                message, fix = f'plugin "{name}" failed in its hook {hook}', f'mend it, or remove "{name}" from plugins'
                raise CubekitError(Diagnostic("CK305", message, place, found=described(error), fix=fix)) from error
        return answers


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
            plugins.register(name, info.load(), place)
        except CubekitError as error:
            problems.extend(problem.at(place) for problem in error.diagnostics)
    return plugins
