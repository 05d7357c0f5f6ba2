"""``doctor``: what is wrong with this installation."""

from __future__ import annotations

import shutil
import sys
from dataclasses import asdict, dataclass

import typer

from cubekit.cli.console import console, table
from cubekit.cli.options import Json, Safe
from cubekit.discovery import scan

__all__ = ["doctor"]

_LIBRARIES = ("anyio", "fastapi", "pydantic", "pluggy", "uvicorn", "httptools", "uvloop", "prometheus-client")
_OPTIONAL = {"uvloop"}


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at."""

    subject: str
    ok: bool
    text: str


def doctor(json: Json = False, safe_mode: Safe = False) -> None:
    """Tell what is wrong with this installation. Imports no cube. Exits with 1 if anything is."""
    findings = [_python(), *(_library(name) for name in _LIBRARIES), _compiler(), _cache(), *_cubes()]
    rows = [["ok" if one.ok else "WRONG", one.subject, one.text] for one in findings]
    wrong = [one for one in findings if not one.ok]
    verdict = f"{len(wrong)} wrong" if wrong else "nothing is wrong"
    console.data(f"{table(rows)}\n\n{verdict}", {"ok": not wrong, "findings": [asdict(one) for one in findings]})
    if wrong:
        raise typer.Exit(1)


def _python() -> Finding:
    return Finding("python", sys.version_info >= (3, 11), f"{sys.version.split()[0]} at {sys.executable}")


def _library(name: str) -> Finding:
    from importlib.metadata import PackageNotFoundError, version  # slow, and --help passes here

    try:
        return Finding(name, True, version(name))
    except PackageNotFoundError:
        return Finding(name, name in _OPTIONAL, f"not installed: pip install {name}")


def _compiler() -> Finding:
    found = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang") or shutil.which("cl")
    return Finding("C compiler", True, found or "none: cubes that compile run as pure Python")


def _cache() -> Finding:
    from cubekit.discovery.cache import cache_directory

    directory = cache_directory()
    try:
        directory.mkdir(parents=True, exist_ok=True)
        probe = directory / ".probe"
        probe.touch()
        probe.unlink()
    except OSError as error:
        return Finding("cache", False, f"{directory} cannot be written, so every start is slower: {error}")
    return Finding("cache", True, str(directory))


def _cubes() -> list[Finding]:
    from cubekit import __version__
    from cubekit.ground.versions import admits, parse_range

    catalogue = scan(refresh=True)
    findings = []
    for cube in catalogue.cubes:
        admitted = parse_range(cube.requires_cubekit or "")
        ok = admits(admitted, __version__)
        text = f"{cube.version} ({cube.distribution})"
        text += "" if ok else f", written for cubekit-core {admitted}, and this is {__version__}"
        findings.append(Finding(f"{cube.colour.emoji} {cube.name}", ok, text))
    findings += [
        Finding(found.code, found.severity == "warning", found.message + (f"; {found.fix}" if found.fix else ""))
        for found in catalogue.diagnostics
    ]
    return findings
