"""Fetches files, has pip say what they bring in, and has it install exactly that."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from cubekit.discovery.cache import cache_directory
from cubekit.discovery.cubes import normalised
from cubekit.discovery.registry import DistributionRelease, ReleaseFile
from cubekit.ground.diagnostics import CubekitError, Diagnostic
from cubekit.ground.versions import SpecifierSet, Version, admits, rank
from cubekit.registry.dependencies import reached
from cubekit.registry.files import draft_of
from cubekit.registry.lock import LockedDistribution
from cubekit.registry.records import is_altered
from cubekit.registry.shelf import Shelf
from cubekit.registry.sources import LARGEST_WHEEL, Source
from cubekit.registry.wheels import Wheel, best_wheel, best_wheel_of, read_wheel, sha256_of

__all__ = ["Brought", "brought_by", "fetch", "fetch_file", "install", "support_for", "uninstall"]

_PIP = (sys.executable, "-m", "pip", "--disable-pip-version-check", "--no-input")
_WHEELS = ("--only-binary", ":all:")
"""What a source distribution becomes when it is built is covered by no hash."""


def fetch(source: Source, distribution: str, version: str, files: Iterable[ReleaseFile]) -> Wheel:
    """Return the wheel of a release that suits this Python and system best, from the cache if it is there.

    :raises CubekitError: CK604 if there is none, CK601 if it cannot be had, CK606 if it is not the one that is listed,
        CK607 if it is not the distribution and version that it is listed as.
    """
    file = best_wheel_of(files)
    if file is None:
        message = f"there is no wheel of {distribution} {version} for this Python and system"
        found = ", ".join(one.name for one in files)
        raise CubekitError(Diagnostic("CK604", message, found=found, fix="cubekit registry lock"))
    wheel = read_wheel(fetch_file(source, file), file.sha256)
    if (wheel.distribution, Version(wheel.version)) != (distribution, Version(version)):
        message = f"{file.name} is not the distribution that it is listed as"
        found = f"{wheel.distribution} {wheel.version}"
        raise CubekitError(Diagnostic("CK607", message, needed=f"{distribution} {version}", found=found))
    return wheel


def fetch_file(source: Source, file: ReleaseFile) -> Path:
    """Return a file of a release, from the cache if it is there.

    :raises CubekitError: CK601 if it cannot be had, CK606 if it is not the one that is listed.
    """
    path = cache_directory() / "files" / file.sha256 / file.name
    if not path.exists() or sha256_of(path) != file.sha256:
        with source.ask(f"files/{file.name}", most=LARGEST_WHEEL) as answer, draft_of(path) as draft:
            if answer.status == 404:
                raise source.unreachable(f"it has no files/{file.name}")
            digest = hashlib.sha256()
            for piece in answer.pieces:
                digest.update(piece)
                draft.write(piece)
            if (found := digest.hexdigest()) != file.sha256:
                raise _tampered(source, file, found)
    return path


def _tampered(source: Source, file: ReleaseFile, found: str) -> CubekitError:
    return CubekitError(
        Diagnostic(
            "CK606",
            f'{file.name} of registry "{source.name}" is not the file that was published: somebody changed it',
            needed=f"sha256 {file.sha256}",
            found=f"sha256 {found}",
            fix="do not install it; tell the owner of the registry",
        )
    )


def support_for(wheels: Sequence[Wheel], shelf: Shelf) -> list[Wheel]:
    """Fetch the distributions of registries that wheels depend on, and those that these depend on.

    Taking them here, and not from an index, is what keeps a stranger from offering a higher version there.

    :raises CubekitError: CK603 if no release is admitted, CK601, CK606 or CK607 if a file cannot be had.
    """
    own = {wheel.distribution: wheel for wheel in wheels}
    taken: dict[str, Wheel] = {}
    passed: list[dict[str, Wheel]] = []
    while taken not in passed:  # what a release asks for counts only as long as that release is taken
        passed.append(taken)
        known = own | taken

        def requires(name: str, known: Mapping[str, Wheel] = known) -> Iterable[str]:
            return known[name].requires if name in known else ()

        admitted = reached((wheel.requires for wheel in wheels), requires)
        owners = {name: shelf.releases(name) for name in admitted if name not in own}
        taken = {
            name: _newest(name, admitted[name], owner[0], owner[1])
            for name, owner in owners.items()
            if owner is not None
        }
    if taken != passed[-1]:
        message = f"no releases of {' and '.join(sorted(taken.keys() | passed[-1].keys()))} fit together"
        raise CubekitError(Diagnostic("CK603", message, fix="cubekit registry show NAME, and admit other versions"))
    return list(taken.values())


def _newest(name: str, versions: SpecifierSet, source: Source, releases: Sequence[DistributionRelease]) -> Wheel:
    usable = [one for one in releases if one.yanked is None and admits(versions, one.version) and best_wheel(one)]
    if not usable:
        message = f"no release of {name} can be taken, which a cube depends on"
        listed = ", ".join(f"{one.version}{' (withdrawn)' if one.yanked else ''}" for one in releases)
        raise CubekitError(Diagnostic("CK603", message, needed=f"{name} {versions}", found=listed or "no release"))
    newest = max(usable, key=lambda one: rank(one.version))
    return fetch(source, name, newest.version, newest.files)


@dataclass(frozen=True, slots=True)
class Brought:
    """A distribution that pip would install, and what it depends on."""

    distribution: LockedDistribution
    requires: tuple[str, ...]


def brought_by(wheels: Sequence[Wheel]) -> list[Brought]:
    """Ask pip what installing some wheels changes: all that is not installed in a fitting version already.

    :raises CubekitError: CK613 if it finds no way.
    """
    if not wheels:
        return []
    with tempfile.TemporaryDirectory() as directory:
        report = Path(directory, "report.json")
        _pip(
            "install", "--dry-run", "--quiet", *_WHEELS, "--report", str(report), *(str(wheel.path) for wheel in wheels)
        )
        items = json.loads(report.read_text(encoding="utf-8"))["install"]
    files = {wheel.sha256: wheel.path.name for wheel in wheels}
    return [_brought(item, files) for item in items]


def _brought(item: Mapping[str, Any], files: Mapping[str, str]) -> Brought:
    metadata, origin = item["metadata"], item["download_info"]
    sha256 = origin.get("archive_info", {}).get("hashes", {}).get("sha256")
    if sha256 is None:
        message = f"pip would take {metadata['name']} from where no hash covers it"
        fix = "ask the cube's author to depend on it by name and version"
        raise CubekitError(Diagnostic("CK613", message, found=origin["url"], fix=fix))
    file = ReleaseFile(name=files.get(sha256) or unquote(Path(urlsplit(origin["url"]).path).name), sha256=sha256)
    name, version = normalised(metadata["name"]), metadata["version"]
    one = LockedDistribution(name=name, version=version, files=[file])
    return Brought(one, tuple(metadata.get("requires_dist", ())))


def install(wheels: Sequence[Wheel], distributions: Iterable[LockedDistribution]) -> None:
    """Install wheels, and distributions from pip's indexes, each only if its hash is the given one.

    :raises CubekitError: CK613 if pip refuses.
    """
    altered = [wheel for wheel in wheels if is_altered(wheel)]
    lines = list(map(_line, wheels))
    for one in distributions:
        hashes = " ".join(f"--hash=sha256:{file.sha256}" for file in one.files)
        lines.append(f"{one.name}=={one.version} {hashes}")
    _install(lines)
    _install(list(map(_line, altered)), "--force-reinstall", "--no-deps")


def _line(wheel: Wheel) -> str:
    return f"{wheel.path.as_uri()} --hash=sha256:{wheel.sha256}"


def _install(lines: Sequence[str], *options: str) -> None:
    if not lines:
        return
    with tempfile.TemporaryDirectory() as directory:
        requirements = Path(directory, "requirements.txt")
        requirements.write_text("\n".join(lines), encoding="utf-8")
        _pip("install", "--quiet", *options, *_WHEELS, "--require-hashes", "--requirement", str(requirements))


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
