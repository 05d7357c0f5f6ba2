"""`Watchdog`: finds what holds the event loop up, from a thread of its own."""

from __future__ import annotations

import logging
import sys
import threading
import traceback
from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from time import monotonic
from types import FrameType

import anyio
import anyio.to_thread

from cubekit.authoring.cubes import Clock
from cubekit.authoring.events import EventLoopBlocked
from cubekit.runtime.bus import Bus
from cubekit.runtime.instances import Instance

__all__ = ["Block", "Watchdog"]

_log = logging.getLogger("cubekit.watchdog")

_BEAT = 0.25
"""Seconds between two signs of life of the event loop."""
_MACHINERY = {"asyncio.base_events", "asyncio.runners", "trio._core._run"}
"""Modules that run event loops: what is outside of their frames is not run by the loop."""


@dataclass(frozen=True, slots=True)
class Block:
    """A time in which the event loop did nothing else."""

    at: float
    """When it was over, in seconds since 1970-01-01 UTC."""
    seconds: float
    place: str
    """``file:line`` of what was seen there."""
    instance: str
    """The instance that was called, or else the one whose code that is; empty if there are several."""


@dataclass(frozen=True, slots=True)
class _Sight:
    """What the thread has seen, and after which beat."""

    beat: float
    place: str
    instance: str
    stack: str


class Watchdog:
    """Tells who blocks the event loop for longer than ``max_lag`` seconds.

    A task notes the time again and again. A thread looks whether it does, and if not where the loop's thread stands;
    it logs that at once, since the loop may never go on. If it does, the block is counted, and an event is published.

    :param packages: for each instance the package that its code is in.
    """

    def __init__(self, max_lag: float, packages: Mapping[str, str], clock: Clock, bus: Bus) -> None:
        self.lag = 0.0
        """Seconds by which the newest beat came too late."""
        self.blocks = 0
        self.blocked = 0.0
        """Seconds of all blocks together."""
        self.last: Block | None = None
        self._max_lag = max_lag
        self._packages = packages
        self._clock = clock
        self._bus = bus
        self._beat = 0.0
        self._lags: deque[tuple[float, float]] = deque(maxlen=2)
        """The newest beats, and how late the ones after them came. The thread may be done with looking one too late."""
        self._seen: _Sight | None = None

    async def run(self) -> None:
        """Watch the event loop that this runs on, until cancelled."""
        over = threading.Event()
        self._beat = monotonic()
        watch = partial(self._watch, threading.get_ident(), over)
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(partial(anyio.to_thread.run_sync, watch, limiter=anyio.CapacityLimiter(1)))
            try:
                while True:
                    await anyio.sleep(_BEAT)
                    self._note_beat()
            finally:
                over.set()

    def _note_beat(self) -> None:
        before, self._beat = self._beat, monotonic()
        self.lag = max(0.0, self._beat - before - _BEAT)
        self._lags.append((before, self.lag))
        if (seen := self._seen) is not None:
            self._seen = None
            for beat, seconds in self._lags:
                if beat == seen.beat:
                    self._note_block(seen, seconds)

    def _note_block(self, seen: _Sight, seconds: float) -> None:
        self.blocks += 1
        self.blocked += seconds
        self.last = Block(self._clock.time(), seconds, seen.place, seen.instance)
        _log.warning("the event loop goes on after %.2f s at %s", seconds, seen.place)
        self._bus.publish(EventLoopBlocked(seconds=seconds, place=seen.place, instance=seen.instance, stack=seen.stack))

    def _watch(self, loop: int, over: threading.Event) -> None:
        """Look, in a thread, whether there are beats.

        :param loop: the loop's thread.
        """
        patience = _BEAT + self._max_lag
        looked = 0.0
        """The beat after which the loop has been looked at."""
        while not over.wait(_BEAT if looked == self._beat else max(0.0, self._beat + patience - monotonic())):
            beat = self._beat
            if beat == looked or monotonic() - beat < patience:
                continue
            looked = beat
            if (frame := sys._current_frames().get(loop)) is None or (sight := self._look(beat, frame)) is None:
                # It waits for work: the process as a whole was suspended, or did not get the processor.
                continue
            self._seen = sight
            seconds = monotonic() - beat - _BEAT
            _log.error("the event loop is blocked for %.2f s at %s\n%s", seconds, sight.place, sight.stack)

    def _look(self, beat: float, innermost: FrameType) -> _Sight | None:
        """Return what the loop does; None if it waits."""
        frames = list(_within_loop(innermost))
        if not frames:
            return None
        packages = set(self._packages.values())
        frame = next((one for one in frames if _package(one) in packages), None)
        frame = frame or next((one for one in frames if _package(one) not in sys.stdlib_module_names), frames[0])
        stack = traceback.StackSummary.extract(((one, one.f_lineno) for one in reversed(frames)), lookup_lines=True)
        place = f"{frame.f_code.co_filename}:{frame.f_lineno}"
        return _Sight(beat, place, self._owner(frames, frame), "".join(stack.format()).rstrip())

    def _owner(self, frames: list[FrameType], frame: FrameType) -> str:
        for one in frames:
            called = one.f_globals.get("instance")  # as in the functions that `dispatch` writes
            if isinstance(called, Instance):
                return called.name
        owners = [instance for instance, package in self._packages.items() if package == _package(frame)]
        return owners[0] if len(owners) == 1 else ""


def _within_loop(frame: FrameType | None) -> Iterator[FrameType]:
    """The frames of what the loop runs, innermost first; none if it waits for something to do."""
    while frame is not None and (module := _module(frame)) not in _MACHINERY:
        if module == "selectors" or module.startswith("trio._core._io"):
            return
        yield frame
        frame = frame.f_back


def _module(frame: FrameType) -> str:
    return str(frame.f_globals.get("__name__", ""))


def _package(frame: FrameType) -> str:
    return _module(frame).partition(".")[0]
