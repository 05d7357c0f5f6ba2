"""``list`` and ``info``: what is installed."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cubekit.cli.console import console, table
from cubekit.cli.options import Json, Safe, Verbose
from cubekit.discovery import scan
from cubekit.ground.diagnostics import CubekitError, Diagnostic

if TYPE_CHECKING:
    from cubekit.composition.descriptors import Descriptor
    from cubekit.composition.operations import Operation
    from cubekit.discovery import CubeInfo

__all__ = ["info", "list_cubes"]


def list_cubes(json: Json = False, safe_mode: Safe = False) -> None:
    """Show the installed cubes. Imports none of them."""
    from cubekit.composition.summaries import recall

    catalogue = scan()
    rows, payload = [["", "NAME", "COLOUR", "VERSION", "QUALITY", "CONTRACTS", "STATE"]], []
    for cube in catalogue.cubes:
        summary = recall(cube)
        state = "installed" if summary is None or summary.problem is None else "broken"
        contracts = ", ".join(summary.provides) if summary else f"? (cubekit info {cube.name})"
        colour = console.paint(cube.colour, cube.colour)
        quality = cube.quality or "-"
        rows.append([cube.colour.emoji, cube.name, colour, cube.version, quality, contracts or "-", state])
        payload.append(
            {
                "name": cube.name,
                "colour": cube.colour,
                "version": cube.version,
                "quality": cube.quality,
                "distribution": cube.distribution,
                "contracts": list(summary.provides) if summary else None,
                "requires": list(summary.requires) if summary else None,
                "state": state,
            }
        )
    for name, claims in catalogue.conflicts.items():
        rows.append([claims[0].colour.emoji, name, claims[0].colour, "", "-", "-", "conflict"])
        distributions = [claim.distribution for claim in claims]
        payload.append({"name": name, "colour": claims[0].colour, "state": "conflict", "distributions": distributions})
    text = table(rows) if len(rows) > 1 else "No cube is installed. cubekit new cube NAME makes one."
    console.data(text, {"cubes": payload})
    if catalogue.diagnostics and not console.as_json:
        console.diagnostics(catalogue.diagnostics)


def info(
    name: Annotated[str, typer.Argument(help="Name of an installed cube.")],
    json: Json = False,
    verbose: Verbose = False,
    safe_mode: Safe = False,
    dispatch: Annotated[bool, typer.Option("--dispatch", help="Show the code that answers calls instead.")] = False,
    service: Annotated[Path | None, typer.Option("--service", help="As it is in this service.")] = None,
) -> None:
    """Show one cube in full. Imports it, unless in safe mode: then only what its metadata say."""
    from cubekit.composition.descriptors import describe
    from cubekit.composition.summaries import remember

    catalogue = scan()
    cube = catalogue.get(name)
    if cube is None:
        conflicts = [found for found in catalogue.diagnostics if found.code == "CK203" and f'"{name}"' in found.message]
        if conflicts:
            raise CubekitError(conflicts)
        similar = ", ".join(catalogue.suggest(name)) or ", ".join(one.name for one in catalogue.cubes) or "none"
        raise CubekitError(
            Diagnostic(
                "CK501", f'no cube called "{name}" is installed', found=f"installed: {similar}", fix="cubekit list"
            )
        )
    if console.safe:
        _show_metadata(cube)
        return
    try:
        descriptor = describe(cube)
    except CubekitError as error:
        remember({cube: error})
        raise
    remember({cube: descriptor})
    if dispatch:
        from cubekit.cli.dispatches import show_dispatch

        show_dispatch(descriptor, service)
        return
    console.data(_text(cube, descriptor), {"cube": _payload(cube, descriptor)})


def _show_metadata(cube: CubeInfo) -> None:
    payload = {
        "name": cube.name,
        "colour": cube.colour,
        "version": cube.version,
        "quality": cube.quality,
        "distribution": cube.distribution,
        "target": cube.target,
        "location": cube.location,
        "requiresCubekit": cube.requires_cubekit,
    }
    rows = [[key, str(value)] for key, value in payload.items()]
    console.data(f"{cube.colour.emoji} {cube.name}, not imported\n{table(rows)}", {"cube": payload})


def _payload(cube: CubeInfo, descriptor: Descriptor) -> dict[str, Any]:
    return {
        "name": cube.name,
        "colour": cube.colour,
        "version": cube.version,
        "quality": cube.quality,
        "distribution": cube.distribution,
        "target": cube.target,
        "location": cube.location,
        "requiresCubekit": cube.requires_cubekit,
        "doc": descriptor.doc,
        "backends": list(descriptor.cube.backends),
        "exclusive": descriptor.cube.exclusive,
        "lifecycle": descriptor.lifecycle,
        "provides": [{"name": name, "version": str(one.version)} for name, one in descriptor.provides.items()],
        "requires": [
            {
                "attribute": one.attribute,
                "name": one.contract.name,
                "versions": str(one.admitted),
                "optional": one.optional,
            }
            for one in descriptor.requires
        ],
        "operations": [_operation(one) for one in descriptor.operations if one.exposed],
        "routes": [{"method": one.options.method, "path": one.options.path} for one in descriptor.routes],
        "config": descriptor.config_type.model_json_schema(),
    }


def _operation(operation: Operation) -> dict[str, Any]:
    verb, path = operation.http
    return {
        "name": operation.name,
        "doc": operation.doc,
        "http": {"method": verb, "path": path},
        "answers": operation.kind,
        "scope": operation.options.scope,
        "input": operation.input.json_schema("validation") if operation.input else None,
    }


def _text(cube: CubeInfo, descriptor: Descriptor) -> str:
    head = f"{cube.colour.emoji} {console.paint(cube.name, cube.colour)} {cube.version}  ({cube.distribution})"
    lines = [head]
    if descriptor.doc:
        lines += ["", descriptor.doc]
    lines += ["", f"colour      {cube.colour}", f"class       {cube.target}"]
    lines += [f"quality     {cube.quality}, as its author claims (cubekit test)"] if cube.quality else []
    lines += [f"provides    {name} {one.version}" for name, one in descriptor.provides.items()]
    for requirement in descriptor.requires:
        kind = " (optional)" if requirement.optional else ""
        lines.append(f"requires    {requirement.contract.name} {requirement.admitted} as {requirement.attribute}{kind}")
    lines.append(f"backends    {', '.join(descriptor.cube.backends)}")
    rows = [
        [f"  {one.name}", " ".join(one.http), one.kind, one.doc.split("\n")[0]]
        for one in descriptor.operations
        if one.exposed
    ]
    lines += ["", "operations", table(rows)] if rows else []
    fields = [
        [f"  config.{name}", str(getattr(field.annotation, "__name__", field.annotation)), _default(field)]
        for name, field in descriptor.config_type.model_fields.items()
    ]
    lines += ["", "configuration", table(fields)] if fields else []
    return "\n".join(lines)


def _default(field: Any) -> str:
    return "required" if field.is_required() else f"default {field.default!r}"
