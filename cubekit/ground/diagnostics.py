"""Errors that say what was wrong, where, what was needed, what was found, and how to mend it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Literal

from cubekit.ground.codes import TITLES

__all__ = ["CubekitError", "Diagnostic", "Place"]


@dataclass(frozen=True, slots=True)
class Place:
    """Where something was said: a line of a file, an environment variable, or a ``--set`` argument."""

    source: str
    line: int | None = None

    def __str__(self) -> str:
        return self.source if self.line is None else f"{self.source}:{self.line}"

    def text(self) -> str | None:
        """The line itself, if the place is a line of a file that can be read."""
        if self.line is None:
            return None
        try:
            # Not splitlines(), which also breaks at separators that may stand within a line of TOML.
            lines = Path(self.source).read_text(encoding="utf-8-sig").split("\n")
        except (OSError, UnicodeDecodeError):
            return None
        return lines[self.line - 1] if 0 < self.line <= len(lines) else None


@dataclass(frozen=True, slots=True)
class Diagnostic:
    """One thing that is wrong, with a stable code (see ``docs/errors/``) and, where there is one, a fix to copy."""

    code: str
    message: str
    place: Place | None = None
    needed: str | None = None
    found: str | None = None
    fix: str | None = None
    severity: Literal["error", "warning"] = "error"
    show_line: bool = True
    """False where the line itself holds a secret."""

    def __post_init__(self) -> None:
        if self.code not in TITLES:
            raise ValueError(f"{self.code} is not in cubekit.ground.codes.TITLES")

    def __str__(self) -> str:
        return self.render()

    def at(self, place: Place | None) -> Diagnostic:
        """The diagnostic with a place, if it has none of its own."""
        return self if self.place else replace(self, place=place)

    def render(self) -> str:
        """The diagnostic as a person reads it, over several lines."""
        start = f"{self.place}: " if self.place else ""
        kind = "warning: " if self.severity == "warning" else ""
        out = [f"{start}{kind}{self.message} [{self.code}]"]
        if self.show_line and self.place and (text := self.place.text()) is not None:
            out.append(f"{self.place.line:>4} | {text.strip()}")
        if self.needed:
            out.append(_labelled("needs", self.needed))
        if self.found:
            out.append(_labelled("found", self.found))
        if self.fix:
            out.append(f" fix: {self.fix}")
        return "\n".join(out)

    def as_json(self) -> dict[str, Any]:
        """The diagnostic as plain data, with its place split into ``file`` and ``line``."""
        data = asdict(self)
        place = data.pop("place")
        del data["show_line"]
        return {
            **data,
            "title": TITLES[self.code],
            "file": place["source"] if place else None,
            "line": place["line"] if place else None,
        }


def _labelled(label: str, text: str) -> str:
    first, *more = text.splitlines()
    return "\n".join([f"      {label}  {first}", *(f"             {line}" for line in more)])


class CubekitError(Exception):
    """Something cubekit refuses to do, with every reason. ``diagnostics`` holds them in the order they were given."""

    def __init__(self, diagnostics: Iterable[Diagnostic] | Diagnostic) -> None:
        self.diagnostics = (diagnostics,) if isinstance(diagnostics, Diagnostic) else tuple(diagnostics)
        super().__init__("\n\n".join(d.render() for d in self.diagnostics))

    def __reduce__(self) -> tuple[type[CubekitError], tuple[tuple[Diagnostic, ...]]]:
        # An exception is copied and sent to other processes by its arguments; by default these are the rendered text.
        return type(self), (self.diagnostics,)
