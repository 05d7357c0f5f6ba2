"""``up`` and ``status``: a service that runs."""

from __future__ import annotations

import logging
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cubekit.cli.compositions import compose_and_remember
from cubekit.cli.console import console, table
from cubekit.cli.options import DEFAULT_URL, Json, Service, Settings, Url, Verbose
from cubekit.ground.diagnostics import CubekitError, Diagnostic

if TYPE_CHECKING:
    from cubekit.composition.plan import Plan

__all__ = ["status", "up"]

LogLevel = Annotated[str, typer.Option("--log-level", help="debug, info, warning or error.")]


def up(
    service: Service = Path(),
    settings: Settings = None,
    log_level: LogLevel = "warning",
    json: Json = False,
    verbose: Verbose = False,
) -> None:
    """Run a service until SIGINT or SIGTERM, which drain it; a second signal forces."""
    level = logging.getLevelNamesMapping().get(log_level.upper())
    if level is None:
        raise CubekitError(Diagnostic("CK504", f"there is no log level {log_level!r}", fix="--log-level info"))
    logging.basicConfig(level=level, stream=sys.stderr, format="%(asctime)s %(levelname)-7s %(name)s: %(message)s")
    plan = compose_and_remember(service, settings)
    for warning in plan.warnings:
        console.problem(warning.render())
    if not _run(plan):
        raise typer.Exit(1)


def _run(plan: Plan) -> bool:
    """Serve a plan; False if it was forced to end."""
    import anyio

    from cubekit.cli.serve import Serving

    try:
        import uvloop  # noqa: F401 - asked for by name below
    except ImportError:
        options: dict[str, Any] = {}
    else:
        options = {"use_uvloop": True}
    serving = Serving(plan)
    anyio.run(serving.run, (signal.SIGINT, signal.SIGTERM), backend_options=options)
    return not serving.forced


def status(url: Url = DEFAULT_URL, json: Json = False) -> None:
    """Show a running service."""
    from cubekit.cli.remote import get_json

    manifest = get_json(url, "/cubes")
    health = get_json(url, "/health", accepted=(200, 503))
    from cubekit.ground.colours import Colour

    rows = [["", "CUBE", "STATE", "RESTARTS", "VERSION", "CONTRACTS"]]
    for cube in manifest["cubes"]:
        colour = Colour(cube["colour"]) if cube["colour"] else None
        name = console.paint(cube["name"], colour) if colour else cube["name"]
        provides = ", ".join(f"{one['name']}@{one['version']}" for one in cube["contracts"]["provides"]) or "-"
        emoji = colour.emoji if colour else ""
        rows.append([emoji, name, cube["state"], str(cube["restarts"]), cube["version"] or "-", provides])
    text = f"{manifest['service']} at {url}: {health['status']}\n\n{table(rows)}"
    console.data(text, {"service": manifest["service"], "status": health["status"], "cubes": manifest["cubes"]})
