"""``registry search``, ``show``, ``diff`` and ``outdated``: what registries know. They change nothing."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cubekit.cli.console import console, table
from cubekit.cli.options import Json, Service
from cubekit.cli.registries.project import CubeName, Offline, RegistryPath, local_registry, open_project, shelf_for
from cubekit.discovery import scan
from cubekit.ground.colours import Colour
from cubekit.ground.diagnostics import CubekitError, Diagnostic

if TYPE_CHECKING:
    from cubekit.discovery.registry import Release
    from cubekit.registry.shelf import Found

__all__ = ["diff", "outdated", "search", "show"]


def search(
    words: Annotated[list[str] | None, typer.Argument(help="Words that must all be found; none shows all.")] = None,
    registry: RegistryPath = None,
    offline: Offline = False,
    json: Json = False,
) -> None:
    """Find cubes by name, colour, summary, keyword, contract or owner."""
    from cubekit.registry.index import search as find

    installed = {cube.name: cube.version for cube in scan().cubes}
    found = find(local_registry(registry), words or [], offline=offline)
    rows = [["", "NAME", "COLOUR", "VERSION", "INSTALLED", "REGISTRY", "SUMMARY"]]
    for one in found:
        colour = Colour(one["colour"])
        one["installed"] = installed.get(one["name"])
        painted = console.paint(colour, colour)
        rows.append([colour.emoji, one["name"], painted, one["version"] or "-", one["installed"] or "-",
                     one["registry"], one["summary"]])  # fmt: skip
    text = table(rows) if found else f"No registry has a cube with {' and '.join(words or ['a name'])}."
    console.data(text, {"cubes": found})


def show(name: CubeName, registry: RegistryPath = None, offline: Offline = False, json: Json = False) -> None:
    """Show what a registry says of a cube: owners, contracts, permissions, claimed quality, releases."""
    found = shelf_for(registry, Path(), offline=offline).get(name)
    entry = found.entry
    quality = entry.newest.quality if entry.newest else None
    payload = {"name": name, "registry": found.source.name, "quality": quality, **entry.model_dump(mode="json")}
    signed = "signed" if found.source.root else "not signed"
    rows = [
        ["distribution", entry.distribution],
        [
            "registry",
            f"{found.source.name} ({found.source.address}), {signed}",
        ],
        ["licence", entry.licence or "unknown"],
        ["owners", ", ".join(entry.owners) or "unknown"],
        ["attested by", ", ".join(map(str, entry.trusted_publishers)) or "nobody"],
        ["lifecycle", entry.lifecycle],
        ["keywords", ", ".join(entry.keywords) or "-"],
        ["quality", f"{quality}, as its author claims (cubekit test)" if quality else "-"],
    ]
    if newest := entry.newest:
        rows += [
            ["provides", ", ".join(newest.provides) or "-"],
            ["requires", ", ".join(newest.requires) or "-"],
            ["permissions", f"{', '.join(newest.permissions) or 'none'}  (declared; nothing enforces them)"],
        ]
    releases = [["VERSION", "CUBEKIT", "PUBLISHER", "FILES", "STATE"]]
    for release in reversed(entry.releases):
        state = f"withdrawn: {release.yanked}" if release.yanked else ""
        releases.append([release.version, release.api, release.publisher, str(len(release.files)), state])
    head = f"{entry.colour.emoji} {console.paint(name, entry.colour)}  {entry.summary}"
    console.data(f"{head}\n\n{table(rows)}\n\n{table(releases)}", {"cube": payload})


def diff(
    name: CubeName,
    old: Annotated[str | None, typer.Argument(help="A version; default the installed one.")] = None,
    new: Annotated[str | None, typer.Argument(help="A version; default the newest.")] = None,
    registry: RegistryPath = None,
    offline: Offline = False,
    json: Json = False,
) -> None:
    """Show what changes from one release of a cube to another: contracts, permissions, range of cubekit."""
    found = shelf_for(registry, Path(), offline=offline).get(name)
    installed = scan().get(name)
    one = _release(found, old or (installed.version if installed else None))
    other = _release(found, new or (found.entry.newest.version if found.entry.newest else None))
    changes = {key: {"from": before, "to": after} for key, before, after in _differences(one, other)}
    lines = [f"{name} {one.version} → {other.version}"]
    for key, before, after in _differences(one, other):
        lines += [f"  - {key} {text}" for text in before if text not in after]
        lines += [f"  + {key} {text}" for text in after if text not in before]
    text = "\n".join(lines) if changes else f"{lines[0]}: no contract, permission or range changes"
    console.data(text, {"name": name, "from": one.version, "to": other.version, "changes": changes})


def outdated(
    service: Service = Path(), registry: RegistryPath = None, offline: Offline = False, json: Json = False
) -> None:
    """Show which cubes of a service are locked or installed in a release that is not the newest, or withdrawn."""
    from cubekit.ground.versions import Version, rank
    from cubekit.registry.resolver import obstacle

    project = open_project(service)
    shelf = shelf_for(registry, project.service, offline=offline)
    rows, payload = [["CUBE", "HAS", "ADMITTED", "NEWEST", ""]], []
    for name, (versions, _) in project.wanted.items():
        entry, locked, installed = shelf.get(name).entry, project.lock.get(name), scan().get(name)
        here = installed.version if installed else None
        has = locked.version if locked else here
        newest = entry.newest.version if entry.newest else None
        usable = [one for one in entry.releases if one.yanked is None and not obstacle(one, versions, here)]
        admitted = max((one.version for one in usable), key=rank, default=None)
        current = entry.release(has) if has else None
        yanked = current.yanked if current else None
        if yanked is None and has is not None and (newest is None or Version(has) >= Version(newest)):
            continue
        rows.append([name, has or "-", admitted or "-", newest or "-", f"withdrawn: {yanked}" if yanked else ""])
        payload.append({"name": name, "has": has, "admitted": admitted, "newest": newest, "yanked": yanked})
    text = table(rows) if payload else "Every cube is the newest there is."
    console.data(text, {"cubes": payload})


def _release(found: Found, version: str | None) -> Release:
    release = found.entry.release(version) if version else None
    if release is None:
        known = ", ".join(one.version for one in found.entry.releases) or "none"
        message = f'registry "{found.source.name}" has no release {version or ""} of {found.name}'.replace("  ", " ")
        raise CubekitError(Diagnostic("CK602", message, found=known, fix=f"cubekit registry show {found.name}"))
    return release


def _differences(one: Release, other: Release) -> list[tuple[str, list[Any], list[Any]]]:
    pairs: list[tuple[str, list[Any], list[Any]]] = [
        ("provides", one.provides, other.provides),
        ("requires", one.requires, other.requires),
        ("permission", list(one.permissions), list(other.permissions)),
        ("quality", [one.quality] if one.quality else [], [other.quality] if other.quality else []),
        ("cubekit", [one.api], [other.api]),
    ]
    return [(key, before, after) for key, before, after in pairs if before != after]
