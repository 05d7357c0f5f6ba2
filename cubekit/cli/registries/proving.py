"""``registry verify`` and ``check``: whether an installation, and whether a registry, is what it claims to be."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from cubekit.cli.console import console
from cubekit.cli.options import Json, Service
from cubekit.cli.registries.project import Offline, RegistryPath, finish, local_registry, open_project, shelf_for
from cubekit.discovery import scan

__all__ = ["check", "verify"]


def verify(
    service: Service = Path(), registry: RegistryPath = None, offline: Offline = False, json: Json = False
) -> None:
    """Compare what is installed with lock and registries, file by file. Exits with 5 if something is not trusted."""
    from cubekit.registry.lock import outdated_by
    from cubekit.registry.verification import verify as compare

    project = open_project(service)
    shelf = shelf_for(registry, project.service, offline=offline)
    console.progress("comparing installed files")
    problems = outdated_by(project.lock, project.wanted, project.lock_path)
    finish([*problems, *compare(project.lock, shelf, scan(refresh=True))], str(project.service))


def check(
    path: Annotated[Path | None, typer.Argument(help="A registry.toml or its directory; default the nearest.")] = None,
    json: Json = False,
) -> None:
    """Tell everything that is wrong with a registry: its file, its releases' files, names, signatures."""
    from cubekit.registry.inspection import registry_faults

    found = local_registry(path)
    file = found / "registry.toml" if found.is_dir() else found
    finish(registry_faults(file, console.progress), str(file))
