"""How long services take until they are ready, and what the example service weighs.

Each start is a process of its own, from its spawning until it says that it is ready: imports, composition, cubes,
HTTP port.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
REQUEST = {"birthDate": "1990-05-15", "birthTime": "14:30", "gender": "male"}

ENVIRONMENT = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
"""Of the processes: with bytecode on disk, as on anybody's machine after the first start."""

_SYNTHETIC = """
import anyio, sys
from cubekit import Cube, operation
from cubekit.testing import compose_parts
from cubekit.ports.http import HttpServer
from cubekit.runtime.service import Service

def trivial(number):
    class Trivial(Cube):
        @operation
        async def echo(self, number: int) -> int:
            return number
    return Trivial

async def main():
    parts = {f"cube-{number}": trivial(number) for number in range(int(sys.argv[1]))}
    service = Service(compose_parts(parts, http={"port": 0}))
    server = HttpServer(service)
    server.bind()
    async with anyio.create_task_group() as tasks:
        await tasks.start(server.run)
        async with service.running():
            print("ready", flush=True)
        server.stop()

anyio.run(main)
"""


def time_until_ready(cubes: int) -> float:
    """Seconds until a service of so many trivial cubes says that it is ready."""
    began = time.perf_counter()
    command = [sys.executable, "-c", _SYNTHETIC, str(cubes)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=ENVIRONMENT) as process:
        line = process.stdout.readline() if process.stdout else ""
        seconds = time.perf_counter() - began
        process.communicate(timeout=60)
    if line != "ready\n" or process.returncode:
        raise RuntimeError(f"the service of {cubes} cubes did not start: status {process.returncode}")
    return seconds


@contextmanager
def example_service() -> Iterator[tuple[subprocess.Popen[str], str, float]]:
    """The example service as a process, its URL, and the seconds until it was ready."""
    began = time.perf_counter()
    command = [
        sys.executable,
        "-m",
        "cubekit.cli",
        "up",
        str(ROOT / "examples" / "saju"),
        "--json",
        "--set",
        "http.port=0",
    ]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=ENVIRONMENT
    ) as process:
        for line in process.stdout or ():
            event = json.loads(line)
            if event.get("event") == "ready":
                yield process, event["url"], time.perf_counter() - began
                break
        else:
            raise RuntimeError("the example service did not become ready")
        process.terminate()
        process.communicate(timeout=30)


def first_answer(url: str) -> None:
    """Ask for one chart."""
    request = urllib.request.Request(
        f"{url}/api/v1/saju/calculate", json.dumps(REQUEST).encode(), {"content-type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=10) as answer:
        if not json.load(answer)["success"]:
            raise RuntimeError("the example service gave no chart")


def resident_mebibytes(pid: int) -> float | None:
    """Resident memory of a process; None where the system does not tell."""
    status = Path(f"/proc/{pid}/status")
    if not status.exists():
        return None
    line = next(line for line in status.read_text().splitlines() if line.startswith("VmRSS:"))
    return int(line.split()[1]) / 1024


def run(repetitions: int = 7) -> list[dict[str, Any]]:
    """Measure, alternating between the peers."""
    one, fifty, boot = [], [], []
    memory: list[float] = []
    for _ in range(repetitions):
        one.append(time_until_ready(1))
        fifty.append(time_until_ready(50))
        began = time.perf_counter()
        with example_service() as (process, url, _ready):
            first_answer(url)
            boot.append(time.perf_counter() - began)
            if (mebibytes := resident_mebibytes(process.pid)) is not None:
                memory.append(mebibytes)
    ratio = statistics.median(fifty) / statistics.median(one)
    rows: list[dict[str, Any]] = [
        {"name": "1 cube, ready", "value": statistics.median(one) * 1000, "unit": "ms", "target": "", "ok": True},
        {"name": "50 cubes, ready", "value": statistics.median(fifty) * 1000, "unit": "ms", "target": "", "ok": True},
        {"name": "50 cubes / 1 cube", "value": ratio, "unit": "x", "target": "<= 2", "ok": ratio <= 2},
        {
            "name": "example: first answer",
            "value": statistics.median(boot) * 1000,
            "unit": "ms",
            "target": "",
            "ok": True,
        },
    ]
    if memory:
        idle = statistics.median(memory)
        rows.append({"name": "example: memory", "value": idle, "unit": "MiB", "target": "< 80", "ok": idle < 80})
    return rows


if __name__ == "__main__":
    for row in run():
        print(f"{row['name']:<24} {row['value']:>9.1f} {row['unit']:<4} {row['target']}")
