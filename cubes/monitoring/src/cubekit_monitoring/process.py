"""Figures of the process: processor, memory and garbage collection. How late the event loop is, the runtime says."""

from __future__ import annotations

import gc
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import NamedTuple

import psutil
from anyio import to_thread
from cubekit import Clock
from opentelemetry.metrics import Meter

from cubekit_monitoring import definitions
from cubekit_monitoring.definitions import Points, make_histogram, observe

__all__ = ["ProcessFigures"]

_BOUNDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
_INTERVAL = 5.0
_PAUSES_KEPT = 10_000


class _Figures(NamedTuple):
    user: float
    system: float
    memory: int
    threads: int
    files: int | None
    """None where the system does not count them."""


class ProcessFigures:
    """Measures the process with a meter."""

    def __init__(self, meter: Meter, clock: Clock) -> None:
        self._clock = clock
        self._figures: _Figures | None = None
        self._gc_pause = make_histogram(meter, definitions.GC_PAUSE, _BOUNDS)
        self._gc_began = 0.0
        self._gc_pauses: deque[tuple[int, float]] = deque(maxlen=_PAUSES_KEPT)
        observe(meter, definitions.CPU_TIME, self._cpu)
        observe(meter, definitions.MEMORY, partial(self._figure, "memory"))
        observe(meter, definitions.THREADS, partial(self._figure, "threads"))
        observe(meter, definitions.FILES, partial(self._figure, "files"))
        observe(meter, definitions.GC_COLLECTIONS, _collections)

    async def read(self) -> None:
        """Read what the system says of the process, until cancelled; in a thread, as it says it in files."""
        process = await to_thread.run_sync(psutil.Process)
        while True:
            self._figures = await to_thread.run_sync(_read, process)
            while self._gc_pauses:
                generation, seconds = self._gc_pauses.popleft()
                self._gc_pause.record(seconds, {definitions.GC_PAUSE.labels[0]: str(generation)})
            await self._clock.sleep(_INTERVAL)

    @contextmanager
    def watching_gc(self) -> Iterator[None]:
        """Note how long collections take, for the time of a ``with`` block."""
        gc.callbacks.append(self._note_gc)
        try:
            yield
        finally:
            gc.callbacks.remove(self._note_gc)

    def _note_gc(self, phase: str, info: dict[str, int]) -> None:
        # A collection may begin anywhere, also where the meter holds its lock: so `read` records it later.
        if phase == "start":
            self._gc_began = time.perf_counter()
        else:
            self._gc_pauses.append((info["generation"], time.perf_counter() - self._gc_began))

    def _cpu(self) -> Points:
        if self._figures is not None:
            yield ("user",), self._figures.user
            yield ("system",), self._figures.system

    def _figure(self, name: str) -> Points:
        figure = getattr(self._figures, name, None)
        return [] if figure is None else [((), figure)]


def _read(process: psutil.Process) -> _Figures:
    with process.oneshot():
        times = process.cpu_times()
        files = process.num_fds() if hasattr(process, "num_fds") else None  # not on Windows
        return _Figures(times.user, times.system, process.memory_info().rss, process.num_threads(), files)


def _collections() -> Points:
    return [((str(generation),), stats["collections"]) for generation, stats in enumerate(gc.get_stats())]
