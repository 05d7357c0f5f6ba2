"""Requests per second of one composed operation, over each way a request can take, against hand-written FastAPI and
BlackSheep: the same POST, pydantic in and out, one worker, everything on.

``wrk`` (Debian's package) makes the load from the same machine. The servers take turns, so that what else the machine
does falls on all of them, and the median of the rounds counts.
"""

from __future__ import annotations

import json
import re
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
PATH = "/api/v1/saju/calculate"
BODY = '{"birthDate":"1990-05-15","latitude":37.5,"longitude":126.9,"name":"Ada"}'
SERVERS = {
    "fastapi": ("fastapi", 1),
    "blacksheep": ("blacksheep", 1),
    "router": ("router", 1),
    "table": ("table", 1),
    "protocol": ("protocol", 1),
    "protocol, 1,000 operations": ("protocol", 1000),
}
ROUNDS, SECONDS, CONNECTIONS = 5, 3, 32
RATE_SHARE = 0.3
"""Of what FastAPI can answer: the rate at which both are asked how long they take."""


def run() -> list[dict[str, Any]]:
    """Measure."""
    if shutil.which("wrk") is None:
        raise SystemExit("this benchmark needs wrk: apt-get install wrk")
    rates: dict[str, list[float]] = {name: [] for name in SERVERS}
    with _servers() as ports, tempfile.TemporaryDirectory() as directory:
        script = Path(directory, "post.lua")
        script.write_text(
            f"wrk.method = 'POST'\nwrk.body = [[{BODY}]]\nwrk.headers['content-type'] = 'application/json'\n"
        )
        for port in ports.values():
            _wrk(port, script, 1)  # warms up
        for _ in range(ROUNDS):
            for name, port in ports.items():
                rates[name].append(_wrk(port, script, SECONDS))
        rate = RATE_SHARE * statistics.median(rates["fastapi"])
        waits: dict[str, list[float]] = {"fastapi": [], "protocol": []}
        for _ in range(ROUNDS):
            for name, found in waits.items():
                found.append(_p99(ports[name], rate))
    wait = {name: statistics.median(found) for name, found in waits.items()}
    median = {name: statistics.median(found) for name, found in rates.items()}
    fastapi = median["fastapi"]
    return [
        _figure("hand-written FastAPI", fastapi, "requests/s"),
        _figure("table / FastAPI", median["table"] / fastapi, "×", 2.5),
        _figure("protocol / FastAPI", median["protocol"] / fastapi, "×", 4.5),
        _figure("protocol / BlackSheep", median["protocol"] / median["blacksheep"], "×", 1.2),
        _figure(
            f"FastAPI's p99 / the protocol's, at {rate:,.0f} requests/s", wait["fastapi"] / wait["protocol"], "×", 1
        ),
        _figure("router / FastAPI", median["router"] / fastapi, "×"),
        _figure("1,000 operations / one", median["protocol, 1,000 operations"] / median["protocol"], "×", 0.95),
    ]


def _figure(name: str, value: float, unit: str, least: float | None = None) -> dict[str, Any]:
    target = "" if least is None else f"≥ {least}"
    return {"name": name, "value": value, "unit": unit, "target": target, "ok": least is None or value >= least}


def _wrk(port: int, script: Path, seconds: int) -> float:
    url = f"http://127.0.0.1:{port}{PATH}"
    command = ["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{seconds}s", "-s", str(script), url]
    said = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    if "Non-2xx" in said:
        raise RuntimeError(said)
    found = re.search(r"Requests/sec:\s+([\d.]+)", said)
    if found is None:
        raise RuntimeError(said)
    return float(found[1])


def _p99(port: int, rate: float) -> float:
    url = f"http://127.0.0.1:{port}"
    command = [sys.executable, str(HERE / "_load.py"), url, PATH, BODY, str(rate), str(SECONDS)]
    said = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    if said["answers"].keys() != {"200"}:
        raise RuntimeError(said["answers"])
    seconds: float = said["p99"]["200"]
    return seconds


@contextmanager
def _servers() -> Iterator[dict[str, int]]:
    """Start every server, and stop them in the end; yields their ports."""
    processes, ports = [], {}
    try:
        for name, (kind, operations) in SERVERS.items():
            with socket.socket() as probe:
                probe.bind(("127.0.0.1", 0))
                ports[name] = probe.getsockname()[1]
            command = [sys.executable, str(HERE / "_http_servers.py"), kind, str(ports[name]), str(operations)]
            processes.append(subprocess.Popen(command))
        for name, port in ports.items():
            _await_answer(name, port)
        yield ports
    finally:
        for process in processes:
            process.terminate()
        for process in processes:
            process.wait()


def _await_answer(name: str, port: int) -> None:
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}{PATH}", BODY.encode(), {"content-type": "application/json"}
    )
    last = time.monotonic() + 60
    while time.monotonic() < last:
        with suppress(OSError), urllib.request.urlopen(request, timeout=5) as response:
            answer = json.load(response)
            if answer["success"] and answer["data"]["age"] == 90:
                return
        time.sleep(0.05)
    raise RuntimeError(f"{name} does not answer")


if __name__ == "__main__":
    for figure in run():
        print(figure)
