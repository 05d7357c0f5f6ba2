"""Looks for all that is wrong with a registry's directory, as its owner or a reader would like to know."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from cubekit.discovery.registry import Registry, RegistryEntry, ReleaseFile, SupportEntry, read_registry
from cubekit.ground.diagnostics import CubekitError, Diagnostic, Place
from cubekit.ground.toml_lines import TomlFile, read_toml
from cubekit.registry.names import lookalikes
from cubekit.registry.provenance import unattested
from cubekit.registry.sources import Source
from cubekit.registry.wheels import read_wheel, sha256_of

__all__ = ["registry_faults"]


def registry_faults(path: Path, progress: Callable[[str], None]) -> list[Diagnostic]:
    """Return what is wrong with a registry beyond its shape: files, names, signatures.

    :raises CubekitError: CK101 to CK104 if the file itself is not valid.
    """
    file = read_toml(path)
    registry = read_registry(file)
    problems = [*_name_faults(registry, file)]
    for name, entry in registry.cubes.items():
        problems += _release_faults(("cubes", name), entry.distribution, entry, file, progress, name)
    for name, support in registry.distributions.items():
        problems += _release_faults(("distributions", name), name, support, file, progress)
    problems += _signature_faults(path)
    return problems


def _name_faults(registry: Registry, file: TomlFile) -> Iterator[Diagnostic]:
    for other, name in lookalikes(registry.cubes):
        if set(registry.cubes[name].owners).isdisjoint(registry.cubes[other].owners):
            yield Diagnostic(
                "CK607",
                f'the cube name "{name}" looks like "{other}", which belongs to somebody else',
                file.place("cubes", name),
                fix=f"rename it, or have an owner of {other} among its owners",
            )


def _release_faults(
    keys: tuple[str, str],
    distribution: str,
    entry: RegistryEntry | SupportEntry,
    file: TomlFile,
    progress: Callable[[str], None],
    cube: str | None = None,
) -> Iterator[Diagnostic]:
    directory = file.path.parent
    for number, release in enumerate(entry.releases):
        place = file.place(*keys, "releases", number, "files")
        faults: list[Diagnostic] = []
        for listed in release.files:
            progress(f"checking {listed.name}")
            faults += _file_faults(listed, f"{distribution} {release.version}", directory, place, cube)
        yield from faults
        if not faults:  # else attestations of what is not there would be faults too
            read = partial(_content, directory)
            yield from (one.at(place) for one in unattested(release.files, entry.trusted_publishers, read, None))


def _content(directory: Path, file: ReleaseFile) -> bytes:
    return (directory / "files" / file.name).read_bytes()


def _file_faults(
    listed: ReleaseFile, expected: str, directory: Path, place: Place, cube: str | None
) -> Iterator[Diagnostic]:
    path = directory / "files" / listed.name
    if not path.is_file():
        message = f"{listed.name} is listed and not there"
        yield Diagnostic("CK606", message, place, needed=str(path), fix="publish it again from the same build")
        return
    if (found := sha256_of(path)) != listed.sha256:
        message = f"{listed.name} is not the file that was published: somebody changed it"
        needed = f"sha256 {listed.sha256}"
        yield Diagnostic("CK606", message, place, needed=needed, found=f"sha256 {found}", fix="put the old one back")
        return
    if path.suffix != ".whl":
        return
    try:
        wheel = read_wheel(path)
    except CubekitError as error:
        yield from error.diagnostics
        return
    if f"{wheel.distribution} {wheel.version}" != expected:
        message = f"{listed.name} is not the distribution that it is listed as"
        yield Diagnostic("CK607", message, place, needed=expected, found=f"{wheel.distribution} {wheel.version}")
    if cube is not None and cube not in wheel.cubes:
        offered = ", ".join(wheel.cubes) or "no cube"
        yield Diagnostic("CK607", f'{listed.name} does not offer the cube "{cube}"', place, found=offered)


def _signature_faults(path: Path) -> Iterator[Diagnostic]:
    root = path.parent / "metadata" / "1.root.json"
    if not root.exists():
        return
    from cubekit.registry.signing import SIGN_CHANGES  # needs an extra
    from cubekit.registry.trust import trusted_file

    source = Source("checked", str(path.parent), root=root)
    with tempfile.TemporaryDirectory() as kept:
        try:
            signed = trusted_file(source, Path(kept), offline=False).read_bytes()
        except CubekitError as error:
            yield from error.diagnostics
            return
    if signed != path.read_bytes():
        message = f"{path.name} is not what was signed"
        yield Diagnostic("CK609", message, Place(str(path)), fix=SIGN_CHANGES)
