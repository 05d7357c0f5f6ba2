"""The verb: runs all checks at the same time, shows what they find, and says by its exit code how bad it is."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from importlib import import_module
from pathlib import Path
from typing import Annotated

import typer

from cubekit.cli.console import console, printable_line, table
from cubekit.cli.doctor.case import Case, ServiceCase
from cubekit.cli.doctor.children import end_children
from cubekit.cli.doctor.findings import Finding, Severity, error
from cubekit.cli.options import Json, Safe, Settings, Verbose
from cubekit.discovery import scan
from cubekit.discovery.cubes import described

__all__ = ["CHECKS", "doctor"]

CHECKS: Mapping[str, str] = {
    "python": "machine:python",
    "requirements": "requirements:requirements",
    "names": "names:names",
    "plugins": "plugins:plugins",
    "compiled": "compiled:compiled",
    "compiler": "machine:compiler",
    "clock": "clock:clock",
    "file-descriptors": "machine:file_descriptors",
    "memory": "memory:memory",
    "disk": "storage:disk",
    "cache": "storage:cache",
    "registries": "registries:registries",
    "composition": "composition:composition",
    "port": "reachability:port",
    "services": "reachability:services",
    "exposure": "exposure:exposure",
    "secrets": "secrets:secrets",
}
"""Each check with its function, in the order in which findings are shown; ``docs/doctor.md`` has a section for each."""

_FAILED, _UNREACHABLE = 1, 6


def doctor(
    service: Annotated[
        Path | None, typer.Argument(metavar="SERVICE", help="Also what is wrong with this service, here and now.")
    ] = None,
    settings: Settings = None,
    strict: Annotated[bool, typer.Option("--strict", help="Let warnings count as errors.")] = False,
    patience: Annotated[
        float, typer.Option("--import-timeout", min=0.1, help="Seconds that each plugin may take to be imported.")
    ] = 20.0,
    json: Json = False,
    safe_mode: Safe = False,
    verbose: Verbose = False,
) -> None:
    """Tell what is wrong with this installation. Exits with 1 if anything is, with 6 if only others do not answer.

    Plugins are imported in processes of their own, and with --safe-mode not at all.
    """
    with ThreadPoolExecutor(len(CHECKS) + 1) as pool:
        case = _case(service, settings or [], patience, pool)
        console.progress("looking; plugins are imported, each in a process of its own")
        try:
            found = dict(zip(CHECKS, pool.map(lambda name: _examine(name, case), CHECKS), strict=True))
        except KeyboardInterrupt:
            end_children()  # they have a session of their own, and do not hear Ctrl-C
            raise
    _show(found, strict=strict)


def _case(service: Path | None, settings: list[str], patience: float, pool: ThreadPoolExecutor) -> Case:
    catalogue = scan(refresh=True)
    if service is None:
        return Case(catalogue, None, console.safe, patience)
    from cubekit.composition.documents import parse, read_document

    document, problems = read_document(service, settings)
    sections, invalid = parse(document)
    composed = None
    if not console.safe:
        from cubekit.cli.doctor.composition import compose_apart

        composed = pool.submit(compose_apart, service.absolute(), settings, patience)
    hidden = tuple(document.hiding_secrets([*problems, *invalid]))
    return Case(catalogue, ServiceCase(document, sections, hidden, composed), console.safe, patience)


def _examine(name: str, case: Case) -> list[Finding]:
    try:
        module, _, function = CHECKS[name].partition(":")
        check: Callable[[Case], Iterable[Finding]] = getattr(import_module(f"cubekit.cli.doctor.{module}"), function)
        return list(check(case))
    except Exception as problem:  # noqa: BLE001 - on a broken installation anything may fail, and the rest is looked at
        if console.verbose:
            import traceback

            traceback.print_exception(problem)
        fix = "cubekit doctor --verbose   (shows where; cubekit itself, or what it needs, may be damaged)"
        return [error(name, f"could not be examined: {described(problem)}", fix=fix)]


def _show(found: Mapping[str, list[Finding]], *, strict: bool) -> None:
    findings = [finding for some in found.values() for finding in some]
    errors = [one for one in findings if one.severity is Severity.ERROR]
    warnings = [one for one in findings if one.severity is Severity.WARNING]
    payload = {
        "ok": not errors and not (strict and warnings),
        "errors": len(errors),
        "warnings": len(warnings),
        "findings": [{"check": name, **one.as_json()} for name, some in found.items() for one in some],
    }
    counts = [_count(errors, "error"), _count(warnings, "warning")]
    verdict = ", ".join(filter(None, counts)) or "nothing is wrong"
    console.data(f"{table([row for one in findings for row in _rows(one)])}\n\n{verdict}", payload)
    counting = [*errors, *(warnings if strict else ())]
    if counting:
        raise typer.Exit(_UNREACHABLE if all(one.unreachable for one in counting) else _FAILED)


def _count(findings: list[Finding], kind: str) -> str:
    return f"{len(findings)} {kind}{'s' if len(findings) != 1 else ''}" if findings else ""


def _rows(finding: Finding) -> Iterator[list[str]]:
    """A line for the finding and one for each detail; what plugins have said stays on its line."""
    first, *more = finding.text.split("\n")
    severity = "ok" if finding.severity is Severity.OK else finding.severity.upper()
    code = f" [{finding.code}]" if finding.code else ""
    yield [severity, printable_line(finding.subject), printable_line(first) + code]
    details = [*more, *([f"at   {finding.place}"] if finding.place else [])]
    details += [f"fix: {finding.fix}"] if finding.fix else []
    yield from (["", "", printable_line(line)] for detail in details for line in detail.split("\n"))
