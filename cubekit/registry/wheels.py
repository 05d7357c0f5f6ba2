"""Looks into wheels without installing or importing them."""

from __future__ import annotations

import hashlib
import zipfile
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from email.message import Message
from email.parser import BytesParser
from pathlib import Path

from cubekit.discovery.cubes import CubeInfo, normalised
from cubekit.discovery.registry import DistributionRelease, ReleaseFile
from cubekit.ground.colours import Colour
from cubekit.ground.diagnostics import CubekitError, Diagnostic
from cubekit.ground.quality import Level
from cubekit.ground.versions import Version

__all__ = ["Wheel", "best_wheel", "best_wheel_of", "read_wheel", "sha256_of"]

_LARGEST = 16 * 2**20
"""Bytes that a file of metadata may take; a few hundred of a wheel can be unpacked to as many gigabytes."""


@dataclass(frozen=True)
class Wheel:
    """What a wheel says of itself."""

    path: Path
    sha256: str
    distribution: str
    version: str
    metadata: Message = field(compare=False)
    record: str
    """The hash of every file in it."""
    cubes: Mapping[str, tuple[Colour, str]]
    """Colour and target of every cube that it offers."""
    levels: Mapping[str, Level]
    """The levels of the quality scale that its author claims, by cube."""

    @property
    def requires(self) -> list[str]:
        """What it depends on."""
        return [str(text) for text in self.metadata.get_all("Requires-Dist") or ()]


def sha256_of(path: Path) -> str:
    """The hash of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def best_wheel(release: DistributionRelease) -> ReleaseFile | None:
    """The wheel of a release that suits this Python and system best; None if none does."""
    return best_wheel_of(release.files)


def best_wheel_of(files: Iterable[ReleaseFile]) -> ReleaseFile | None:
    """The wheel that suits this Python and system best.

    Only wheels are installed: what a source distribution becomes when it is built is covered by no hash.
    """
    from packaging.tags import sys_tags
    from packaging.utils import InvalidWheelFilename, parse_wheel_filename

    order = {tag: number for number, tag in enumerate(sys_tags())}
    ranked = []
    for file in files:
        try:
            tags = parse_wheel_filename(file.name)[3]
        except InvalidWheelFilename:
            continue  # a source distribution
        if fitting := [order[tag] for tag in tags if tag in order]:
            ranked.append((min(fitting), file.name, file))
    return min(ranked)[2] if ranked else None


def read_wheel(path: Path, sha256: str | None = None) -> Wheel:
    """Read the metadata of a wheel, as pip and cubekit will once it is installed.

    :param sha256: its hash, if that was found out already.
    :raises CubekitError: CK612 if it is no wheel, CK306 if its entry points cannot be read.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            directory = _metadata_directory(archive.namelist())
            metadata = BytesParser().parsebytes(_content(archive, f"{directory}/METADATA"))
            entry_points = f"{directory}/entry_points.txt"
            text = _content(archive, entry_points).decode() if entry_points in archive.namelist() else ""
            record = _content(archive, f"{directory}/RECORD").decode()
        name, version = normalised(str(metadata["Name"])), str(Version(str(metadata["Version"])))
    except (OSError, LookupError, ValueError, RuntimeError, zipfile.BadZipFile, zlib.error) as error:
        message = f"{path} cannot be read as a wheel: {str(error) or type(error).__name__}"
        raise CubekitError(Diagnostic("CK612", message, fix="build it again: python -m build")) from error
    offered = _offered(text, path, name, version)
    cubes = {cube.name: (cube.colour, cube.target) for cube in offered}
    levels = {cube.name: cube.quality for cube in offered if cube.quality is not None}
    return Wheel(path, sha256 or sha256_of(path), name, version, metadata, record, cubes, levels)


def _metadata_directory(names: Iterable[str]) -> str:
    """The one directory of metadata. Were there others, what is checked here would not be what is installed."""
    found = {directory for name in names for directory in _metadata_directories(name)}
    if len(found) != 1 or not all(one.endswith(".dist-info") for one in found):
        raise ValueError(f"it needs one .dist-info directory, and has: {', '.join(sorted(found)) or 'none'}")
    return found.pop()


def _metadata_directories(name: str) -> Iterator[str]:
    parts = name.split("/")
    if parts[0].endswith(".data"):  # pip puts what is below its directories where everything else is
        parts = parts[2:]
    if len(parts) > 1 and parts[0].lower().endswith((".dist-info", ".egg-info")):
        yield parts[0]


def _content(archive: zipfile.ZipFile, name: str) -> bytes:
    if (size := archive.getinfo(name).file_size) > _LARGEST:
        raise ValueError(f"{name} has {size} bytes")
    return archive.read(name)


def _offered(text: str, path: Path, distribution: str, version: str) -> Sequence[CubeInfo]:
    from cubekit.discovery.distributions import read_entry_points

    offered = read_entry_points(text, f"{path.name}/entry_points.txt", distribution, version)
    if wrong := [problem for problem in offered.diagnostics if problem.severity == "error"]:
        raise CubekitError(wrong)
    return offered.cubes
