"""Where cubekit writes: its cache, and the space that is left there."""

from __future__ import annotations

import os
import shlex
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from cubekit.cli.doctor.case import Case
from cubekit.cli.doctor.findings import Finding, error, ok, warning
from cubekit.discovery.cache import cache_directory

__all__ = ["cache", "disk", "open_to_all"]

_MIB = 1 << 20
_LITTLE, _TOO_LITTLE = 512 * _MIB, 16 * _MIB


def cache(case: Case) -> Iterator[Finding]:
    """Write into the cache, and see who else may."""
    try:
        directory = cache_directory()
        directory.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=directory, prefix="probe-") as probe:
            probe.write(b"probe")
            probe.flush()
    except OSError as problem:
        message = f"cannot be written, so that every start scans all distributions again: {problem}"
        yield warning("cache", message, fix="export CUBEKIT_CACHE_DIR=~/.cubekit-cache")
        return
    if open_to_all(directory):
        message = f"everybody may write into {directory}, and thus say what cubekit imports"
        yield error("cache", message, fix=f"chmod 700 {shlex.quote(str(directory))}")
    else:
        yield ok("cache", str(directory))


def disk(case: Case, *, enough: int = _LITTLE) -> Iterator[Finding]:
    """Look at the space that is left where cubekit writes.

    :param enough: bytes below which it is worth a warning.
    """
    places = [Path(tempfile.gettempdir()), *([case.service.directory] if case.service else [])]
    with suppress(OSError):  # there is none, which the cache's own check says
        places.insert(0, _existing(cache_directory()))
    seen = set()
    for place in places:
        if (device := place.stat().st_dev) in seen:
            continue
        seen.add(device)
        free = shutil.disk_usage(place).free
        text = f"{free // _MIB} MiB are free at {place}"
        fix = f"df -h {shlex.quote(str(place))}; delete what is not needed: rm -r ~/.cache/pip"
        if free < _TOO_LITTLE:
            yield error("disk", f"{text}: logs, caches and installations will fail", fix=fix)
        elif free < enough:
            yield warning("disk", f"{text}, which logs or an installation fill soon", fix=fix)
        else:
            yield ok("disk", text)


def open_to_all(directory: Path) -> bool:
    """Whether everybody may put files in the place of others' there."""
    try:
        mode = directory.stat().st_mode
    except OSError:
        return False
    return os.name == "posix" and bool(mode & 0o002) and not mode & 0o1000


def _existing(directory: Path) -> Path:
    return next(place for place in (directory, *directory.parents) if place.exists())
