"""``top``: the cubes of a running service at work."""

from __future__ import annotations

import sys
import time
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from cubekit.cli.console import console, table
from cubekit.cli.options import DEFAULT_URL, Json, Url
from cubekit.cli.watching import Interval, watch

if TYPE_CHECKING:
    from cubekit.cli.figures import CubeFigures, ProcessFigures, Reading

__all__ = ["top"]

_HEAD = ["CUBE", "STATE", "CALLS/S", "ERRORS/S", "P50", "P95", "P99", "IN FLIGHT", "QUEUE", "RESTARTS"]


def top(url: Url = DEFAULT_URL, interval: Interval = 1.0, json: Json = False) -> None:
    """Watch the cubes of a running service at work, by colour, until Ctrl-C.

    In a pipe, and with --json, it looks twice, prints what happened in between, and ends.
    """
    from cubekit.cli.figures import read

    before = read(url)
    time.sleep(interval)

    def look() -> tuple[str, dict[str, Any]]:
        nonlocal before
        now = read(url)
        shown = _show(url, before, now)
        before = now
        return shown

    if console.as_json or not sys.stdout.isatty():
        console.data(*look())
    else:
        watch(look, interval)


def _show(url: str, before: Reading, now: Reading) -> tuple[str, dict[str, Any]]:
    from pydantic.alias_generators import to_camel

    from cubekit.cli.figures import cube_figures, process_figures
    from cubekit.ground.colours import Colour

    colours = list(Colour)
    cubes = cube_figures(before, now)
    cubes.sort(key=lambda cube: (colours.index(Colour(cube.colour)) if cube.colour else len(colours), cube.name))
    process = process_figures(before, now)
    service, status = now.manifest["service"], now.health["status"]
    text = f"{service} at {url}: {status}  {_process(process)}\n\n{table([_HEAD, *map(_row, cubes)])}"
    payload = {"service": service, "status": status, "seconds": now.at - before.at, "process": asdict(process)}
    return text, {**payload, "cubes": [{to_camel(key): value for key, value in asdict(cube).items()} for cube in cubes]}


def _process(process: ProcessFigures) -> str:
    told = [f"event loop late by {process.lag * 1000:.0f} ms"]
    if process.cpu is not None:
        told.append(f"CPU {process.cpu:.0%}")
    if process.memory is not None:
        told.append(f"memory {process.memory / 2**20:.0f} MiB")
    return " · ".join(told)


def _row(cube: CubeFigures) -> list[str]:
    from cubekit.ground.colours import Colour

    colour = Colour(cube.colour) if cube.colour else None
    return [
        f"{colour.emoji} {console.paint(cube.name, colour)}" if colour else cube.name,
        cube.state if cube.health in {"pass", None} else f"{cube.state}, {cube.health}",
        f"{cube.rate:,.1f}",
        f"{cube.errors:,.1f}" if cube.errors else "-",
        *map(_duration, (cube.p50, cube.p95, cube.p99)),
        str(cube.in_flight),
        f"{cube.in_flight / cube.queue:.0%} of {cube.queue}" if cube.queue else "-",
        str(cube.restarts),
    ]


def _duration(seconds: float | None) -> str:
    from cubekit.ground.durations import format_duration

    return "-" if seconds is None else format_duration(seconds)
