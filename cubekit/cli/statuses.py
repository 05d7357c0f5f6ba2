"""``status``: how a running service is, as a tree of who needs whom."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Annotated, Any

import typer

from cubekit.cli.console import console, printable_line, table
from cubekit.cli.options import DEFAULT_URL, Json, Url
from cubekit.cli.watching import Interval, watch

__all__ = ["status"]

_ORDER = ("pass", "warn", "fail")
_PROCESS = {"event-loop:lag": "event loop", "worker:responsive": "workers"}
"""Checks that concern processes, and what people call them."""
_HEALING_HEAD = ["WHEN", "HEALED", "BY", "REASON"]
_STEPS_SHOWN = 5
_HEAD = ["CUBE", "HEALTH", "FOR", "STATE", "RESTARTS", "VERSION", "CAUSE"]

Document = dict[str, Any]


def status(
    url: Url = DEFAULT_URL,
    again: Annotated[bool, typer.Option("--watch", help="Show it again and again, until Ctrl-C.")] = False,
    interval: Interval = 2.0,
    json: Json = False,
) -> None:
    """Show a running service and its cubes. Exits with 1 if it is failing, and with 6 if it does not answer."""
    if again:
        watch(lambda: _look(url), interval)
        return
    text, payload = _look(url)
    console.data(text, payload)
    if payload["status"] == "fail":
        raise typer.Exit(1)


def _look(url: str) -> tuple[str, Document]:
    from cubekit.cli.remote import get_json

    manifest = get_json(url, "/cubes")
    health = get_json(url, "/health", accepted=(200, 503))
    checks: dict[str, list[Document]] = health["checks"]
    cubes = [{**cube, "health": checks.get(f"{cube['name']}:state", [])} for cube in manifest["cubes"]]
    process = {name: checks[name] for name in _PROCESS if name in checks}
    shown = {name: _printable(entries) for name, entries in process.items()}
    rows = [_HEAD, *_tree(_printable(cubes)), *(_row(_PROCESS[name], entries) for name, entries in shown.items())]
    healing = manifest["healing"]
    payload = {
        "service": manifest["service"],
        "status": health["status"],
        "cubes": cubes,
        "process": process,
        "healing": healing,
    }
    text = f"{printable_line(manifest['service'])} at {url}: {health['status']}\n\n{table(rows)}"
    if healing:
        text += f"\n\n{table([_HEALING_HEAD, *map(_healing_row, _printable(healing[-_STEPS_SHOWN:]))])}"
    return text, payload


def _printable(said: Any) -> Any:
    """What a service has said, with all its texts as one line each."""
    if isinstance(said, str):
        return printable_line(said)
    if isinstance(said, dict):
        return {_printable(key): _printable(value) for key, value in said.items()}
    return [_printable(one) for one in said] if isinstance(said, list) else said


def _healing_row(taken: Document) -> list[str]:
    return [taken["at"].replace("T", " "), taken["instance"], taken["step"].replace("_", " "), taken["reason"]]


def _tree(cubes: list[Document]) -> Iterator[list[str]]:
    """A row for each cube, below those that need it; where one is needed again, it stands alone."""
    by_name = {cube["name"]: cube for cube in cubes}
    below = {name: list(_providers(cube, by_name)) for name, cube in by_name.items()}
    needed = {provider for providers in below.values() for provider in providers}
    drawn: set[str] = set()

    def draw(name: str, branch: str, indent: str) -> Iterator[list[str]]:
        yield _cube_row(by_name[name], branch)
        if name in drawn:
            return
        drawn.add(name)
        for number, provider in enumerate(below[name], 1):
            last = number == len(below[name])
            yield from draw(provider, f"{indent}{'└─ ' if last else '├─ '}", f"{indent}{'   ' if last else '│  '}")

    for name in by_name:
        if name not in needed:
            yield from draw(name, "", "")


def _providers(cube: Document, known: Document) -> Iterator[str]:
    names = (name for requirement in cube["contracts"]["requires"] for name in requirement.get("from", ()))
    return (name for name in dict.fromkeys(names) if name in known)


def _cube_row(cube: Document, branch: str) -> list[str]:
    from cubekit.ground.colours import Colour

    colour = Colour(cube["colour"]) if cube["colour"] else None
    name = f"{colour.emoji} {console.paint(cube['name'], colour)}" if colour else cube["name"]
    more = [cube["state"], str(cube["restarts"]), cube["version"] or "-"]
    return _row(f"{branch}{name}", cube["health"], more, cube["problem"] or "")


def _row(name: str, entries: list[Document], more: list[str] | None = None, problem: str = "") -> list[str]:
    """One row, of what all workers say."""
    from cubekit.ground.durations import format_duration

    worst = max(entries, key=lambda entry: _ORDER.index(entry["status"]), default=None)
    causes = dict.fromkeys(f"{_whose(entry)}{entry['output']}" for entry in entries if entry.get("output"))
    since = ""
    if worst and "since" in worst:
        seconds = datetime.fromisoformat(worst["time"]) - datetime.fromisoformat(worst["since"])
        since = format_duration(max(1.0, round(seconds.total_seconds())))
    return [name, worst["status"] if worst else "-", since, *(more or ["", "", ""]), "; ".join(causes) or problem]


def _whose(entry: Document) -> str:
    return f"worker {entry['componentId']}: " if "componentId" in entry else ""
