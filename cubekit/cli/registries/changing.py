"""``registry add``, ``remove`` and ``lock``: what a service is made of."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cubekit.cli.console import console, table
from cubekit.cli.options import Json, Service
from cubekit.cli.registries.project import (
    CubeName,
    DryRun,
    Offline,
    Project,
    RegistryPath,
    ServiceOption,
    changing,
    finish,
    open_project,
    shelf_for,
)
from cubekit.discovery import scan
from cubekit.ground.diagnostics import CubekitError, Diagnostic

if TYPE_CHECKING:
    from cubekit.ground.versions import SpecifierSet
    from cubekit.registry.changes import Changes
    from cubekit.registry.lock import Lock
    from cubekit.registry.shelf import Shelf

__all__ = ["add", "lock", "remove"]


def add(
    cubes: Annotated[
        list[str] | None, typer.Argument(metavar="CUBE", help='Such as greeter or "greeter>=1,<2"; none: the lock.')
    ] = None,
    service: ServiceOption = Path(),
    registry: RegistryPath = None,
    dry_run: DryRun = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    offline: Offline = False,
    json: Json = False,
) -> None:
    """Install cubes, write them into the service file, and lock them. Without a name, install what is locked."""
    with changing(service):
        project = open_project(service)
        shelf = shelf_for(registry, project.service, offline=offline)
        if cubes:
            _add(project, shelf, _asked(cubes), dry_run=dry_run, yes=yes)
        else:
            _install_locked(project, shelf, dry_run=dry_run)


def _add(project: Project, shelf: Shelf, asked: dict[str, SpecifierSet], *, dry_run: bool, yes: bool) -> None:
    from cubekit.registry.lock import write_lock
    from cubekit.registry.service_edits import add_cubes, with_cubes

    wanted = {name: versions for name, (versions, _) in project.wanted.items()}
    for name, versions in asked.items():
        wanted[name] = wanted[name] & versions if name in wanted else versions
    changes = _prepare(project, shelf, wanted, fresh=set(asked))
    new = {name: choice for name, choice in changes.choices.items() if name not in project.wanted}
    uses = {name: _use(name, choice.release.version, asked.get(name)) for name, choice in new.items()}
    with_cubes(project.service, uses)  # refuses what could not be written once all is installed
    text, payload = _told(project, changes, uses, dry_run=dry_run)
    if dry_run or not console.as_json:
        console.data(text, payload)
    if dry_run:
        return
    if sys.stdin.isatty() and not (yes or console.as_json):
        typer.confirm("Go on?", abort=True, err=True)
    console.progress("installing")
    changes.carry_out()
    write_lock(project.lock_path, changes.lock)
    add_cubes(project.service, uses)
    if console.as_json:  # only now, as a program takes it for done
        console.data(text, payload)


def remove(name: CubeName, service: ServiceOption = Path(), dry_run: DryRun = False, json: Json = False) -> None:
    """Take a cube out of service file, lock and environment. Imports nothing, so it works on a broken cube."""
    from cubekit.composition.documents import service_path

    with changing(service):
        _remove(name, service_path(service), dry_run=dry_run)


def _remove(name: str, path: Path, *, dry_run: bool) -> None:
    from cubekit.discovery.cubes import normalised
    from cubekit.ground.toml_lines import read_toml
    from cubekit.registry.dependencies import reached, requirements_of
    from cubekit.registry.installer import uninstall
    from cubekit.registry.lock import lock_path, read_lock, write_lock
    from cubekit.registry.service_edits import cubes_of, remove_cubes

    file = read_toml(path) if path.exists() else None
    before = read_lock(lock_path(path))
    locked, catalogue = before.get(name), scan(refresh=True)
    here = catalogue.get(name)
    claims = catalogue.conflicts.get(name, (here,) if here else ())
    used = cubes_of(file.data) if file else {}
    instances = [instance for instance, cube in used.items() if cube == name]
    if not (claims or locked or instances):
        close = ", ".join(catalogue.suggest(name)) or "nothing similar"
        raise CubekitError(Diagnostic("CK501", f'there is no cube "{name}" to remove', found=close, fix="cubekit list"))
    cubes = [cube for cube in before.cubes if cube.name != name]
    # Other cubes that the service uses, or that are locked, may come from the same distribution.
    others = {normalised(cube.distribution) for cube in catalogue.cubes if cube.name in {*used.values()} - {name}}
    others |= {cube.distribution for cube in cubes}
    distributions = sorted({normalised(claim.distribution) for claim in claims} - others)
    names = reached((requirements_of(cube.distribution) for cube in cubes), requirements_of)
    kept = [one for one in before.distributions if one.name in names]
    left = [one.name for one in before.distributions if one.name not in names]
    named = _named_by_molecules(name, path) if file else []
    done = "would be removed" if dry_run else "removed"
    lines = [f"{done}: {', '.join(distributions) or 'nothing was installed'}"]
    lines += [f"{done} from {path}: {', '.join(instances)}"] if instances else []
    lines += [f"still named, so take it out by hand: {place}" for place in named]
    lines += [f"no locked cube needs any more: {', '.join(left)}; pip uninstall {' '.join(left)}"] if left else []
    if not dry_run:
        if file:
            remove_cubes(file, instances)
        console.progress("uninstalling")
        uninstall(distributions)
        if locked:
            write_lock(lock_path(path), before.model_copy(update={"cubes": cubes, "distributions": kept}))
    payload = {"name": name, "distributions": distributions, "instances": instances, "left": left, "named": named,
               "dryRun": dry_run}  # fmt: skip
    console.data("\n".join(lines), payload)


def _named_by_molecules(name: str, path: Path) -> list[str]:
    from cubekit.composition.documents import read_document
    from cubekit.registry.service_edits import cubes_of

    document, _ = read_document(path)
    places = [
        document.place("cubes", instance, "use") for instance, cube in cubes_of(document.data).items() if cube == name
    ]
    return [str(place) for place in places if place.source != str(path)]


def lock(
    service: Service = Path(),
    check: Annotated[bool, typer.Option("--check", help="Write nothing; exit with 4 if it does not fit.")] = False,
    upgrade: Annotated[bool, typer.Option("--upgrade", help="Take the newest releases that fit.")] = False,
    registry: RegistryPath = None,
    dry_run: DryRun = False,
    offline: Offline = False,
    json: Json = False,
) -> None:
    """Choose a release of every cube of a service and write cubekit.lock. Installs nothing."""
    from cubekit.registry.lock import outdated_by, write_lock
    from cubekit.registry.verification import registry_problems

    if check:
        project = open_project(service)
        shelf = shelf_for(registry, project.service, offline=offline)
        problems = outdated_by(project.lock, project.wanted, project.lock_path)
        finish([*problems, *registry_problems(project.lock, shelf)], str(project.lock_path))
        return
    with changing(service):
        project = open_project(service)
        shelf = shelf_for(registry, project.service, offline=offline)
        wanted = {name: versions for name, (versions, _) in project.wanted.items()}
        changes = _prepare(project, shelf, wanted, fresh=set(wanted) if upgrade else set())
        if not dry_run:
            write_lock(project.lock_path, changes.lock)
        console.data(*_told(project, changes, {}, dry_run=dry_run))


def _asked(texts: list[str]) -> dict[str, SpecifierSet]:
    from cubekit.discovery.cubes import normalised
    from cubekit.ground.versions import split_use

    try:
        return {normalised(name): versions for name, versions in (split_use(text.lower()) for text in texts)}
    except ValueError as error:
        raise CubekitError(Diagnostic("CK504", str(error), fix='cubekit registry add "greeter>=1,<2"')) from error


def _prepare(project: Project, shelf: Shelf, wanted: dict[str, SpecifierSet], *, fresh: set[str]) -> Changes:
    """Work out what changes. Cubes keep the version that they are locked or installed in, but for fresh ones."""
    from cubekit.registry.changes import prepare

    catalogue = scan(refresh=True)
    preferred = {cube.name: cube.version for cube in catalogue.cubes} | {
        cube.name: cube.version for cube in project.lock.cubes
    }
    return prepare(
        shelf,
        wanted,
        lock=project.lock,
        installed=catalogue,
        preferred={name: version for name, version in preferred.items() if name not in fresh},
        progress=console.progress,
    )


def _install_locked(project: Project, shelf: Shelf, *, dry_run: bool) -> None:
    from cubekit.registry.changes import install_locked
    from cubekit.registry.lock import outdated_by
    from cubekit.registry.verification import registry_problems

    problems = outdated_by(project.lock, project.wanted, project.lock_path)
    problems += registry_problems(project.lock, shelf)
    if problems:
        raise CubekitError(problems)
    if not dry_run:
        install_locked(project.lock, shelf, console.progress)
    cubes = [f"{cube.name} {cube.version}" for cube in project.lock.cubes]
    done = "would be installed" if dry_run else "installed"
    console.data(f"{done} as locked: {', '.join(cubes) or 'nothing'}", {"installed": cubes, "dryRun": dry_run})


def _use(name: str, version: str, asked: SpecifierSet | None) -> str:
    """What the service file says: the asked range, or releases that should not break what works now."""
    from cubekit.ground.versions import Version, compatible_range, range_text

    return f"{name}{range_text(asked) if asked else compatible_range(Version(version))}"


def _told(project: Project, changes: Changes, uses: dict[str, str], *, dry_run: bool) -> tuple[str, dict[str, Any]]:
    """What changes, for people and for programs."""
    rows = _rows(project.lock, changes)
    lines = [["", "CUBE", "FROM", "TO", "REGISTRY", "PERMISSIONS"]]
    lines += [
        [row["mark"], row["name"], row["from"] or "-", row["to"] or "-", row["registry"], _permissions(row)]
        for row in rows
    ]
    brought = [f"{one.name} {one.version}" for one in changes.brought]
    text = [table(lines) if rows else "No cube changes."]
    text += [f"pip will install: {', '.join(brought)}" if brought else "pip has nothing to install"]
    text += [f'service file: [cubes.{name}] use = "{use}"' for name, use in uses.items()]
    if any(row["newPermissions"] for row in rows):
        text.append("Permissions are what a cube's author declares; nothing enforces them.")
    sources = sorted(changes.sources, key=lambda source: source.name)
    unsigned = [source for source in sources if source.remote and source.root is None]
    for source in unsigned:
        who = "whoever runs its server" + (", or is on the way to it," if source.address.startswith("http:") else "")
        text.append(f'Registry "{source.name}" is not signed: {who} chooses what you install.')
    payload = {
        "cubes": rows,
        "pip": brought,
        "unsigned": [source.name for source in unsigned],
        "service": uses,
        "dryRun": dry_run,
        "lock": str(project.lock_path),
    }
    return "\n".join(text), payload


def _rows(before: Lock, changes: Changes) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    for name in sorted({*changes.choices, *(cube.name for cube in before.cubes)}):
        old, choice = before.get(name), changes.choices.get(name)
        to = choice.release.version if choice else None
        if old and old.version == to:
            continue
        permissions = list(choice.release.permissions) if choice else []
        rows.append(
            {
                "mark": "+" if old is None else "-" if to is None else "~",
                "name": name,
                "from": old.version if old else None,
                "to": to,
                "registry": choice.found.source.name if choice else old.registry if old else "",
                "permissions": permissions,
                "newPermissions": [one for one in permissions if old is None or one not in old.permissions],
            }
        )
    return rows


def _permissions(row: dict[str, Any]) -> str:
    marked = [f"{one} (new)" if one in row["newPermissions"] else one for one in row["permissions"]]
    return ", ".join(marked) or "none"
