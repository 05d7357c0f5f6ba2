"""What monitoring costs: a call, and a request over HTTP, with the cube and its exporters and without.

Each variant runs in a process of its own, in turns. A collector on loopback takes everything and looks at nothing. One
per cent of the calls is recorded in both variants; without the cube nobody asks for the spans.
"""

from __future__ import annotations

import random
import re
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import anyio
import anyio.lowlevel
import psutil

from cubekit import CallContext, Cube, operation
from cubekit.ground.colours import Colour
from cubekit.ports.http import HttpServer
from cubekit.runtime.service import Service
from cubekit.testing import Part, compose_parts
from cubekit.workers.memory import settle

ROUNDS, CALLS, SECONDS, SAMPLE = 4, 200_000, 1, 0.01
VARIANTS = ("off", "on")


def run() -> list[dict[str, Any]]:
    """Measure."""
    calls: dict[str, list[float]] = {variant: [] for variant in VARIANTS}
    rates: dict[str, list[float]] = {variant: [] for variant in VARIANTS}
    work: dict[str, list[float]] = {variant: [] for variant in VARIANTS}
    with _collector() as url:
        for _ in range(ROUNDS):
            for variant in VARIANTS:
                calls[variant].append(float(_said("call", variant, url)))
        if shutil.which("wrk"):
            with _servers(url) as servers:
                for port, _ in servers.values():
                    _requests(port)  # warms up
                for _ in range(ROUNDS):
                    for variant, (port, process) in servers.items():
                        before = sum(process.cpu_times()[:2])
                        rates[variant].append(_requests(port))
                        took = sum(process.cpu_times()[:2]) - before
                        work[variant].append(took / (rates[variant][-1] * SECONDS))
    median = {variant: statistics.median(found) for variant, found in calls.items()}
    cost = (median["on"] - median["off"]) * 1e6
    figures = [
        {"name": "call without monitoring", "value": median["off"] * 1e6, "unit": "µs", "target": "", "ok": True},
        {"name": "what monitoring adds to it", "value": cost, "unit": "µs", "target": "≤ 1.5", "ok": cost <= 1.5},
    ]
    if rates["off"]:
        off, on = (statistics.median(rates[variant]) for variant in VARIANTS)
        added = (statistics.median(work["on"]) - statistics.median(work["off"])) * 1e6
        figures += [
            {"name": "HTTP without monitoring", "value": off, "unit": "requests/s", "target": "", "ok": True},
            {"name": "HTTP with / without monitoring", "value": on / off, "unit": "×", "target": "", "ok": True},
            {"name": "processor time it adds to a request", "value": added, "unit": "µs", "target": "", "ok": True},
        ]
    return figures


class Bench(Cube):
    """What is called."""

    @operation
    async def echo(self, number: int) -> int:
        """Return the number."""
        return number


def _service(variant: str, url: str, port: int = 0) -> Service:
    parts = {"bench": Part(Bench)}
    if variant == "on":
        from cubekit_monitoring.cube import Monitoring

        export = {"endpoint": url, "interval": "1s"}
        parts["monitoring"] = Part(Monitoring, Colour.MONITORING, settings={"config": {"export": export}})
    return Service(compose_parts(parts, http={"port": port}, telemetry={"sample": SAMPLE}))


async def _call(variant: str, url: str) -> None:
    """Print the processor time of a call in seconds, with what happens in the background."""
    chance = random.Random(7)  # noqa: S311 - no secret
    contexts = [CallContext(sampled=chance.random() < SAMPLE) for _ in range(10_000)]
    async with _service(variant, url).running() as service:
        settle()
        call = service.endpoint("bench.echo").call
        for context in contexts:
            await call(context, {"number": 1})
        began = time.process_time()  # of all threads: what else the machine does is left out
        for done in range(CALLS):
            await call(contexts[done % len(contexts)], {"number": 1})
            if done % 200 == 0:
                await anyio.lowlevel.checkpoint()  # as between requests, others have their turn
        print((time.process_time() - began) / CALLS)


async def _serve(variant: str, url: str, port: int) -> None:
    service = _service(variant, url, port)
    async with service.running():
        settle()
        await HttpServer(service).run()


def _said(*arguments: str) -> str:
    return subprocess.run([sys.executable, __file__, *arguments], check=True, capture_output=True, text=True).stdout


@contextmanager
def _servers(url: str) -> Iterator[dict[str, tuple[int, psutil.Process]]]:
    """Start a server of each variant, and stop them in the end; yields their ports and processes."""
    processes, ports = [], {}
    try:
        for variant in VARIANTS:
            with socket.socket() as probe:
                probe.bind(("127.0.0.1", 0))
                ports[variant] = probe.getsockname()[1]
            command = [sys.executable, __file__, "serve", variant, url, str(ports[variant])]
            processes.append(subprocess.Popen(command))
        for port in ports.values():
            _await_answer(f"http://127.0.0.1:{port}/readyz")
        yield {
            variant: (port, psutil.Process(process.pid))
            for (variant, port), process in zip(ports.items(), processes, strict=True)
        }
    finally:
        for process in processes:
            process.terminate()
        for process in processes:
            process.wait()


def _requests(port: int) -> float:
    """Requests per second that a server answers."""
    with tempfile.NamedTemporaryFile("w", suffix=".lua") as script:
        script.write("wrk.method='POST' wrk.body='{\"number\":1}' wrk.headers['content-type']='application/json'")
        script.flush()
        target = f"http://127.0.0.1:{port}/api/v1/bench/echo"
        command = ["wrk", "-t1", "-c32", f"-d{SECONDS}s", "-s", script.name, target]
        said = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    found = re.search(r"Requests/sec:\s+([\d.]+)", said)
    if found is None or "Non-2xx" in said:
        raise RuntimeError(said)
    return float(found[1])


def _await_answer(url: str) -> None:
    last = time.monotonic() + 20
    while time.monotonic() < last:
        with suppress(OSError), urllib.request.urlopen(url, timeout=5):
            return
        time.sleep(0.02)
    raise RuntimeError(f"{url} does not answer")


@contextmanager
def _collector() -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["content-length"]))
            self.send_response(200)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["call", variant, url]:
            anyio.run(_call, variant, url, backend_options={"use_uvloop": True})
        case ["serve", variant, url, port]:
            anyio.run(_serve, variant, url, int(port), backend_options={"use_uvloop": True})
        case _:
            for figure in run():
                print(figure)
