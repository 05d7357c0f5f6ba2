"""Looks into wheels without installing or importing them."""

from __future__ import annotations

import hashlib
import zipfile
from collections.abc import Iterable, Mapping
from configparser import ConfigParser
from configparser import Error as ConfigError
from dataclasses import dataclass
from email.message import Message
from email.parser import BytesParser
from pathlib import Path

from cubekit.discovery.cubes import normalised
from cubekit.discovery.registry import DistributionRelease, ReleaseFile
from cubekit.ground.colours import Colour
from cubekit.ground.diagnostics import CubekitError, Diagnostic

__all__ = ["Wheel", "best_wheel", "best_wheel_of", "read_wheel", "sha256_of"]


@dataclass(frozen=True)
class Wheel:
    """What a wheel says of itself."""

    path: Path
    distribution: str
    version: str
    metadata: Message
    cubes: Mapping[str, tuple[Colour, str]]
    """Colour and target of every cube that it offers."""
    claims: Mapping[str, str]
    """The levels of the quality scale that its author claims, by cube."""


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


def read_wheel(path: Path) -> Wheel:
    """Read the metadata of a wheel.

    :raises CubekitError: CK612 if it is no wheel.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            directory = next(name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
            metadata = BytesParser().parsebytes(archive.read(directory))
            entry_points = directory.removesuffix("METADATA") + "entry_points.txt"
            text = archive.read(entry_points).decode() if entry_points in archive.namelist() else ""
        groups = ConfigParser(delimiters=("=",), interpolation=None)
        groups.optionxform = str  # type: ignore[assignment, method-assign] # names keep their case
        groups.read_string(text)
        name, version = str(metadata["Name"]), str(metadata["Version"])
    except (OSError, StopIteration, UnicodeDecodeError, zipfile.BadZipFile, ConfigError) as error:
        message = f"{path} cannot be read as a wheel: {str(error) or type(error).__name__}"
        raise CubekitError(Diagnostic("CK612", message, fix="build it again: python -m build")) from error
    cubes = {
        normalised(cube): (colour, target.strip())
        for colour in Colour
        if groups.has_section(colour.group)
        for cube, target in groups.items(colour.group)
    }
    claimed = groups.items("cubekit.quality") if groups.has_section("cubekit.quality") else ()
    claims = {normalised(cube): level.strip() for cube, level in claimed}
    return Wheel(path, normalised(name), version, metadata, cubes, claims)
