"""Works out what getting some cubes changes, before anything is changed, and then does it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version

from cubekit.discovery import Catalogue
from cubekit.discovery.registry import ReleaseFile
from cubekit.ground.diagnostics import CubekitError
from cubekit.ground.versions import SpecifierSet
from cubekit.registry.bindings import check_bindings, check_brought, check_offers, moved
from cubekit.registry.dependencies import reached, requirements_of
from cubekit.registry.installer import brought_by, fetch, install, support_for
from cubekit.registry.lock import Lock, LockedDistribution, locked
from cubekit.registry.provenance import attestation_problems, bound
from cubekit.registry.records import is_altered
from cubekit.registry.resolver import Choice, resolve
from cubekit.registry.shelf import Shelf
from cubekit.registry.sources import Source
from cubekit.registry.verification import listing_problems
from cubekit.registry.wheels import Wheel, best_wheel

__all__ = ["Changes", "install_locked", "prepare"]


@dataclass(frozen=True)
class Changes:
    """What will be installed, and the lock that goes with it."""

    choices: Mapping[str, Choice]
    wheels: Sequence[Wheel]
    """Of registries: the cubes', and those of the distributions that they need."""
    from_index: Sequence[LockedDistribution]
    """What pip takes from its own indexes."""
    brought: Sequence[LockedDistribution]
    """All that pip will install, cubes included."""
    sources: Collection[Source]
    """The registries that the wheels come from."""
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
    changed = [problem for problem in listing_problems(lock, shelf) if problem.code == "CK606"]
    if refused := [*moved(lock, shelf), *changed]:
        raise CubekitError(refused)  # to lock the new hash, or from the new place, would be to accept it
    cubes = []
    for choice in choices.values():
        if best_wheel(choice.release) is not None:  # None for what is installed and listed without files: a checkout
            progress(f"fetching {choice.name} {choice.release.version}")
            release = choice.release
            cubes.append(fetch(choice.found.source, choice.entry.distribution, release.version, release.files))
    support = support_for(cubes, shelf)
    wheels = [*cubes, *support]
    check_offers(wheels, shelf)
    progress("asking pip what they bring in")
    brought = brought_by(wheels)
    own = {wheel.sha256 for wheel in wheels}
    foreign = [one.distribution for one in brought if one.distribution.files[0].sha256 not in own]
    check_brought(foreign, shelf)
    coming = {one.distribution.name: one.requires for one in brought}
    names = reached(
        (wheel.requires for wheel in wheels), lambda name: coming[name] if name in coming else requirements_of(name)
    )
    distributions = [*(_as_locked(wheel, shelf) for wheel in support), *foreign]
    progress("verifying attestations")
    new = bound(locked(choices.values(), _merged(distributions, lock.distributions, names)), lock, shelf)
    if problems := attestation_problems(new, shelf):
        raise CubekitError(problems)
    return Changes(
        choices=choices,
        wheels=wheels,
        from_index=foreign,
        brought=[
            *(one.distribution for one in brought),
            *(_as_locked(wheel, shelf) for wheel in wheels if is_altered(wheel)),
        ],
        sources={owner[0] for wheel in wheels if (owner := shelf.releases(wheel.distribution))},
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
        wheels.append(fetch(shelf.get(cube.name).source, cube.distribution, cube.version, cube.files))
    for one in lock.distributions:
        owner = shelf.releases(one.name)
        if owner is None:
            from_index.append(one)
        else:
            wheels.append(fetch(owner[0], one.name, one.version, one.files))
    progress("installing")
    install(wheels, from_index)


def version_of(distribution: str) -> str | None:
    """The installed version of a distribution."""
    try:
        return version(distribution)
    except PackageNotFoundError:
        return None


def _as_locked(wheel: Wheel, shelf: Shelf) -> LockedDistribution:
    owner = shelf.releases(wheel.distribution)
    file = ReleaseFile(name=wheel.path.name, sha256=wheel.sha256)
    registry = owner[0].name if owner else None
    return LockedDistribution(name=wheel.distribution, version=wheel.version, registry=registry, files=[file])


def _merged(
    new: Iterable[LockedDistribution], old: Iterable[LockedDistribution], names: Collection[str]
) -> Iterable[LockedDistribution]:
    """What was locked before stays while it is needed, and adds the files of other systems to the same version."""
    merged = {one.name: one for one in old if one.name in names}
    for one in new:
        before = merged.get(one.name)
        files = {file.name: file for file in [*(before.files if before else ()), *one.files]}
        same = before is not None and before.version == one.version
        merged[one.name] = one.model_copy(update={"files": [files[name] for name in sorted(files)]}) if same else one
    return merged.values()
