"""Counters and histograms of calls: plain numbers, cheap to write; `cubekit.ports.http.prometheus` exports them."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter

__all__ = ["BUCKETS", "OK", "Histogram", "OperationMetrics"]

BUCKETS = tuple(2.0**power for power in range(-16, 7))
"""Upper bounds of the histogram in seconds: powers of two from 15 µs to 64 s."""

OK = "OK"
"""The outcome of a call that did not fail; other outcomes are the codes of failures, and ``CANCELLED``."""


class Histogram:
    """Counts of durations by `BUCKETS`; the last count is of those above all bounds."""

    __slots__ = ("counts", "sum")

    def __init__(self) -> None:
        self.counts = [0] * (len(BUCKETS) + 1)
        self.sum = 0.0

    def observe(self, seconds: float) -> None:
        """Count one duration."""
        self.counts[bisect_left(BUCKETS, seconds)] += 1
        self.sum += seconds


class OperationMetrics:
    """What is counted of one operation of one instance. It survives restarts of the cube."""

    __slots__ = ("cache_hits", "duration", "in_flight", "outcomes")

    def __init__(self) -> None:
        self.in_flight = 0
        self.outcomes: Counter[str] = Counter()
        self.cache_hits = 0
        self.duration = Histogram()

    def begin(self) -> None:
        """Count a call that begins."""
        self.in_flight += 1

    def end(self, outcome: str, seconds: float) -> None:
        """Count a call that ended."""
        self.in_flight -= 1
        self.outcomes[outcome] += 1
        self.duration.observe(seconds)
