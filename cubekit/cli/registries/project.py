"""What the verbs of ``registry`` share: options, the registries that concern a place, and the service's own files."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cubekit.cli.console import console
from cubekit.discovery.cubes import normalised
from cubekit.discovery.nearest import nearest_registry
from cubekit.ground.diagnostics import CubekitError, Diagnostic, Place

if TYPE_CHECKING:
    from cubekit.ground.versions import SpecifierSet
    from cubekit.registry.lock import Lock
    from cubekit.registry.shelf import Shelf

__all__ = [
    "CubeName",
    "DryRun",
    "Offline",
    "Project",
    "RegistryPath",
    "ServiceOption",
    "changing",
    "changing_registry",
    "finish",
    "local_registry",
    "open_project",
    "shelf_for",
]

CubeName = Annotated[str, typer.Argument(parser=normalised, metavar="NAME", help="Name of a cube.")]
RegistryPath = Annotated[
    Path | None,
    typer.Option("--registry", metavar="PATH", help="A registry.toml, or its directory, instead of the nearest one."),
]
Offline = Annotated[bool, typer.Option("--offline", help="Ask no server; take what was fetched before.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Show what would change, and change nothing.")]
ServiceOption = Annotated[Path, typer.Option("--service", metavar="SERVICE", help="The service that is meant.")]


def local_registry(given: Path | None, near: Path = Path()) -> Path:
    """The registry that is asked first.

    :raises CubekitError: CK601 if there is none.
    """
    if given is not None:
        return given
    directory = (near if near.is_dir() else near.parent).absolute()
    if (found := nearest_registry(directory)) is None:
        message = f"there is no registry.toml in {directory} or above"
        fix = 'write one:\n[registries.company]\nsource = "the address or directory of a registry"'
        raise CubekitError(Diagnostic("CK601", message, fix=fix))
    return found


def shelf_for(given: Path | None, near: Path, *, offline: bool) -> Shelf:
    """All registries that concern a place."""
    from cubekit.registry.shelf import open_shelf

    console.progress("reading registries")
    return open_shelf(local_registry(given, near), offline=offline)


@dataclass(frozen=True)
class Project:
    """A service as far as registries are concerned: the cubes that it names, and its lock."""

    service: Path
    wanted: dict[str, tuple[SpecifierSet, Place]]
    """The versions of each cube that the service admits, and where it says so."""
    lock_path: Path
    lock: Lock


def open_project(service: Path) -> Project:
    """Read a service file and its lock. Imports no cube.

    :raises CubekitError: for all that is wrong in the two.
    """
    from cubekit.composition.documents import parse, read_document
    from cubekit.ground.versions import SpecifierSet, split_use
    from cubekit.registry.lock import lock_path, read_lock

    document, problems = read_document(service)
    file, more = parse(document)
    if file is None or problems or more:
        raise CubekitError([*problems, *more])
    wanted: dict[str, tuple[SpecifierSet, Place]] = {}
    for instance, section in file.cubes.items():
        spelled, versions = split_use(section.use)
        name = normalised(spelled)
        before = wanted.get(name, (SpecifierSet(), None))[0]
        wanted[name] = (before & versions, document.place("cubes", instance, "use"))
    path = lock_path(document.path)
    return Project(document.path, wanted, path, read_lock(path))


@contextmanager
def changing(service: Path) -> Iterator[None]:
    """Let one command at a time change a service and this environment, so that neither undoes what the other did."""
    from cubekit.composition.documents import service_path
    from cubekit.registry.files import alone

    directory = service_path(service).parent
    if not directory.is_dir():
        raise CubekitError(Diagnostic("CK101", f"there is no directory {directory}", fix="name a service file"))
    with alone(Path(sys.prefix), _wait), alone(directory, _wait):
        yield


@contextmanager
def changing_registry(directory: Path) -> Iterator[None]:
    """Let one command at a time change a registry's directory."""
    from cubekit.registry.files import alone

    directory.mkdir(parents=True, exist_ok=True)
    with alone(directory, _wait):
        yield


def _wait() -> None:
    console.progress("waiting for another command to end, which changes the same")


def finish(problems: Sequence[Diagnostic], subject: str) -> None:
    """Say what is wrong, or that nothing is.

    :raises CubekitError: if anything is.
    """
    if problems:
        raise CubekitError(problems)
    console.data(f"{subject}: nothing is wrong", {"valid": True})
