"""Figures of a running service, out of two readings of its ``/metrics``."""

from __future__ import annotations

import math
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from prometheus_client.parser import text_string_to_metric_families

from cubekit.cli.remote import client, get_json

__all__ = ["CubeFigures", "ProcessFigures", "Reading", "cube_figures", "process_figures", "read"]

Sample = tuple[str, Mapping[str, str], float]


@dataclass(frozen=True)
class Reading:
    """What a service said of itself at one moment."""

    at: float
    """On the clock of `time.monotonic`."""
    manifest: dict[str, Any]
    health: dict[str, Any]
    samples: tuple[Sample, ...]

    def total(self, name: str, **labels: str) -> float:
        """The sum of all samples of a name that have these labels: those of several operations or workers."""
        return sum(value for _, value in self.found(name, **labels))

    def found(self, name: str, **labels: str) -> Iterator[tuple[Mapping[str, str], float]]:
        """The samples of a name that have these labels."""
        wanted = labels.items()
        return ((said, value) for sample, said, value in self.samples if sample == name and wanted <= said.items())


@dataclass(frozen=True)
class CubeFigures:
    """One cube between two readings. Rates are per second; None where nothing was called."""

    name: str
    colour: str | None
    state: str
    health: str | None
    rate: float
    errors: float
    p50: float | None
    p95: float | None
    p99: float | None
    in_flight: int
    queue: int | None
    """Calls that may be in flight at the same time; None if there is no limit."""
    restarts: int


@dataclass(frozen=True)
class ProcessFigures:
    """All processes of the service together between two readings."""

    cpu: float | None
    """Processors in use; None where the system does not tell."""
    memory: int | None
    """Bytes; None likewise."""
    lag: float
    """Seconds by which the slowest event loop was late."""


def read(url: str) -> Reading:
    """Ask a service.

    :raises CubekitError: CK502 if it does not answer.
    """
    manifest = get_json(url, "/cubes")
    health = get_json(url, "/health", accepted=(200, 503))
    with client(url) as http:
        text = http.get("/metrics").raise_for_status().text
    families = text_string_to_metric_families(text)
    samples = tuple((sample.name, sample.labels, sample.value) for family in families for sample in family.samples)
    return Reading(time.monotonic(), manifest, health, samples)


def cube_figures(before: Reading, now: Reading) -> list[CubeFigures]:
    """Return the figures of every cube, in the order of the manifest."""
    return [_cube(cube, before, now) for cube in now.manifest["cubes"]]


def process_figures(before: Reading, now: Reading) -> ProcessFigures:
    """Return the figures of the service's processes."""
    memory = now.total("process_resident_memory_bytes")
    cpu = _grown(before, now, "process_cpu_seconds_total") / (now.at - before.at)
    lags = [value for _, value in now.found("cubekit_event_loop_lag_seconds")]
    # A system without the files that tell has neither.
    return ProcessFigures(cpu if memory else None, int(memory) or None, max(lags, default=0.0))


def _cube(cube: dict[str, Any], before: Reading, now: Reading) -> CubeFigures:
    name, seconds = cube["name"], now.at - before.at
    calls = _grown(before, now, "cubekit_operation_calls_total", instance=name)
    answered = _grown(before, now, "cubekit_operation_calls_total", instance=name, outcome="OK")
    buckets = _buckets(before, now, name)
    return CubeFigures(
        name=name,
        colour=cube["colour"],
        state=cube["state"],
        health=_status(now.health, name),
        rate=calls / seconds,
        errors=(calls - answered) / seconds,
        p50=quantile(buckets, 0.5),
        p95=quantile(buckets, 0.95),
        p99=quantile(buckets, 0.99),
        in_flight=int(now.total("cubekit_operation_in_flight", instance=name)),
        queue=cube["queue"],
        restarts=cube["restarts"],
    )


def _status(health: dict[str, Any], name: str) -> str | None:
    """The worst that workers say."""
    statuses = {entry["status"] for entry in health["checks"].get(f"{name}:state", ())}
    return next((status for status in ("fail", "warn", "pass") if status in statuses), None)


def _grown(before: Reading, now: Reading, name: str, **labels: str) -> float:
    return _growth(before.total(name, **labels), now.total(name, **labels))


def _growth(before: float, now: float) -> float:
    """What was counted meanwhile; a counter that has fallen began anew, in another process."""
    return now - before if now >= before else now


def _buckets(before: Reading, now: Reading, instance: str) -> dict[float, float]:
    """By upper bound the calls that took at most so long, of all operations of an instance."""
    name = "cubekit_operation_duration_seconds_bucket"
    counts: tuple[defaultdict[float, float], ...] = (defaultdict(float), defaultdict(float))
    for reading, counter in zip((before, now), counts, strict=True):
        for labels, value in reading.found(name, instance=instance):
            counter[float(labels["le"])] += value
    return {bound: _growth(counts[0][bound], value) for bound, value in sorted(counts[1].items())}


def quantile(buckets: Mapping[float, float], share: float) -> float | None:
    """Return the duration that a share of the calls did not exceed, as Prometheus estimates it; None without calls.

    :param buckets: by upper bound, in ascending order and the last infinite, the calls up to it.
    """
    rank = share * max(buckets.values(), default=0.0)
    if not rank:
        return None
    lower, below = 0.0, 0.0
    for bound, count in buckets.items():
        if count >= rank:
            return lower if math.isinf(bound) else lower + (bound - lower) * (rank - below) / (count - below)
        lower, below = bound, count
    return lower
