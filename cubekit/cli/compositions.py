"""``check``, ``graph`` and ``openapi``: services and cubes, looked at without running them."""

from __future__ import annotations

import json as jsonlib
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cubekit.cli.console import console
from cubekit.cli.options import Json, Service, Settings, Verbose
from cubekit.ground.diagnostics import CubekitError, Diagnostic

if TYPE_CHECKING:
    from cubekit.composition.descriptors import Descriptor
    from cubekit.composition.plan import Plan
    from cubekit.discovery import CubeInfo

__all__ = ["check", "compose_and_remember", "graph", "openapi"]


class GraphFormat(StrEnum):
    """Formats of ``graph``."""

    TREE = "tree"
    MERMAID = "mermaid"
    DOT = "dot"
    JSON = "json"


def compose_and_remember(service: Path, settings: list[str] | None) -> Plan:
    """Compose a service, and keep summaries of the cubes that were imported for it."""
    from cubekit.composition.compose import compose
    from cubekit.composition.summaries import remember

    if console.safe:
        message = "in safe mode no cube is imported, and a service cannot be composed without"
        raise CubekitError(Diagnostic("CK504", message, fix="leave out --safe-mode"))
    imported: dict[CubeInfo, Descriptor | CubekitError] = {}
    try:
        return compose(service, settings or (), imported=imported)
    finally:
        remember(imported)


def check(
    service: Annotated[Path, typer.Argument(metavar="PATH", help="A service, or the directory of a cube.")] = Path(),
    settings: Settings = None,
    json: Json = False,
    verbose: Verbose = False,
) -> None:
    """Tell everything that is wrong with a service, or with a cube's directory. Exits with 4 if anything is."""
    if (service / "pyproject.toml").exists() and not (service / "service.toml").exists():
        from cubekit.composition.cube_directory import check_cube_directory

        found = check_cube_directory(service)
        name = service.resolve().name
    else:
        try:
            plan = compose_and_remember(service, settings)
        except CubekitError as error:
            if error.diagnostics[0].code in {"CK101", "CK504"}:  # nothing was composed
                raise
            found, name = list(error.diagnostics), str(service)
        else:
            found, name = list(plan.warnings), plan.name
    errors = [problem for problem in found if problem.severity == "error"]
    if console.as_json:
        warnings = [problem.as_json() for problem in found if problem.severity != "error"]
        diagnostics = [problem.as_json() for problem in errors]
        console.event({"valid": not errors, "errors": diagnostics, "warnings": warnings})
    else:
        if found:
            console.diagnostics(found)
        count = f"{len(errors)} error{'s' if len(errors) != 1 else ''}, {len(found) - len(errors)} warnings"
        console.data(f"{name}: {count}" if found else f"{name}: nothing is wrong", {})
    if errors:
        raise typer.Exit(4)


def graph(
    service: Service = Path(),
    format: Annotated[GraphFormat, typer.Option(help="How to write it.")] = GraphFormat.TREE,
    settings: Settings = None,
    json: Json = False,
) -> None:
    """Show who needs what."""
    plan = compose_and_remember(service, settings)
    edges = [
        {"from": name, "to": provider, "attribute": requirement.attribute, "contract": requirement.contract.name,
         "versions": str(requirement.admitted)}
        for name, cube in plan.cubes.items()
        for requirement in cube.descriptor.requires
        for provider in cube.bindings[requirement.attribute]
    ]  # fmt: skip
    nodes = [
        {
            "name": name,
            "colour": cube.descriptor.colour,
            "cube": cube.descriptor.name,
            "version": cube.descriptor.info.version,
        }
        for name, cube in plan.cubes.items()
    ]
    console.as_json = console.as_json or format is GraphFormat.JSON
    write = {GraphFormat.MERMAID: _mermaid, GraphFormat.DOT: _dot}.get(format, _tree)
    console.data(write(plan, edges), {"service": plan.name, "cubes": nodes, "edges": edges})


def _tree(plan: Plan, edges: list[dict[str, str]]) -> str:
    needed = {edge["to"] for edge in edges}
    lines = [plan.name]

    def draw(name: str, indent: str, last: bool, why: str) -> None:
        cube = plan.cubes[name]
        label = console.paint(name, cube.descriptor.colour)
        lines.append(
            f"{indent}{'└─' if last else '├─'} {cube.descriptor.colour.emoji} {label}"
            f" ({cube.descriptor.name} {cube.descriptor.info.version}){why}"
        )
        below = [edge for edge in edges if edge["from"] == name]
        for position, edge in enumerate(below, 1):
            because = f"  ← {edge['contract']} {edge['versions']}"
            draw(edge["to"], indent + ("   " if last else "│  "), position == len(below), because)

    roots = [name for name in plan.cubes if name not in needed]
    for position, name in enumerate(roots, 1):
        draw(name, "", position == len(roots), "")
    return "\n".join(lines)


def _mermaid(plan: Plan, edges: list[dict[str, str]]) -> str:
    ids = {name: f"c{number}" for number, name in enumerate(plan.cubes)}
    lines = ["graph TD"]
    lines += [f'  {ids[name]}["{cube.descriptor.colour.emoji} {name}"]' for name, cube in plan.cubes.items()]
    lines += [
        f'  {ids[one["from"]]} -->|"{one["contract"]} {_entities(one["versions"])}"| {ids[one["to"]]}' for one in edges
    ]
    return "\n".join(lines)


def _entities(text: str) -> str:
    return text.replace("<", "&lt;").replace(">", "&gt;")


def _dot(plan: Plan, edges: list[dict[str, str]]) -> str:
    lines = [f'digraph "{plan.name}" {{']
    lines += [f'  "{name}" [label="{cube.descriptor.colour.emoji} {name}"];' for name, cube in plan.cubes.items()]
    lines += [f'  "{one["from"]}" -> "{one["to"]}" [label="{one["contract"]} {one["versions"]}"];' for one in edges]
    return "\n".join([*lines, "}"])


def openapi(
    service: Service = Path(),
    settings: Settings = None,
    url: Annotated[str | None, typer.Option("--url", help="Ask a running service instead.")] = None,
    json: Json = False,
) -> None:
    """Print the API document of a service (OpenAPI 3.1). Runs nothing."""
    if url is not None:
        from cubekit.cli.remote import get_json

        document: dict[str, Any] = get_json(url, "/openapi.json")
    else:
        from cubekit.ports.http.openapi import openapi_document

        document = openapi_document(compose_and_remember(service, settings))
    console.data(jsonlib.dumps(document, ensure_ascii=False, indent=2), {"openapi": document})
