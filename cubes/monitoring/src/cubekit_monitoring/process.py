"""Figures of the process: processor, memory, garbage collection, and how late the event loop is."""

from __future__ import annotations

import gc
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager

import anyio
import psutil
from opentelemetry.metrics import Meter

from cubekit_monitoring import definitions
from cubekit_monitoring.definitions import Points, make_histogram, observe

__all__ = ["ProcessFigures"]

_BOUNDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
_PAUSE = 0.1
"""Seconds that the event loop is asked to sleep."""
_PAUSES_KEPT = 10_000


class ProcessFigures:
    """Measures the process with a meter."""

    def __init__(self, meter: Meter) -> None:
        self._process = psutil.Process()
        self._lag = make_histogram(meter, definitions.LOOP_LAG, _BOUNDS)
        self._gc_pause = make_histogram(meter, definitions.GC_PAUSE, _BOUNDS)
        self._gc_began = 0.0
        self._gc_pauses: deque[tuple[int, float]] = deque(maxlen=_PAUSES_KEPT)
        observe(meter, definitions.CPU_TIME, self._cpu)
        observe(meter, definitions.MEMORY, lambda: [((), self._process.memory_info().rss)])
        observe(meter, definitions.THREADS, lambda: [((), self._process.num_threads())])
        if hasattr(self._process, "num_fds"):  # not on Windows
            observe(meter, definitions.FILES, lambda: [((), self._process.num_fds())])
        observe(meter, definitions.GC_COLLECTIONS, _collections)

    async def run(self) -> None:
        """Measure how late the event loop is, until cancelled."""
        while True:
            began = time.perf_counter()
            await anyio.sleep(_PAUSE)
            self._lag.record(max(0.0, time.perf_counter() - began - _PAUSE))
            while self._gc_pauses:
                generation, seconds = self._gc_pauses.popleft()
                self._gc_pause.record(seconds, {definitions.GC_PAUSE.labels[0]: str(generation)})

    @contextmanager
    def watching_gc(self) -> Iterator[None]:
        """Note how long collections take, for the time of a ``with`` block."""
        gc.callbacks.append(self._note_gc)
        try:
            yield
        finally:
            gc.callbacks.remove(self._note_gc)

    def _note_gc(self, phase: str, info: dict[str, int]) -> None:
        # A collection may begin anywhere, also where the meter holds its lock: so `run` records it later.
        if phase == "start":
            self._gc_began = time.perf_counter()
        else:
            self._gc_pauses.append((info["generation"], time.perf_counter() - self._gc_began))

    def _cpu(self) -> Points:
        times = self._process.cpu_times()
        return [(("user",), times.user), (("system",), times.system)]


def _collections() -> Points:
    return [((str(generation),), stats["collections"]) for generation, stats in enumerate(gc.get_stats())]
