"""Composes a service in a process of its own, and says what is wrong with it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from cubekit.cli.doctor.addresses import Address
from cubekit.cli.doctor.case import Case
from cubekit.cli.doctor.children import ChildFailed, ask_child
from cubekit.cli.doctor.findings import Finding, error, ok, told
from cubekit.cli.doctor.plugins import rebuilt

__all__ = ["Composed", "compose_apart", "composition"]

_SUBJECT = "composition"


@dataclass(frozen=True)
class Composed:
    """What composing a service came to."""

    findings: tuple[Finding, ...]
    addresses: tuple[Address, ...] = ()
    """What its cubes connect to, by their configurations, whether written down, referred to or by default."""


def compose_apart(service: Path, settings: list[str], patience: float) -> Composed:
    """Compose a service; what its cubes do at import is done elsewhere."""
    question = {"kind": "service", "service": str(service), "settings": settings}
    try:
        answer = ask_child(question, patience)
    except ChildFailed as failure:
        fix = f"cubekit check {service}   (as plugins are imported one by one, see which it is)"
        return Composed((error(_SUBJECT, f"composing the service {failure}", failure.place, fix=fix),))
    return Composed(
        tuple(told(rebuilt(problem), _SUBJECT) for problem in answer["problems"]),
        tuple(map(Address.from_json, answer.get("addresses", ()))),
    )


def composition(case: Case) -> Iterator[Finding]:
    """Say everything that is wrong with the service's composition, as ``cubekit check`` does."""
    if case.service is None:
        return
    if case.service.composed is None:
        problems = [told(problem, _SUBJECT) for problem in case.service.problems]
        yield from problems or [ok(_SUBJECT, "was not tried, as --safe-mode says; the file can be read")]
        return
    findings = case.service.composed.result().findings
    yield from findings or [ok(_SUBJECT, f"{case.service.document.path} is valid")]
