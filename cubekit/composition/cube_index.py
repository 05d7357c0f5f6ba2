"""INDEX.md: the table of contents of a cube's distribution, kept true."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from cubekit.ground.diagnostics import Diagnostic, Place

__all__ = ["INDEX", "check_index"]

INDEX = "INDEX.md"

_FOLDERS = ("src", "tests", "docs", "examples", "schema")
_LEFT_OUT = {"__pycache__", ".pytest_cache", ".mypy_cache", ".ruff_cache", ".hypothesis"}
_MADE = {".pyc", ".so", ".pyd"}
_NAMED = re.compile(r"^\s*[|*-]\s*(?:\[)?`([^`\n]+)`", re.MULTILINE)


def check_index(directory: Path) -> list[Diagnostic]:
    """Return what INDEX.md leaves out, and what it names that is not there.

    A file is named by a row of a table or an item of a list that begins with its path in backticks; a path that ends
    with ``/`` stands for everything below it.
    """
    index = directory / INDEX
    if not index.exists():
        fix = f"write {INDEX}: a list of the files, each with a line on what it holds"
        return [Diagnostic("CK303", f"there is no {INDEX}", Place(str(directory)), fix=fix, severity="warning")]
    text = index.read_text(encoding="utf-8")
    named = _NAMED.findall(text)
    missing = [name for name in _files(directory) if not any(_covers(entry, name) for entry in named)]
    gone = [entry for entry in named if not (directory / entry).exists()]
    lines = {entry: text[: text.index(f"`{entry}`")].count("\n") + 1 for entry in gone}
    return [
        *(
            Diagnostic("CK303", f"{INDEX} does not name {name}", Place(str(index)), fix=f"- `{name}`: what it holds")
            for name in missing
        ),
        *(
            Diagnostic(
                "CK303", f"{INDEX} names {entry}, which is not there", Place(str(index), lines[entry]),
                fix="leave it out, or correct the path",
            )
            for entry in gone
        ),
    ]  # fmt: skip


def _covers(entry: str, name: str) -> bool:
    return name == entry or (entry.endswith("/") and name.startswith(entry))


def _files(directory: Path) -> Iterator[str]:
    for folder in _FOLDERS:
        for file in sorted((directory / folder).glob("**/*")):
            relative = file.relative_to(directory)
            made = file.suffix in _MADE or any(
                part in _LEFT_OUT or part.endswith(".egg-info") for part in relative.parts
            )
            if file.is_file() and not made:
                yield relative.as_posix()
