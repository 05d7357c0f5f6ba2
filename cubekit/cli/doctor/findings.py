"""`Finding`: one thing that was looked at, and what came of it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from cubekit.ground.diagnostics import Diagnostic, Place

__all__ = ["Finding", "Severity", "error", "ok", "told", "warning"]


class Severity(StrEnum):
    """How bad it is."""

    OK = "ok"
    WARNING = "warning"
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at."""

    severity: Severity
    subject: str
    text: str
    place: Place | None = None
    fix: str | None = None
    code: str | None = None
    """Of the diagnostic that says the same elsewhere, if there is one."""
    unreachable: bool = False
    """Whether nothing is wrong here but that somebody else does not answer."""

    def as_json(self) -> dict[str, Any]:
        """The finding as plain data, with its place split into ``file`` and ``line``."""
        return {
            "severity": self.severity,
            "subject": self.subject,
            "text": self.text,
            "file": self.place.source if self.place else None,
            "line": self.place.line if self.place else None,
            "fix": self.fix,
            "code": self.code,
            "unreachable": self.unreachable,
        }


def ok(subject: str, text: str) -> Finding:
    """Say that something is as it should be."""
    return Finding(Severity.OK, subject, text)


def warning(subject: str, text: str, place: Place | None = None, *, fix: str | None = None) -> Finding:
    """Say that something works and may do harm."""
    return Finding(Severity.WARNING, subject, text, place, fix)


def error(subject: str, text: str, place: Place | None = None, *, fix: str | None = None) -> Finding:
    """Say that something does not work, or is open to others."""
    return Finding(Severity.ERROR, subject, text, place, fix)


def told(diagnostic: Diagnostic, subject: str) -> Finding:
    """Say what a diagnostic says."""
    details = {"needs": diagnostic.needed, "found": diagnostic.found}
    text = "\n".join([diagnostic.message, *(f"{label}  {said}" for label, said in details.items() if said)])
    return Finding(Severity(diagnostic.severity), subject, text, diagnostic.place, diagnostic.fix, diagnostic.code)
