"""Compares what is installed with the lock and the registries. Imports nothing of what it looks at."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from importlib.metadata import Distribution, PackageNotFoundError, distribution

from cubekit.discovery import Catalogue
from cubekit.discovery.cubes import normalised
from cubekit.discovery.registry import DistributionRelease
from cubekit.ground.diagnostics import CubekitError, Diagnostic
from cubekit.ground.versions import Version
from cubekit.registry.bindings import moved
from cubekit.registry.installer import fetch
from cubekit.registry.lock import Lock, LockedCube, LockedDistribution
from cubekit.registry.provenance import attestation_problems
from cubekit.registry.records import changed
from cubekit.registry.shelf import Found, Shelf

__all__ = ["listing_problems", "registry_problems", "verify"]


def verify(lock: Lock, shelf: Shelf, installed: Catalogue) -> list[Diagnostic]:
    """Return all in which the installation, the lock and the registries differ."""
    problems = registry_problems(lock, shelf)
    for cube in lock.cubes:
        problems += _claims(cube, installed)
        problems += _differences(cube, cube.distribution, shelf)
    for other in lock.distributions:
        problems += _differences(other, other.name, shelf)
    return problems


def registry_problems(lock: Lock, shelf: Shelf) -> list[Diagnostic]:
    """Return why locked releases should not be taken, by what registries and attestations say of them.

    :raises CubekitError: CK614 if something is attested, and the extra is missing with which it is verified.
    """
    return [*listing_problems(lock, shelf), *attestation_problems(lock, shelf)]


def listing_problems(lock: Lock, shelf: Shelf) -> list[Diagnostic]:
    """Return what the registries say of locked releases otherwise than when they were locked."""
    problems = moved(lock, shelf)
    for cube in lock.cubes:
        try:
            problems += _belonging(cube, shelf.get(cube.name))
        except CubekitError as error:  # no registry has it any more
            problems += error.diagnostics
    for other in lock.distributions:
        owner = shelf.releases(other.name)
        if owner is not None and owner[0].name == other.registry:
            problems += _listed(other, owner[0].name, owner[1])
    return problems


def _belonging(cube: LockedCube, found: Found) -> Iterator[Diagnostic]:
    if (found.source.name, found.entry.distribution) == (cube.registry, cube.distribution):
        yield from _listed(cube, cube.registry, found.entry.releases)
        return
    yield Diagnostic(
        "CK607",
        f'the cube "{cube.name}" is locked from elsewhere than its name belongs to',
        needed=f'{found.entry.distribution} of registry "{found.source.name}"',
        found=f'{cube.distribution} of registry "{cube.registry}"',
        fix="find out who changed it; then: cubekit registry lock",
    )


def _listed(
    wanted: LockedCube | LockedDistribution, registry: str, releases: Sequence[DistributionRelease]
) -> Iterator[Diagnostic]:
    release = next((one for one in releases if Version(one.version) == Version(wanted.version)), None)
    if release is None:
        message = f'registry "{registry}" has no {wanted.name} {wanted.version} any more'
        yield Diagnostic("CK602", message, fix="cubekit registry lock --upgrade")
        return
    if release.yanked is not None:
        message = f'{wanted.name} {wanted.version} was withdrawn by its publisher: "{release.yanked}"'
        yield Diagnostic("CK608", message, fix="cubekit registry lock --upgrade, then cubekit registry add")
    listed = {file.name: file.sha256 for file in release.files}
    for file in wanted.files:
        if (now := listed.get(file.name)) != file.sha256:
            yield Diagnostic(
                "CK606",
                f'registry "{registry}" lists another {file.name} than when it was locked',
                needed=f"sha256 {file.sha256}",
                found=f"sha256 {now}" if now else "no such file",
                fix="a release never changes: tell the owner of the registry",
            )


def _claims(cube: LockedCube, installed: Catalogue) -> Iterator[Diagnostic]:
    here = installed.get(cube.name)
    for claim in (*installed.conflicts.get(cube.name, ()), *([here] if here else [])):
        if normalised(claim.distribution) != cube.distribution:
            yield Diagnostic(
                "CK607",
                f'the cube "{cube.name}" is installed from a distribution that it does not belong to',
                needed=cube.distribution,
                found=f"{claim.distribution} {claim.version}",
                fix=f"pip uninstall {claim.distribution}",
            )


def _differences(wanted: LockedCube | LockedDistribution, name: str, shelf: Shelf) -> Iterator[Diagnostic]:
    fix = "cubekit registry add"
    try:
        found = distribution(name)
    except PackageNotFoundError:
        yield Diagnostic("CK605", f"{name} {wanted.version} is locked and not installed", fix=fix)
        return
    if Version(found.version) != Version(wanted.version):
        message = f"another version of {name} is installed than is locked"
        yield Diagnostic("CK605", message, needed=wanted.version, found=found.version, fix=fix)
        return
    origin = json.loads(found.read_text("direct_url.json") or "{}")
    if "dir_info" in origin:
        message = f"{name} is installed from a directory, and no hash covers it"
        yield Diagnostic("CK605", message, needed=f"{name} {wanted.version}", found=origin["url"], fix=fix)
        return
    sha256 = origin.get("archive_info", {}).get("hashes", {}).get("sha256")
    if sha256 and sha256 not in {file.sha256 for file in wanted.files}:
        message = f"{name} {wanted.version} is installed from another file than is locked"
        yield Diagnostic("CK606", message, found=f"sha256 {sha256}", fix=f"pip uninstall {name}; then: {fix}")
        return
    record = _record(wanted, name, found, shelf)
    if record is None:
        message = f"nothing says any more which files {name} {wanted.version} has"
        yield Diagnostic("CK606", message, needed="its RECORD", fix=f"pip uninstall {name}; then: {fix}")
    elif others := sorted(changed(found, record)):
        yield Diagnostic(
            "CK606",
            f"files of {name} {wanted.version} were changed after they were installed",
            found="\n".join(others[:5]) + (f"\nand {len(others) - 5} more" if len(others) > 5 else ""),
            fix=f"pip uninstall {name}; then: {fix}",
        )


def _record(wanted: LockedCube | LockedDistribution, name: str, found: Distribution, shelf: Shelf) -> str | None:
    """What was installed: by the locked wheel, which nobody can forge, or for what an index had by what pip wrote."""
    owner = shelf.releases(name)
    if owner is not None and owner[0].name == wanted.registry and wanted.files:
        return fetch(owner[0], name, wanted.version, wanted.files).record
    return found.read_text("RECORD")
