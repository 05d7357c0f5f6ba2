"""`Restart`: one or several children that end together, and start anew together unless they are given up."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import anyio

from cubekit.ground.diagnostics import Diagnostic

if TYPE_CHECKING:
    from cubekit.runtime.child import Child

__all__ = ["Restart"]


class Restart:
    """What happens to some children after one of them has crashed.

    Those still alive stop first, each after those that depend on it. After a pause all start, each after those that it
    depends on. If one of them crashes meanwhile, another restart takes the place of this one.

    :param reason: what has crashed.
    :param pause: seconds.
    :param problem: why they are given up: then there is no second half.
    """

    def __init__(
        self, children: Iterable[Child], reason: str, pause: float = 0.0, problem: Diagnostic | None = None
    ) -> None:
        self.children = frozenset(children)
        self.reason = reason
        self.pause = pause
        self.problem = problem
        self.paused = anyio.Event()
        """Set when the pause is over."""
        self._ended = {child: anyio.Event() for child in self.children}
        self._settled = {child: anyio.Event() for child in self.children}

    def note_end(self, child: Child) -> None:
        """Note that a child's object is gone."""
        self._ended[child].set()

    def note_settled(self, child: Child) -> None:
        """Note that a child's new object runs, or that there will be none."""
        self._settled[child].set()

    def leave(self, child: Child) -> None:
        """Let nobody here wait for a child: another restart counts for it now."""
        self.note_end(child)
        self.note_settled(child)

    async def dependents_ended(self, child: Child) -> None:
        """Wait until the objects are gone that depend on a child."""
        for other in self.children:
            if child.instance.name in other.instance.planned.depends_on:
                await self._ended[other].wait()

    async def turn(self, child: Child) -> None:
        """Wait until a child may start, if it may ever."""
        if self.problem is not None:
            return
        await self.paused.wait()
        for other in self.children:
            if other.instance.name in child.instance.planned.depends_on:
                await self._settled[other].wait()

    @property
    def unsettled(self) -> frozenset[Child]:
        """The children that have not started again."""
        return frozenset(child for child, settled in self._settled.items() if not settled.is_set())
