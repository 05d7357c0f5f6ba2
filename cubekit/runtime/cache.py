"""Results that may be reused for a while."""

from __future__ import annotations

import copy
import logging
from collections import OrderedDict
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass
from functools import partial
from time import monotonic
from types import TracebackType
from typing import Any, NoReturn

import anyio

from cubekit.authoring.context import CallContext
from cubekit.authoring.cubes import Clock
from cubekit.authoring.failures import DeadlineExceeded
from cubekit.authoring.operations import Cache
from cubekit.runtime.bus import Bus
from cubekit.runtime.cache_keys import NoExactKey, exact_key
from cubekit.runtime.causes import copied

__all__ = ["Flight", "ResultCache"]

_log = logging.getLogger("cubekit.cache")


@dataclass(frozen=True, slots=True)
class _Entry:
    value: Any
    mutable: bool
    expires: float

    def take(self) -> Any:
        """Return the result, as its caller may have it."""
        return copy.deepcopy(self.value) if self.mutable else self.value


class Flight:
    """A result that is being computed, for everyone who asks meanwhile: a ``with`` block of the one who computes it.

    A failure is shared too, unless it is that one's own haste. If there is no outcome the next one takes over.
    """

    def __init__(self, cache: ResultCache, key: Hashable | None, deadline: float) -> None:
        self.landed = anyio.Event()
        self.outcome: Callable[[], Any] | None = None
        """Returns the result or raises the failure, once it has landed."""
        self._cache = cache
        self._key = key
        self._deadline = deadline

    def land(self, value: Any) -> None:
        """Keep the result."""
        self.outcome = self._cache.put(self._key, value).take

    def __enter__(self) -> Flight:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        late = isinstance(error, DeadlineExceeded) and monotonic() >= self._deadline
        if isinstance(error, Exception) and not late:
            self.outcome = partial(_raise_copy, error)
        self._cache.end(self._key)
        self.landed.set()


def _raise_copy(error: Exception) -> NoReturn:
    raise copied(error) from error


class ResultCache:
    """The results of one operation of one instance, least recently used first.

    :param name: the operation's, with its instance's.
    :param public: whether every caller gets the same.
    """

    def __init__(self, name: str, options: Cache, clock: Clock, bus: Bus, *, public: bool) -> None:
        self._name = name
        self._public = public
        self._options = options
        self._clock = clock
        self._entries: OrderedDict[Hashable, _Entry] = OrderedDict()
        self._told_unkept = False
        self._generation = 0
        self._flights: dict[Hashable, Flight] = {}
        for kind in options.invalidated_by:
            bus.call(kind, lambda event: self.clear())

    def key(self, context: CallContext, arguments: Mapping[str, Any], written: bool = False) -> Hashable | None:
        """The key of a call: its arguments, the language, and the caller unless the operation is public.

        :param written: whether the result is JSON that the operation has written itself.

        None if an argument has no exact key; such a call's result is not kept.
        """
        try:
            said = tuple([(name, exact_key(value)) for name, value in sorted(arguments.items())])
        except NoExactKey as error:
            if not self._told_unkept:
                self._told_unkept = True
                _log.warning("%s caches no results of calls with a %s, which has no exact key", self._name, error)
            return None
        caller = None if self._public else (context.caller.principal, context.caller.tenant, context.caller.scopes)
        # A result computed before an event and stored after it must not be found: the generation tells them apart.
        return said, context.locale, caller, written, self._generation

    def get(self, key: Hashable | None) -> _Entry | None:
        """The result under a key, unless it is too old."""
        if key is None or (entry := self._entries.get(key)) is None:
            return None
        if entry.expires <= self._clock.monotonic():
            del self._entries[key]
            return None
        self._entries.move_to_end(key)
        return entry

    def put(self, key: Hashable | None, value: Any) -> _Entry:
        """Keep a result, if it has a key; a copy of it, if the caller that it goes to could change it."""
        mutable = not _is_hashable(value)
        kept = copy.deepcopy(value) if mutable else value
        entry = _Entry(kept, mutable, self._clock.monotonic() + self._options.seconds)
        if key is not None:
            self._entries[key] = entry
            self._entries.move_to_end(key)
            while len(self._entries) > self._options.size:
                self._entries.popitem(last=False)
        return entry

    def under_way(self, key: Hashable | None) -> Flight | None:
        """The computation of the result under a key, if there is one."""
        return self._flights.get(key)

    def begin(self, key: Hashable | None, deadline: float) -> Flight:
        """Begin the computation of the result under a key.

        :param deadline: of the one who computes.
        """
        flight = Flight(self, key, deadline)
        if key is not None:
            self._flights[key] = flight
        return flight

    def end(self, key: Hashable | None) -> None:
        """Note that the computation under a key has ended."""
        self._flights.pop(key, None)

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
