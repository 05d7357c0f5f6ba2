"""The example service: a whole chart from request bytes to response bytes, and 100,000 births in one request.

The chart is measured inside the service, through the dispatch, against what pydantic alone needs to read the same
request and to write the same result from models. The batch is measured over HTTP, from the client's list of births to
its list of pillars.
"""

from __future__ import annotations

import asyncio
import http.client
import json
import random
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import cubekit_saju
from saju_contract import Birth, Chart

from cubekit.authoring.context import CallContext, Caller
from cubekit.composition.compose import compose
from cubekit.runtime.service import Service

SERVICE = Path(__file__).resolve().parent.parent / "examples" / "saju"
REQUEST = b'{"birthDate":"1990-05-15","birthTime":"14:30","isLunar":false,"gender":"male"}'
MANY = [REQUEST.replace(b"1990-05-15", f"{1900 + i % 200}-05-{1 + i % 28:02}".encode()) for i in range(1_400)]
"""Different births, more than the cube remembers charts."""
BIRTHS = 100_000
_ROUNDS = 5


def run() -> list[dict[str, Any]]:
    """Measure and return rows of ``name, value, unit, target, ok``; without a target ``ok`` is None."""
    charts = [Chart.model_validate(_chart(request)) for request in MANY]
    reads = _best(Birth.model_validate_json, MANY)
    writes = _best(lambda chart: chart.model_dump_json(by_alias=True), charts)
    through, again = asyncio.run(_through_the_service())
    seconds, size = _batch()
    return [
        _row("pydantic: validate_json of the request", reads, "us"),
        _row("pydantic: to_json of the chart's models", writes, "us"),
        _row("a chart from bytes to bytes inside the service", through, "us"),
        _row("service / pydantic alone", through / (reads + writes), "x", 1.5),
        _row("the same birth again, from the cache", again, "us"),
        _row(f"calculateBatch of {BIRTHS:,} births over HTTP ({size / 1e6:.1f} MB)", seconds, "s"),
        _row("births per second, end to end", BIRTHS / seconds, "1/s"),
    ]


def _chart(request: bytes) -> cubekit_saju.Chart:
    year, month, day = (int(part) for part in json.loads(request)["birthDate"].split("-"))
    return cubekit_saju.calculate(cubekit_saju.Birth(year, month, day, 14, 30, male=True))


def _best(work: Callable[[Any], object], values: Sequence[Any]) -> float:
    """Return the microseconds of one call in the best of several rounds."""
    best = float("inf")
    for _ in range(_ROUNDS):
        started = time.perf_counter()
        for value in values:
            work(value)
        best = min(best, time.perf_counter() - started)
    return best / len(values) * 1e6


async def _through_the_service() -> tuple[float, float]:
    """Return the microseconds of a chart that is new, and of one that was asked for before."""
    async with Service(compose(SERVICE, settings=["health.livez.max_lag=1h"])).running() as service:
        endpoint = service.endpoint("saju.calculate")
        operation = endpoint.operation
        read = operation.input.from_json if operation.input is not None else json.loads
        call = endpoint.compiled(lambda text: b'{"success":true,"data":' + text + b"}")
        context = CallContext(caller=Caller("benchmark", frozenset()), port="rest")
        times = []
        for requests in (MANY, [REQUEST] * len(MANY)):
            best = float("inf")
            for _ in range(_ROUNDS):
                await asyncio.sleep(0)
                started = time.perf_counter()
                for request in requests:
                    await call(context, operation.arguments(read(request)))
                best = min(best, time.perf_counter() - started)
            times.append(best / len(requests) * 1e6)
        return times[0], times[1]


def _batch() -> tuple[float, int]:
    """Return the seconds of the best round, and the bytes of the request."""
    chance = random.Random(7)  # noqa: S311 -- random births need no cryptographic randomness
    births = {
        "birthDate": [
            f"{chance.randint(1901, 2100)}-{chance.randint(1, 12):02}-{chance.randint(1, 28):02}" for _ in range(BIRTHS)
        ],
        "birthTime": [f"{chance.randint(0, 23):02}:{chance.randint(0, 59):02}" for _ in range(BIRTHS)],
        "gender": [chance.choice(("male", "female")) for _ in range(BIRTHS)],
    }
    best, size = float("inf"), 0
    with _served() as port:
        for _ in range(3):
            started = time.perf_counter()
            body = json.dumps(births)
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
            connection.request("POST", "/api/v1/saju/calculateBatch", body, {"content-type": "application/json"})
            answer = json.loads(connection.getresponse().read())
            best, size = min(best, time.perf_counter() - started), len(body)
            connection.close()
            wrong = len(answer["data"]["errors"])
            if len(answer["data"]["year"]) != BIRTHS or wrong > BIRTHS / 100:
                raise SystemExit(f"the batch is not right: {wrong} births were refused")
    return best, size


@contextmanager
def _served() -> Iterator[int]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "cubekit.cli", "up", str(SERVICE), "--json"]
    command += ["--set", f"http.port={port}", "--set", "http.max_body=8MiB"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            for line in process.stdout or ():
                if json.loads(line).get("event") == "ready":
                    break
            yield port
        finally:
            process.terminate()


def _row(name: str, value: float, unit: str, target: float | None = None) -> dict[str, Any]:
    ok = None if target is None else value <= target
    return {"name": name, "value": value, "unit": unit, "target": target, "ok": ok}


def main() -> None:
    """Print the rows."""
    for row in run():
        verdict = "" if row["target"] is None else f"  (target {row['target']:,}: {'met' if row['ok'] else 'MISSED'})"
        print(f"{row['name']:<62} {row['value']:>12,.3f} {row['unit']}{verdict}")


if __name__ == "__main__":
    main()
