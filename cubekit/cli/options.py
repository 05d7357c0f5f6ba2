"""Options that many verbs share, and names that outsiders use."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from cubekit.cli.console import console

__all__ = ["COMPLETE", "DEFAULT_URL", "Json", "Safe", "Service", "Settings", "Url", "Verbose"]


def _use_json(value: bool) -> bool:
    console.as_json = console.as_json or value
    return value


def _be_verbose(value: bool) -> bool:
    console.verbose = console.verbose or value
    return value


def _be_safe(value: bool) -> bool:
    console.safe = console.safe or value
    return value


Safe = Annotated[bool, typer.Option("--safe-mode", callback=_be_safe, help="Import no plugin at all.")]
Json = Annotated[bool, typer.Option("--json", callback=_use_json, is_eager=True, help="Print JSON for programs.")]
Verbose = Annotated[bool, typer.Option("--verbose", callback=_be_verbose, help="Show tracebacks of plugins.")]
Service = Annotated[
    Path, typer.Argument(metavar="SERVICE", help="Service file, or the directory of a service.toml.", show_default=True)
]
Settings = Annotated[
    list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Override a value; may be repeated.")
]
Url = Annotated[str, typer.Option("--url", help="Address of a running service.")]
COMPLETE = "_CUBEKIT_COMPLETE"
"""Variable by which a shell asks how a line goes on."""
DEFAULT_URL = "http://127.0.0.1:8000"
