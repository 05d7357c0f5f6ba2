"""`Restart`: one or several children that start anew together."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import anyio

if TYPE_CHECKING:
    from cubekit.runtime.child import Child

__all__ = ["Restart"]


class Restart:
    """The restart of some children after one of them has crashed.

    Those still alive stop first, each after those that depend on it. After a pause all start, each after those that it
    depends on. If one of them crashes meanwhile, another restart takes the place of this one.

    :param pause: seconds.
    :param reason: what has crashed.
    """

    def __init__(self, children: Iterable[Child], pause: float, reason: str) -> None:
        self.children = frozenset(children)
        self.pause = pause
        self.reason = reason
        self.paused = anyio.Event()
        """Set when the pause is over."""
        self._ended = {child: anyio.Event() for child in self.children}
        self._settled = {child: anyio.Event() for child in self.children}

    def note_end(self, child: Child) -> None:
        """Note that a child's object is gone."""
        self._ended[child].set()

    def note_start(self, child: Child) -> None:
        """Note that a child's new object runs, or that there will be none."""
        self._settled[child].set()

    async def dependents_ended(self, child: Child) -> None:
        """Wait until the objects are gone that depend on a child."""
        for other in self.children:
            if child.instance.name in other.instance.planned.depends_on:
                await self._ended[other].wait()

    async def turn(self, child: Child) -> None:
        """Wait until a child may start."""
        await self.paused.wait()
        for other in self.children:
            if other.instance.name in child.instance.planned.depends_on:
                await self._settled[other].wait()

    @property
    def unfinished(self) -> frozenset[Child]:
        """The children that have not started again."""
        return frozenset(child for child, settled in self._settled.items() if not settled.is_set())

    def supersede(self) -> None:
        """Free everyone who waits: another restart counts now."""
        for event in (self.paused, *self._ended.values(), *self._settled.values()):
            event.set()
