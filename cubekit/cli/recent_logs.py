"""``logs``: what a running service has logged of late."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from cubekit.cli.console import console, printable, printable_line
from cubekit.cli.options import DEFAULT_URL, Json, Url
from cubekit.ground.diagnostics import CubekitError, Diagnostic

__all__ = ["logs"]

Line = dict[str, Any]


def logs(
    url: Url = DEFAULT_URL,
    cube: Annotated[str | None, typer.Option("--cube", help="Of one cube only.")] = None,
    level: Annotated[str | None, typer.Option("--level", help="From a level on: debug, info, warning, error.")] = None,
    trace: Annotated[str | None, typer.Option("--trace", help="Of one call, by its trace id.")] = None,
    limit: Annotated[int, typer.Option("--limit", help="How many lines at most.")] = 100,
    json: Json = False,
) -> None:
    """Show what a running service has logged of late, the newest last; it needs a monitoring cube."""
    from cubekit.cli.remote import client, get_json

    path = _path(url, get_json(url, "/cubes"))
    asked = {"cube": cube, "level": level, "trace": trace, "limit": limit}
    with client(url) as http:
        answer = http.get(path, params={name: value for name, value in asked.items() if value is not None})
    document = answer.json()
    if answer.status_code != 200:
        raise CubekitError(Diagnostic("CK502", f"{url}{path}: {document.get('detail', answer.status_code)}"))
    lines: list[Line] = document["data"][::-1]
    console.data("\n".join(map(_text, lines)), {"logs": lines})


def _path(url: str, manifest: dict[str, Any]) -> str:
    for cube in manifest["cubes"]:
        if cube["colour"] == "monitoring":
            for operation in cube["operations"]:
                if operation["name"] == "logs":
                    path: str = operation["http"]["path"]
                    return path
    message = f"the service at {url} keeps no log lines"
    fix = 'add a monitoring cube: [cubes.monitoring] use = "monitoring>=0.1", path = "metrics"'
    raise CubekitError(Diagnostic("CK501", message, fix=fix))


def _text(line: Line) -> str:
    whose = line["cube"] or line["logger"]
    trace = f"  [trace {line['traceId']}]" if line["traceId"] else ""
    head = printable_line(f"{line['time']} {line['level'].upper():<7} {whose}: ")
    text = f"{head}{printable(line['message'])}{printable_line(trace)}"
    return f"{text}\n    {printable(line['exception'].rstrip())}" if line["exception"] else text
