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

    @property
    def count(self) -> int:
        """How many durations were observed."""
        return sum(self.counts)

    def observe(self, seconds: float) -> None:
        """Count one duration."""
        self.counts[bisect_left(BUCKETS, seconds)] += 1
        self.sum += seconds


class OperationMetrics:
    """What is counted of one operation of one instance. It survives restarts of the cube."""

    __slots__ = ("cache_hits", "duration", "failures", "in_flight", "retries")

    def __init__(self) -> None:
        self.in_flight = 0
        """Calls under way that wait for something."""
        self.failures: Counter[str] = Counter()
        self.cache_hits = 0
        self.retries = 0
        self.duration = Histogram()

    @property
    def outcomes(self) -> Counter[str]:
        """Calls that have ended, by outcome."""
        answered = self.duration.count - self.failures.total()
        return Counter({OK: answered, **self.failures}) if answered else self.failures

    def count_failure(self, outcome: str, seconds: float) -> None:
        """Count a call that failed."""
        self.failures[outcome] += 1
        self.duration.observe(seconds)
