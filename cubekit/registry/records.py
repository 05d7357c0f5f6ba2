"""Compares installed files with the hashes in a RECORD."""

from __future__ import annotations

import base64
import csv
import hashlib
import io
from collections.abc import Iterator
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path, PurePosixPath

from cubekit.ground.versions import Version
from cubekit.registry.wheels import Wheel

__all__ = ["changed", "is_altered"]


def changed(found: Distribution, record: str) -> Iterator[str]:
    """Name the files of a record that are installed with other content, or not at all."""
    for row in csv.reader(io.StringIO(record)):
        if len(row) < 2 or not row[1]:
            continue
        if row[0].partition("/")[0].endswith(".data"):  # pip moves it elsewhere, and rewrites scripts
            continue
        algorithm, _, expected = row[1].partition("=")
        path = Path(str(found.locate_file(PurePosixPath(row[0]).as_posix())))
        try:
            digest = hashlib.new(algorithm, path.read_bytes()).digest()
        except (OSError, ValueError):  # or an algorithm that nobody knows
            yield f"{row[0]} cannot be read"
        else:
            if base64.urlsafe_b64encode(digest).rstrip(b"=").decode() != expected:
                yield row[0]


def is_altered(wheel: Wheel) -> bool:
    """Whether what is installed says that it is this wheel's version, and has not its content: pip would let it be."""
    try:
        found = distribution(wheel.distribution)
    except PackageNotFoundError:
        return False
    if Version(found.version) != Version(wheel.version) or "dir_info" in (found.read_text("direct_url.json") or ""):
        return False  # pip itself puts the wheel in place of another version, or of a directory
    return any(changed(found, wheel.record))
