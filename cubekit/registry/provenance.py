"""Which files of releases must be attested, and by whom. Sigstore is imported only where there are attestations.

Beside ``files/NAME`` lies ``files/NAME.provenance`` (PEP 740), a file of the release like every other: its hash is in
``registry.toml``, and so covered by the signature of that, and in the lock.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

from cubekit.discovery.publishers import TrustedPublisher
from cubekit.discovery.registry import ReleaseFile
from cubekit.ground.diagnostics import CubekitError, Diagnostic
from cubekit.registry.installer import fetch_file
from cubekit.registry.lock import Lock, LockedCube, LockedDistribution
from cubekit.registry.shelf import Shelf
from cubekit.registry.sources import Source

__all__ = ["SUFFIX", "attestation_problems", "bound", "unattested"]

SUFFIX = ".provenance"
_FIX = "do not install it; ask the owner of the registry for its attestations"


def bound(lock: Lock, before: Lock, shelf: Shelf) -> Lock:
    """Add to a lock who attests what is in it. Who did before still must, whatever registries say now."""
    cubes, distributions = [], []
    for cube in lock.cubes:
        publishers = _publishers(before.get(cube.name), shelf.get(cube.name).entry.trusted_publishers, cube.files)
        cubes.append(cube.model_copy(update={"trusted_publishers": publishers}))
    known = {one.name: one for one in before.distributions}
    for other in lock.distributions:
        owner = shelf.entries(other.name)
        entries = owner[1] if owner else ()
        listed = {file.name: file for entry in entries for release in entry.releases for file in release.files}
        names = {file.name + SUFFIX for file in other.files} & listed.keys()
        files = {file.name: file for file in (*other.files, *(listed[name] for name in names))}
        now = [publisher for entry in entries for publisher in entry.trusted_publishers]
        publishers = _publishers(known.get(other.name), now, files.values())
        update = {"trusted_publishers": publishers, "files": [files[name] for name in sorted(files)]}
        distributions.append(other.model_copy(update=update))
    return lock.model_copy(update={"cubes": cubes, "distributions": distributions})


def _publishers(
    before: LockedCube | LockedDistribution | None, now: list[TrustedPublisher], files: Iterable[ReleaseFile]
) -> list[TrustedPublisher]:
    if before is not None and before.trusted_publishers:
        return before.trusted_publishers
    return now if any(file.name.endswith(SUFFIX) for file in files) else []


def attestation_problems(lock: Lock, shelf: Shelf) -> list[Diagnostic]:
    """Return what is locked and not attested as it must be.

    :raises CubekitError: CK614 if something is attested, and the extra is missing with which it is verified.
    """
    problems: list[Diagnostic] = []
    for cube in lock.cubes:
        try:
            source = shelf.get(cube.name).source
        except CubekitError:  # it belongs to no registry any more, or to two, which others tell
            continue
        problems += _locked_problems(cube, source)
    for other in lock.distributions:
        if (owner := shelf.entries(other.name)) is not None:  # or else it has moved, which others tell
            problems += _locked_problems(other, owner[0])
    return problems


def _locked_problems(one: LockedCube | LockedDistribution, source: Source) -> Iterator[Diagnostic]:
    needed = f"attestations, which [registries.{source.name}] requires" if source.attested else None
    if one.trusted_publishers:
        needed = "\n".join(["an attestation, as before, of", *map(str, one.trusted_publishers)])
    yield from unattested(one.files, one.trusted_publishers, lambda file: fetch_file(source, file).read_bytes(), needed)


def unattested(
    files: Sequence[ReleaseFile],
    publishers: Sequence[TrustedPublisher],
    read: Callable[[ReleaseFile], bytes],
    needed: str | None,
) -> Iterator[Diagnostic]:
    """Tell which files of a release are not trusted.

    :param read: returns the content of a provenance.
    :param needed: what wheels must have; None if they may be without.
    :raises CubekitError: CK614 if there are attestations, and the extra is missing with which they are verified.
    """
    listed = {file.name: file for file in files}
    for file in files:
        provenance = listed.get(file.name + SUFFIX)
        if provenance is None:
            if needed is not None and file.name.endswith(".whl"):
                yield Diagnostic("CK615", f"{file.name} is not trusted: nobody attests it", needed=needed, fix=_FIX)
            continue
        from cubekit.registry.attestations import verify_provenance

        try:
            verify_provenance(read(provenance), file, publishers)
        except CubekitError as error:
            yield from error.diagnostics
