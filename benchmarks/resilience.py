"""What users notice when too much is asked of a service, when a cube crashes, and when workers are replaced.

Everything goes over loopback, from a load generator in a process of its own that does not wait for answers.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
ENVIRONMENT = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}

PLACES, WORK = 8, 0.02
"""Calls at the same time and seconds of each: the capacity is what follows."""
CAPACITY = PLACES / WORK
OVERLOAD_SECONDS = 60

_CUBES = f"""
import anyio
from cubekit import Cube, operation

class Busy(Cube):
    @operation
    async def work(self) -> str:
        await anyio.sleep({WORK})
        return "done"

    @operation
    async def crash(self) -> None:
        self.tasks.start_soon(self._fail)

    async def _fail(self) -> None:
        raise RuntimeError("injected")

class Other(Cube):
    @operation
    async def work(self) -> str:
        await anyio.sleep(0.001)
        return "done"
"""

_SERVICE = """
[service]
name = "bench"
[http]
port = 0
[cubes.busy]
use = "busy"
limits = { queue = %d }
[cubes.other]
use = "other"
"""


def run() -> list[dict[str, Any]]:
    """Measure."""
    with tempfile.TemporaryDirectory() as directory:
        service = _install(Path(directory))
        return [*_overload(service), *_crash(service), *_replacement(service)]


def _overload(service: Path) -> list[dict[str, Any]]:
    with _up(service) as (process, url):
        _load(url, "busy", CAPACITY / 2, 2)  # warms up
        before = _memory(process)
        found = _load(url, "busy", 10 * CAPACITY, OVERLOAD_SECONDS)
        growth = _memory(process) - before
        after = _load(url, "busy", CAPACITY / 2, 3)
    answers = found["answers"]
    unexpected = {status: count for status, count in answers.items() if status not in {"200", "503"}}
    late = [at for at, _ in after["failed"].get("503", [])]
    return [
        _at_least("overload: goodput of the capacity", answers["200"] / (CAPACITY * OVERLOAD_SECONDS), "", 0.9),
        _at_most("overload: refusal, p99", found["p99"]["503"] * 1000, "ms", 10),
        _at_most("overload: requests sent late by, p99", found["late"] * 1000, "ms"),
        _at_most("overload: refusals without Retry-After", found["withoutRetryAfter"], "", 0),
        _at_most("overload: answers other than 200 and 503", sum(unexpected.values()), "", 0),
        _at_most("overload: memory grown", growth / 2**20, "MiB", 10),
        _at_most("overload: last refusal after its end", max(late, default=0.0), "s", 1),
    ]


def _crash(service: Path) -> list[dict[str, Any]]:
    with _up(service, "--set", "cubes.busy.limits.queue=1000") as (_, url):
        _load(url, "busy", 50, 1)
        others = _start_load(url, "other", 100, 6)
        victims = _start_load(url, "busy", 200, 6)
        time.sleep(3)
        _post(url, "busy/crash")
        found, other = _finish(victims), _finish(others)
    refused = [at for at, _ in found["failed"].get("503", [])]
    unexpected = sum(count for status, count in found["answers"].items() if status not in {"200", "503"})
    return [
        _at_most("crash: from the first refusal to the last", max(refused) - min(refused), "s", 1),
        _at_most("crash: refusals without Retry-After", found["withoutRetryAfter"], "", 0),
        _at_most("crash: answers other than 200 and 503", unexpected, "", 0),
        _at_most("crash: longest answer", max(found["longest"].values()), "s", 1),
        _at_most("crash: errors of the other cube", sum(other["answers"].values()) - other["answers"]["200"], "", 0),
    ]


def _replacement(service: Path) -> list[dict[str, Any]]:
    with _up(service, "--set", "http.workers=2", "--set", "cubes.busy.limits.queue=1000") as (process, url):
        load = _start_load(url, "other", 500, 20)
        time.sleep(1)
        process.send_signal(signal.SIGHUP)
        assert process.stdout is not None  # noqa: S101 - asked for by _up
        replaced = any("have been replaced" in line for line in process.stdout)
        found = _finish(load)
    failed = sum(found["answers"].values()) - found["answers"]["200"]
    return [
        _at_least("replacing 2 workers: done", float(replaced), "", 1),
        _at_most(f"replacing 2 workers: failed of {sum(found['answers'].values())}", failed, "", 0),
        _at_most("replacing workers: longest answer", found["longest"]["200"], "s"),
    ]


def _at_most(name: str, value: float, unit: str, most: float | None = None) -> dict[str, Any]:
    target = "" if most is None else f"≤ {most}"
    return {"name": name, "value": value, "unit": unit, "target": target, "ok": most is None or value <= most}


def _at_least(name: str, value: float, unit: str, least: float) -> dict[str, Any]:
    return {"name": name, "value": value, "unit": unit, "target": f"≥ {least}", "ok": value >= least}


def _install(directory: Path) -> Path:
    info = directory / "site" / "benchcubes-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: benchcubes\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[cubekit.feature]\nbusy = benchcubes:Busy\nother = benchcubes:Other\n")
    (directory / "site" / "benchcubes.py").write_text(_CUBES)
    file = directory / "service.toml"
    file.write_text(_SERVICE % PLACES)
    ENVIRONMENT.update(CUBEKIT_CACHE_DIR=str(directory / "cache"), PYTHONPATH=str(directory / "site"))
    return file


@contextmanager
def _up(service: Path, *arguments: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    command = [sys.executable, "-m", "cubekit.cli", "up", str(service), "--json", "--log-level", "critical", *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=ENVIRONMENT) as process:
        try:
            assert process.stdout is not None  # noqa: S101 - asked for above
            ready = next(event for event in map(json.loads, process.stdout) if event["event"] == "ready")
            yield process, ready["url"]
        finally:
            process.terminate()


def _start_load(url: str, cube: str, rate: float, seconds: float) -> subprocess.Popen[str]:
    command = [sys.executable, str(HERE / "_load.py"), url, f"/api/v1/{cube}/work", "{}", str(rate), str(seconds)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def _finish(load: subprocess.Popen[str]) -> dict[str, Any]:
    said, _ = load.communicate()
    found: dict[str, Any] = json.loads(said)
    return found


def _load(url: str, cube: str, rate: float, seconds: float) -> dict[str, Any]:
    return _finish(_start_load(url, cube, rate, seconds))


def _post(url: str, path: str) -> None:
    request = urllib.request.Request(f"{url}/api/v1/{path}", b"{}", {"content-type": "application/json"})
    urllib.request.urlopen(request, timeout=10).close()


def _memory(process: subprocess.Popen[str]) -> int:
    for line in Path(f"/proc/{process.pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) * 1024
    raise RuntimeError("this system does not tell what a process weighs")


if __name__ == "__main__":
    for figure in run():
        print(figure)
