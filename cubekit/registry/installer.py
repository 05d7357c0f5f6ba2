"""Fetches files, has pip say what they bring in, and has it install exactly that."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

from cubekit.discovery.cache import cache_directory
from cubekit.discovery.cubes import normalised
from cubekit.discovery.registry import DistributionRelease, ReleaseFile
from cubekit.ground.diagnostics import CubekitError, Diagnostic
from cubekit.ground.versions import SpecifierSet, Version, admits
from cubekit.registry.files import write_whole
from cubekit.registry.lock import LockedDistribution
from cubekit.registry.shelf import Shelf
from cubekit.registry.sources import Source
from cubekit.registry.wheels import best_wheel, read_wheel, sha256_of

__all__ = ["Brought", "brought_by", "fetch", "install", "support_for", "uninstall"]

_PIP = (sys.executable, "-m", "pip", "--disable-pip-version-check", "--no-input")
_WHEELS = ("--only-binary", ":all:")
"""What a source distribution becomes when it is built is covered by no hash."""


def fetch(source: Source, file: ReleaseFile) -> Path:
    """Return a file of a registry, from the cache if it is there.

    :raises CubekitError: CK601 if it cannot be had, CK606 if it is not the one that the registry lists.
    """
    path = cache_directory() / "files" / file.sha256 / file.name
    if path.exists() and sha256_of(path) == file.sha256:
        return path
    content = source.read(f"files/{file.name}")
    write_whole(path, content)
    if (found := sha256_of(path)) != file.sha256:
        path.unlink()
        raise CubekitError(
            Diagnostic(
                "CK606",
                f'{file.name} of registry "{source.name}" is not the file that was published: somebody changed it',
                needed=f"sha256 {file.sha256}",
                found=f"sha256 {found}",
                fix="do not install it; tell the owner of the registry",
            )
        )
    return path


def support_for(wheels: Iterable[Path], shelf: Shelf) -> list[Path]:
    """Fetch the distributions of registries that wheels depend on, and those that these depend on.

    Taking them here, and not from an index, is what keeps a stranger from offering a higher version there.

    :raises CubekitError: CK603 if no release is admitted, CK601 or CK606 if a file cannot be had.
    """
    from packaging.requirements import Requirement

    admitted: dict[str, SpecifierSet] = {}
    found: dict[str, Path] = {}
    queue = list(wheels)
    offered = {read_wheel(path).distribution for path in queue}
    while queue:
        for text in read_wheel(queue.pop()).metadata.get_all("Requires-Dist") or ():
            requirement = Requirement(text)
            name = normalised(requirement.name)
            if name in offered or (requirement.marker and not requirement.marker.evaluate({"extra": ""})):
                continue
            owner = shelf.releases(name)
            if owner is None:
                continue
            admitted[name] = admitted.get(name, SpecifierSet()) & requirement.specifier
            path = fetch(owner[0], _newest(name, admitted[name], owner[1]))
            if found.get(name) != path:
                found[name] = path
                queue.append(path)
    return list(found.values())


def _newest(name: str, versions: SpecifierSet, releases: Sequence[DistributionRelease]) -> ReleaseFile:
    usable = [
        (Version(one.version), wheel)
        for one in releases
        if one.yanked is None and admits(versions, one.version) and (wheel := best_wheel(one)) is not None
    ]
    if not usable:
        message = f"no release of {name} can be taken, which a cube depends on"
        listed = ", ".join(f"{one.version}{' (withdrawn)' if one.yanked else ''}" for one in releases)
        raise CubekitError(Diagnostic("CK603", message, needed=f"{name} {versions}", found=listed or "no release"))
    return max(usable, key=lambda one: (not one[0].is_prerelease, one[0]))[1]


@dataclass(frozen=True, slots=True)
class Brought:
    """A distribution that pip would install, and what it depends on."""

    distribution: LockedDistribution
    requires: tuple[str, ...]


def brought_by(wheels: Sequence[Path]) -> list[Brought]:
    """Ask pip what installing some wheels changes: all that is not installed in a fitting version already.

    :raises CubekitError: CK613 if it finds no way.
    """
    if not wheels:
        return []
    with tempfile.TemporaryDirectory() as directory:
        report = Path(directory, "report.json")
        _pip("install", "--dry-run", "--quiet", *_WHEELS, "--report", str(report), *map(str, wheels))
        items = json.loads(report.read_text(encoding="utf-8"))["install"]
    by_hash = {sha256_of(path): path.name for path in wheels}
    brought = []
    for item in items:
        sha256 = item["download_info"]["archive_info"]["hashes"]["sha256"]
        name = by_hash.get(sha256) or unquote(Path(urlsplit(item["download_info"]["url"]).path).name)
        metadata = item["metadata"]
        one = LockedDistribution(
            name=normalised(metadata["name"]),
            version=metadata["version"],
            files=[ReleaseFile(name=name, sha256=sha256)],
        )
        brought.append(Brought(one, tuple(metadata.get("requires_dist", ()))))
    return brought


def install(wheels: Sequence[Path], distributions: Iterable[LockedDistribution]) -> None:
    """Install wheels, and distributions from pip's indexes, each only if its hash is the given one.

    :raises CubekitError: CK613 if pip refuses.
    """
    lines = [f"{path.as_uri()} --hash=sha256:{sha256_of(path)}" for path in wheels]
    for one in distributions:
        hashes = " ".join(f"--hash=sha256:{file.sha256}" for file in one.files)
        lines.append(f"{one.name}=={one.version} {hashes}")
    if not lines:
        return
    with tempfile.TemporaryDirectory() as directory:
        requirements = Path(directory, "requirements.txt")
        requirements.write_text("\n".join(lines), encoding="utf-8")
        _pip("install", "--quiet", *_WHEELS, "--require-hashes", "--requirement", str(requirements))


def uninstall(distributions: Sequence[str]) -> None:
    """Remove distributions. Nothing of them is imported.

    :raises CubekitError: CK613 if pip fails.
    """
    if distributions:
        _pip("uninstall", "--yes", "--quiet", *distributions)


def _pip(*arguments: str) -> None:
    done = subprocess.run([*_PIP, *arguments], capture_output=True, text=True, check=False)  # noqa: S603
    if done.returncode:
        said = [line for line in done.stderr.splitlines() if line.startswith("ERROR")] or done.stderr.splitlines()
        raise CubekitError(
            Diagnostic(
                "CK613",
                f"pip {arguments[0]} ended with status {done.returncode}",
                found="\n".join(said[-6:]),
                fix="mend what pip says and run the same command again; nothing else was changed",
            )
        )
