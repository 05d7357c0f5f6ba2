"""Imports every plugin, each in a process of its own, and sees whether what cubes require is provided by others."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from cubekit.cli.doctor.case import Case
from cubekit.cli.doctor.children import ChildFailed, ask_child
from cubekit.cli.doctor.findings import Finding, error, ok, told, warning
from cubekit.discovery.cubes import CubeInfo, ExtensionInfo
from cubekit.ground.diagnostics import Diagnostic, Place
from cubekit.ground.versions import admits, parse_range

__all__ = ["plugins", "rebuilt"]

Offer = CubeInfo | ExtensionInfo


def plugins(case: Case) -> Iterator[Finding]:
    """Import cubes, hook plugins and commands, unless in safe mode."""
    catalogue = case.catalogue
    offers: list[tuple[str, Offer]] = [
        *(("cube", cube) for cube in catalogue.cubes),
        *(("hook", hook) for hook in catalogue.hooks),
        *(("command", command) for command in catalogue.commands),
    ]
    if case.safe:
        yield ok("plugins", f"{len(offers)} were not imported, as --safe-mode says")
        return
    answers: dict[str, dict[str, Any]] = {}
    with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        asked = [(kind, offer, pool.submit(_ask, kind, offer, case.patience)) for kind, offer in offers]
        for kind, offer, future in asked:
            subject = f"{offer.colour.emoji} {offer.name}" if isinstance(offer, CubeInfo) else f"{kind} {offer.name}"
            try:
                answer = future.result()
            except ChildFailed as failure:
                message = f"importing {offer.target} ({offer.distribution} {offer.version}) {failure}"
                fix = f"mend what runs at its import, or remove it: pip uninstall {offer.distribution}"
                yield error(subject, message, failure.place, fix=fix)
                continue
            yield from (told(rebuilt(problem), subject) for problem in answer.get("problems", ()))
            if "problems" not in answer:
                yield ok(subject, f"{offer.version} ({offer.distribution})")
                answers[subject] = answer
    yield from _unprovided(answers)


def rebuilt(problem: Mapping[str, Any]) -> Diagnostic:
    """Return a diagnostic that a child has written down."""
    place = Place(problem["file"], problem["line"]) if problem["file"] else None
    rest = {key: problem[key] for key in ("needed", "found", "fix", "severity")}
    return Diagnostic(problem["code"], problem["message"], place, **rest)


def _ask(kind: str, offer: Offer, patience: float) -> dict[str, Any]:
    question = {"kind": kind, "name": offer.name, "target": offer.target}
    question |= {"distribution": offer.distribution, "version": offer.version}
    if isinstance(offer, CubeInfo):
        question["colour"] = offer.colour.value
    return ask_child(question, patience)


def _unprovided(answers: Mapping[str, dict[str, Any]]) -> Iterator[Finding]:
    """Contracts without which a cube cannot start, and that no installed cube provides in a version that fits."""
    provided: dict[str, list[tuple[str, str]]] = {}
    for subject, answer in answers.items():
        for contract, version in answer.get("provides", ()):
            provided.setdefault(contract, []).append((version, subject))
    for subject, answer in answers.items():
        for contract, admitted in answer.get("requires", ()):
            versions = provided.get(contract, [])
            if not any(admits(parse_range(admitted), version) for version, _ in versions):
                got = ", ".join(f"{version} from {provider}" for version, provider in versions)
                message = f"needs the contract {contract} {admitted}, and no installed cube provides it"
                # A warning: another service may provide it. Where none does, the composition is the error.
                fix = f"cubekit registry search {contract}; or use one of another service: cubekit discover URL"
                yield warning(subject, f"{message}; there is {got}" if got else message, fix=fix)
