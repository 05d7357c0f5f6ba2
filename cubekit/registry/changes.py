"""Works out what getting some cubes changes, before anything is changed, and then does it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path

from cubekit.discovery import Catalogue
from cubekit.discovery.cubes import normalised
from cubekit.discovery.registry import ReleaseFile
from cubekit.ground.diagnostics import CubekitError, Diagnostic
from cubekit.ground.versions import SpecifierSet
from cubekit.registry.bindings import check_bindings, check_brought, check_wheel
from cubekit.registry.installer import Brought, brought_by, fetch, install, support_for
from cubekit.registry.lock import Lock, LockedDistribution, locked
from cubekit.registry.provenance import attestation_problems, bound
from cubekit.registry.resolver import Choice, resolve
from cubekit.registry.shelf import Shelf
from cubekit.registry.verification import listing_problems
from cubekit.registry.wheels import best_wheel, best_wheel_of, read_wheel, sha256_of

__all__ = ["Changes", "install_locked", "needed", "prepare", "requirements_of"]


@dataclass(frozen=True)
class Changes:
    """What will be installed, and the lock that goes with it."""

    choices: Mapping[str, Choice]
    wheels: Sequence[Path]
    """Of registries: the cubes', and those of the distributions that they need."""
    from_index: Sequence[LockedDistribution]
    """What pip takes from its own indexes."""
    brought: Sequence[LockedDistribution]
    """All that pip will install, cubes included."""
    lock: Lock

    def carry_out(self) -> None:
        """Install it.

        :raises CubekitError: CK613 if pip refuses.
        """
        install(self.wheels, self.from_index)


def prepare(
    shelf: Shelf,
    wanted: Mapping[str, SpecifierSet],
    *,
    lock: Lock,
    installed: Catalogue,
    preferred: Mapping[str, str],
    progress: Callable[[str], None],
) -> Changes:
    """Choose releases, fetch and check their files, and ask pip what else they bring in. Installs nothing.

    :raises CubekitError: CK6xx for all that does not fit or is not to be trusted.
    """
    progress("choosing releases")
    here = {cube.name: cube.version for cube in installed.cubes}
    choices = resolve(wanted, shelf, preferred=preferred, installed=here)
    check_bindings(choices.values(), lock, installed)
    if changed := [problem for problem in listing_problems(lock, shelf) if problem.code == "CK606"]:
        raise CubekitError(changed)  # to lock the new hash would be to accept it
    cubes = []
    for choice in choices.values():
        file = best_wheel(choice.release)
        if file is not None:  # None for what is installed and listed without files, such as a checkout
            progress(f"fetching {choice.name} {choice.release.version}")
            cubes.append(path := fetch(choice.found.source, file))
            check_wheel(choice, read_wheel(path), shelf)
    wheels = [*cubes, *support_for(cubes, shelf)]
    progress("asking pip what they bring in")
    brought = brought_by(wheels)
    own = {sha256_of(path) for path in wheels}
    foreign = [one.distribution for one in brought if one.distribution.files[0].sha256 not in own]
    check_brought(foreign, shelf)
    distributions = [*map(_as_locked, wheels[len(cubes) :]), *foreign]
    names = needed([read_wheel(path).metadata.get_all("Requires-Dist") or [] for path in wheels], brought)
    progress("verifying attestations")
    new = bound(locked(choices.values(), _merged(distributions, lock.distributions, names)), lock, shelf)
    if problems := attestation_problems(new, shelf):
        raise CubekitError(problems)
    return Changes(
        choices=choices,
        wheels=wheels,
        from_index=foreign,
        brought=[one.distribution for one in brought],
        lock=new,
    )


def install_locked(lock: Lock, shelf: Shelf, progress: Callable[[str], None]) -> None:
    """Install exactly what a lock says.

    :raises CubekitError: CK6xx if a file cannot be had or is not the locked one; CK613 if pip refuses.
    """
    wheels, from_index = [], []
    for cube in lock.cubes:
        if not cube.files and version_of(cube.distribution) == cube.version:
            continue  # listed without files, and here already
        progress(f"fetching {cube.name} {cube.version}")
        wheels.append(fetch(shelf.get(cube.name).source, _suitable(cube.name, cube.version, cube.files)))
    for one in lock.distributions:
        owner = shelf.releases(one.name)
        if owner is None:
            from_index.append(one)
        else:
            wheels.append(fetch(owner[0], _suitable(one.name, one.version, one.files)))
    progress("installing")
    install(wheels, from_index)


def needed(requirements: Iterable[Iterable[str]], brought: Iterable[Brought] = ()) -> set[str]:
    """Return the names of all distributions that requirements lead to, by what is or will be installed."""
    from packaging.requirements import Requirement

    coming = {one.distribution.name: one.requires for one in brought}
    names: set[str] = set()
    queue = [text for texts in requirements for text in texts]
    while queue:
        requirement = Requirement(queue.pop())
        name = normalised(requirement.name)
        if name in names or (requirement.marker and not requirement.marker.evaluate({"extra": ""})):
            continue
        names.add(name)
        queue += coming[name] if name in coming else requirements_of(name)
    return names


def requirements_of(distribution: str) -> list[str]:
    """What an installed distribution depends on; nothing if it is not installed."""
    try:
        return requires(distribution) or []
    except PackageNotFoundError:
        return []


def version_of(distribution: str) -> str | None:
    """The installed version of a distribution."""
    try:
        return version(distribution)
    except PackageNotFoundError:
        return None


def _as_locked(wheel: Path) -> LockedDistribution:
    about = read_wheel(wheel)
    file = ReleaseFile(name=wheel.name, sha256=sha256_of(wheel))
    return LockedDistribution(name=about.distribution, version=about.version, files=[file])


def _merged(
    new: Iterable[LockedDistribution], old: Iterable[LockedDistribution], names: set[str]
) -> Iterable[LockedDistribution]:
    """What was locked before stays while it is needed, and adds the files of other systems to the same version."""
    merged = {one.name: one for one in old if one.name in names}
    for one in new:
        before = merged.get(one.name)
        files = {file.name: file for file in [*(before.files if before else ()), *one.files]}
        same = before is not None and before.version == one.version
        merged[one.name] = one.model_copy(update={"files": [files[name] for name in sorted(files)]}) if same else one
    return merged.values()


def _suitable(name: str, version: str, files: list[ReleaseFile]) -> ReleaseFile:
    file = best_wheel_of(files)
    if file is None:
        message = f"the lock has no wheel of {name} {version} for this Python and system"
        found = ", ".join(one.name for one in files)
        raise CubekitError(Diagnostic("CK604", message, found=found, fix="cubekit registry lock"))
    return file
