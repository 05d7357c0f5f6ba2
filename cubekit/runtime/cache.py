"""Results that may be reused for a while."""

from __future__ import annotations

import copy
from collections import OrderedDict
from collections.abc import Callable, Coroutine, Hashable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, NoReturn

import anyio
from pydantic import TypeAdapter

from cubekit.authoring.context import CallContext
from cubekit.authoring.cubes import Clock
from cubekit.authoring.operations import Cache
from cubekit.composition.operations import Operation
from cubekit.runtime.bus import Bus

__all__ = ["ResultCache"]


@dataclass(frozen=True, slots=True)
class _Entry:
    value: Any
    mutable: bool
    expires: float

    def take(self) -> Any:
        """Return the result, as its caller may have it."""
        return copy.deepcopy(self.value) if self.mutable else self.value


class _Flight:
    """A result that is being computed."""

    def __init__(self) -> None:
        self.landed = anyio.Event()
        self.outcome: Callable[[], Any] | None = None


def _raise(error: Exception) -> NoReturn:
    raise error


class ResultCache:
    """The results of one operation of one instance, least recently used first."""

    def __init__(self, operation: Operation, options: Cache, clock: Clock, bus: Bus) -> None:
        self._public = operation.options.public
        self._options = options
        self._clock = clock
        self._entries: OrderedDict[Hashable, _Entry] = OrderedDict()
        self._adapters = {parameter.name: TypeAdapter(parameter.annotation) for parameter in operation.parameters}
        self._generation = 0
        self._flights: dict[Hashable, _Flight] = {}
        for kind in options.invalidated_by:
            bus.call(kind, lambda event: self.clear())

    def key(self, context: CallContext, arguments: Mapping[str, Any]) -> Hashable:
        """The key of a call: its arguments, the language, and the caller unless the operation is public."""
        said = tuple((name, self._part(name, value)) for name, value in sorted(arguments.items()))
        caller = None if self._public else (context.caller.principal, context.caller.tenant, context.caller.scopes)
        # A result computed before an event and stored after it must not be found: the generation tells them apart.
        return said, context.locale, caller, self._generation

    def _part(self, name: str, value: Any) -> Hashable:
        # The value itself where that is possible: JSON shows every secret as the same asterisks.
        return (type(value), value) if _is_hashable(value) else self._adapters[name].dump_json(value)

    def get(self, key: Hashable) -> _Entry | None:
        """The result under a key, unless it is too old."""
        entry = self._entries.get(key)
        if entry is None:
            return None
        if entry.expires <= self._clock.monotonic():
            del self._entries[key]
            return None
        self._entries.move_to_end(key)
        return entry

    def put(self, key: Hashable, value: Any) -> _Entry:
        """Keep a result; a copy of it, if the caller that it goes to could change it."""
        mutable = not _is_hashable(value)
        kept = copy.deepcopy(value) if mutable else value
        entry = self._entries[key] = _Entry(kept, mutable, self._clock.monotonic() + self._options.seconds)
        self._entries.move_to_end(key)
        while len(self._entries) > self._options.size:
            self._entries.popitem(last=False)
        return entry

    async def compute(self, key: Hashable, work: Coroutine[Any, Any, Any]) -> Any:
        """Return and keep what ``work`` returns; if the same is being computed already, return what that returns.

        A failure is shared too. If the one who computes is cancelled, the next one takes over.
        """
        while (flight := self._flights.get(key)) is not None:
            try:
                await flight.landed.wait()
            except BaseException:
                work.close()
                raise
            if flight.outcome is not None:
                work.close()
                return flight.outcome()
        flight = self._flights[key] = _Flight()
        try:
            value = await work
            flight.outcome = self.put(key, value).take
        except Exception as error:
            flight.outcome = partial(_raise, error)
            raise
        finally:
            del self._flights[key]
            flight.landed.set()
        return value

    def clear(self) -> None:
        """Forget everything."""
        self._generation += 1
        self._entries.clear()


def _is_hashable(value: object) -> bool:
    """Whether a value keeps its worth, as frozen models do with all that is in them, and tuples of such."""
    try:
        hash(value)
    except TypeError:
        return False
    return True
