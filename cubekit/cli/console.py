"""What commands print, and where: data on stdout; progress and problems on stderr, progress only on a terminal."""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, TextIO

if TYPE_CHECKING:
    from cubekit.ground.colours import Colour
    from cubekit.ground.diagnostics import Diagnostic

__all__ = ["Console", "console", "printable", "printable_line"]

SCHEMA = 1
"""Version of the JSON that commands print."""

_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
"""Would move the cursor of a terminal, or worse."""


class Console:
    """The terminal, or the pipe, of one run."""

    def __init__(self) -> None:
        self.as_json = False
        self.verbose = False
        self.safe = False
        """Whether no plugin may be imported."""

    def data(self, text: str, payload: dict[str, Any]) -> None:
        """Print a result: the text for people, or the payload for programs."""
        if self.as_json:
            self.event(payload)
        else:
            print(text, flush=True)  # noqa: T201 - the result of the command

    def event(self, payload: dict[str, Any]) -> None:
        """Print one line of JSON."""
        print(json.dumps({"schema": SCHEMA, **payload}, ensure_ascii=False), flush=True)  # noqa: T201

    def progress(self, text: str) -> None:
        """Tell a person what is going on; a pipe hears nothing."""
        if sys.stderr.isatty() and not self.as_json:
            print(text, file=sys.stderr, flush=True)  # noqa: T201

    def problem(self, text: str) -> None:
        """Say what is wrong."""
        print(text, file=sys.stderr, flush=True)  # noqa: T201

    def diagnostics(self, diagnostics: Iterable[Diagnostic]) -> None:
        """Show diagnostics, on stdout where programs read."""
        found = list(diagnostics)
        if self.as_json:
            self.event({"errors": [diagnostic.as_json() for diagnostic in found]})
        else:
            self.problem(printable("\n\n".join(diagnostic.render() for diagnostic in found), indent=""))

    def paint(self, text: str, colour: Colour, stream: TextIO | None = None) -> str:
        """Return a text in a cube's colour, where colours are welcome."""
        if os.environ.get("NO_COLOR") or not (stream or sys.stdout).isatty():
            return text
        return f"\033[38;5;{colour.ansi}m{text}\033[0m"


def printable(text: str, indent: str = "    ") -> str:
    """Return what somebody else has said so that a terminal shows it, and it cannot pass for a line of its own."""
    return _CONTROL.sub(_escaped, text).replace("\n", f"\n{indent}")


def printable_line(text: str) -> str:
    """Return it as one line."""
    return printable(text, indent="").replace("\n", r"\n")


def _escaped(found: re.Match[str]) -> str:
    code = ord(found[0])
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"


def table(rows: Sequence[Sequence[str]]) -> str:
    """Return rows as aligned columns."""
    widths = [max(_width(cell) for cell in column) for column in zip(*rows, strict=True)]
    lines = (
        "  ".join(cell + " " * (width - _width(cell)) for cell, width in zip(row, widths, strict=True)) for row in rows
    )
    return "\n".join(line.rstrip() for line in lines)


def _width(text: str) -> int:
    """Columns that a text takes in a terminal: East-Asian wide characters and squares take two, escapes none."""
    import unicodedata

    visible = re.sub(r"\033\[[0-9;]*m", "", text)
    return sum(2 if unicodedata.east_asian_width(character) in "WF" else 1 for character in visible)


console = Console()
"""The console of this process."""
