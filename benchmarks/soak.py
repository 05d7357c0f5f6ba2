"""What users notice while a service is harmed: faults one after the other, and a cube that is killed 100 times.

Run ``python benchmarks/soak.py 20`` to go through the faults 20 times, for five minutes or so; ``cubekit bench soak``
goes through them once.
"""

from __future__ import annotations

import json
import math
import subprocess
import sys
import threading
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import zip_longest
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
EXAMPLE = HERE.parent / "examples" / "saju"
BIRTH = '{"birthDate": "1990-05-15", "birthTime": "14:30", "isLunar": false, "gender": "male"}'
RATE = 100
"""Requests per second."""
CRASHES = 100


def run(rounds: int = 1) -> list[dict[str, Any]]:
    """Measure."""
    return [*_faults(rounds), *_crashes()]


def _faults(rounds: int) -> Iterator[dict[str, Any]]:
    with Harmed() as service:
        seconds = rounds * service.round + 2
        victims = service.load("/api/v1/front/work", "{}", seconds)
        others = service.load("/api/v1/other/work", "{}", seconds)
        time.sleep(1)  # everything is warm
        with service.weighing() as weights:
            faults = service.ask(f"harm {rounds}")["faults"]
        found, other = _finish(victims), _finish(others)
        left = service.left()
    failed = [(found["began"] + at, took) for answers in found["failed"].values() for at, took in answers]
    answers = sum(found["answers"].values())
    yield _figure("soak: requests", answers, "")
    yield _figure("soak: requests that failed", answers - found["answers"]["200"], "")
    yield from _lost("soak", found)
    yield from _unharmed("soak: other cube", other)
    for name, recoveries in _recoveries(faults, failed).items():
        yield _figure(f"soak: {name}: recovery", max(recoveries), "s", 1.0)
    yield from _left("soak", left)
    yield _figure("soak: memory, slope", _slope(weights) * 60 / 2**20, "MiB/min")


def _crashes() -> Iterator[dict[str, Any]]:
    with Harmed(str(EXAMPLE)) as service:
        load = service.load("/api/v1/saju/calculate", BIRTH, 12)
        time.sleep(1)
        with service.weighing() as weights:
            took = service.ask(f"crash {CRASHES} saju")["took"]
        found = _finish(load)
        left = service.left()
    name = f"saju killed {CRASHES} times"
    answers = sum(found["answers"].values())
    yield _figure(f"{name}: requests", answers, "")
    yield _figure(f"{name}: refused", answers - found["answers"]["200"], "")
    yield _figure(f"{name}: wrong answers", found["wrong"], "", 0)
    yield from _lost(name, found)
    yield _figure(f"{name}: back after, longest", max(took), "s", 1.0)
    yield from _left(name, left)
    crashes_per_second = CRASHES / (weights[-1][0] - weights[0][0])
    yield _figure(f"{name}: memory, slope", _slope(weights) / crashes_per_second / 2**10, "KiB/crash")


def _lost(name: str, found: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Requests without an answer, and answers that no fault explains."""
    unexplained = found["answers"].keys() - {"200", "500", "503", "504"}
    yield _figure(f"{name}: requests lost", sum(found["answers"][status] for status in unexplained), "", 0)
    yield _figure(f"{name}: refusals without Retry-After", found["withoutRetryAfter"], "", 0)
    yield _figure(f"{name}: longest answer", max(found["longest"].values()), "s", 2.0)


def _unharmed(name: str, found: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield _figure(f"{name}: failures", sum(found["answers"].values()) - found["answers"]["200"], "", 0)


def _left(name: str, left: dict[str, int]) -> Iterator[dict[str, Any]]:
    for what, number in left.items():
        yield _figure(f"{name}: {what} left behind", number, "", 0)


def _recoveries(faults: Sequence[dict[str, Any]], failed: Sequence[tuple[float, float]]) -> dict[str, list[float]]:
    """By fault, how long after it was over, or had struck, requests were sent that failed because of it.

    :param failed: when a request was sent, and how long its answer took.
    """
    recoveries: defaultdict[str, list[float]] = defaultdict(list)
    for fault, following in zip_longest(faults, faults[1:]):
        end = following["began"] if following else math.inf
        own = [at - fault["over"] for at, took in failed if fault["began"] <= at + took < end]
        recoveries[fault["name"]].append(max([0.0, *own]))
    return recoveries


def _slope(weights: Sequence[tuple[float, int]]) -> float:
    """Bytes per second, as the straight line nearest to the later two thirds shows; the first holds what is warm-up."""
    later = weights[len(weights) // 3 :]
    middle = sum(at for at, _ in later) / len(later)
    spread = sum((at - middle) ** 2 for at, _ in later)
    return sum((at - middle) * weight for at, weight in later) / spread


def _figure(name: str, value: float, unit: str, most: float | None = None) -> dict[str, Any]:
    target = "" if most is None else f"≤ {most:g}"
    return {"name": name, "value": value, "unit": unit, "target": target, "ok": most is None or value <= most}


class Harmed:
    """A running ``_soak_service.py``."""

    def __init__(self, *arguments: str) -> None:
        command = [sys.executable, str(HERE / "_soak_service.py"), *arguments]
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )

    def __enter__(self) -> Harmed:
        ready = self._read()
        self._url, self.round = ready["url"], ready["round"]
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._process.communicate(timeout=30)

    def ask(self, command: str) -> dict[str, Any]:
        """Have something done, and return what came of it."""
        assert self._process.stdin is not None  # noqa: S101 - asked for above
        self._process.stdin.write(f"{command}\n")
        self._process.stdin.flush()
        return self._read()

    def left(self) -> dict[str, int]:
        """Return how many tasks and sockets there are more than in the beginning, once the clients are gone."""
        for _ in range(20):
            found = self.ask("count")
            if not any(found.values()):
                break
            time.sleep(0.1)
        return found

    def load(self, path: str, body: str, seconds: float) -> subprocess.Popen[str]:
        """Start to send requests."""
        command = [sys.executable, str(HERE / "_load.py"), self._url, path, body, str(RATE), str(seconds)]
        return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)

    @contextmanager
    def weighing(self) -> Iterator[list[tuple[float, int]]]:
        """Note the memory of the process five times a second: when, and how many bytes."""
        weights = [self._weight()]
        over = threading.Event()

        def weigh() -> None:
            while not over.wait(0.2):
                weights.append(self._weight())

        thread = threading.Thread(target=weigh)
        thread.start()
        try:
            yield weights
        finally:
            over.set()
            thread.join()

    def _weight(self) -> tuple[float, int]:
        status = Path(f"/proc/{self._process.pid}/status").read_text()
        (line,) = (line for line in status.splitlines() if line.startswith("VmRSS:"))
        return time.monotonic(), int(line.split()[1]) * 1024

    def _read(self) -> dict[str, Any]:
        assert self._process.stdout is not None  # noqa: S101 - asked for above
        answer: dict[str, Any] = json.loads(self._process.stdout.readline())
        return answer


def _finish(load: subprocess.Popen[str]) -> dict[str, Any]:
    said, _ = load.communicate()
    found: dict[str, Any] = json.loads(said)
    return found


if __name__ == "__main__":
    for figure in run(int(sys.argv[1]) if len(sys.argv) > 1 else 1):
        print(f"{figure['name']:60} {figure['value']:10.4g} {figure['unit']:10} {figure['target']}")
