"""``discover``: what running services offer, and what to write to use it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cubekit.cli.console import console, printable_line, table
from cubekit.cli.options import Json
from cubekit.ground.diagnostics import CubekitError, Diagnostic
from cubekit.ground.versions import Version, compatible_range

if TYPE_CHECKING:
    from cubekit.composition.descriptors import Descriptor, Requirement
    from cubekit.discovery import CubeInfo
    from cubekit.runtime.remote.manifest import ManifestCube
    from cubekit.runtime.remote.offers import Offer

__all__ = ["discover"]


def discover(
    urls: Annotated[list[str], typer.Argument(metavar="URL…", help="Addresses of running services.")],
    service: Annotated[
        Path | None, typer.Option("--service", help="A service: tell whether its cubes can use what is found.")
    ] = None,
    json: Json = False,
) -> None:
    """Show what running services offer, and what to write to use it. Exits with 6 if one does not answer, and with 4
    if what the cubes of --service require is offered and does not fit.
    """
    from cubekit.runtime.remote.offers import Offer, find_offers

    found = find_offers(urls, _requirements(service) if service is not None else ())
    offers = [offer for offer in found.values() if isinstance(offer, Offer)]
    silent = {url: why for url, why in found.items() if isinstance(why, str)}
    payload = {"services": [_as_json(offer) for offer in offers], "unreachable": silent}
    console.data("\n\n".join(_shown(offer) for offer in offers), payload)
    if silent:
        fix = "start it, or correct the address"
        raise CubekitError(
            Diagnostic("CK502", f"the service at {url} does not answer: {printable_line(why)}", fix=fix)
            for url, why in silent.items()
        )
    if any(reasons for offer in offers for contracts in offer.misfits.values() for reasons in contracts.values()):
        raise typer.Exit(4)


def _requirements(service: Path) -> list[Requirement]:
    """What the cubes of a service require. That it cannot be composed yet is why somebody is looking."""
    from cubekit.composition.compose import compose
    from cubekit.composition.descriptors import Descriptor
    from cubekit.composition.summaries import remember

    imported: dict[CubeInfo, Descriptor | CubekitError] = {}
    try:
        compose(service, imported=imported)
    except CubekitError:
        if not imported:
            raise
    remember(imported)
    described = [one for one in imported.values() if isinstance(one, Descriptor)]
    return [requirement for descriptor in described for requirement in descriptor.requires]


def _shown(offer: Offer) -> str:
    rows = [["", "INSTANCE", "CUBE", "VERSION", "STATE", "CONTRACTS", "OPERATIONS"]]
    notes = []
    for cube in offer.cubes:
        contracts = ", ".join(f"{one.name}@{one.version}" for one in cube.contracts.provides) or "-"
        rows.append([cube.colour.emoji if cube.colour else "", cube.name, cube.cube, cube.version or "-", cube.state,
                     contracts, str(len(cube.operations))])  # fmt: skip
        for contract, reasons in offer.misfits.get(cube.name, {}).items():
            notes.append(f"{cube.name}: {contract} {'does not fit' if reasons else 'fits what is required'}")
            notes += [f"  {reason}" for reason in reasons]
    usable = [_toml(offer, cube) for cube in offer.cubes if cube.contracts.provides]
    parts = [f"{offer.service} at {offer.url}", table([[printable_line(cell) for cell in row] for row in rows])]
    parts += ["\n".join(map(printable_line, notes))] if notes else []
    if usable:
        section = f'[discovery.{offer.service}]\nurl = "{offer.url}"'
        parts += ["To use it, write into service.toml:", "\n\n".join([section, *usable])]
    return "\n\n".join(parts)


def _toml(offer: Offer, cube: ManifestCube) -> str:
    """The table of a cube in a service file. What came over the network was checked: nothing in it ends a text."""
    contracts = ", ".join(f'"{one.name}@{one.version}"' for one in cube.contracts.provides)
    admitted = compatible_range(Version(cube.version or "0"))
    alone = [other.cube for other in offer.cubes].count(cube.cube) == 1
    return "\n".join(
        [
            f"[cubes.{cube.name}]",
            f'use = "{cube.cube}{admitted}"',
            f'from = "{offer.service}{"" if alone else f"/{cube.name}"}"',
            f'colour = "{cube.colour}"',
            f"contracts = [{contracts}]",
        ]
    )


def _as_json(offer: Offer) -> dict[str, Any]:
    cubes = [
        {
            "name": cube.name,
            "colour": cube.colour,
            "cube": cube.cube,
            "version": cube.version,
            "state": cube.state,
            "contracts": [one.model_dump() for one in cube.contracts.provides],
            "operations": [operation.name for operation in cube.operations],
            "misfits": {name: list(reasons) for name, reasons in offer.misfits.get(cube.name, {}).items()},
            "toml": _toml(offer, cube) if cube.contracts.provides else None,
        }
        for cube in offer.cubes
    ]
    return {"service": offer.service, "url": offer.url, "cubes": cubes}
