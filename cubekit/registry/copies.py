"""Brings every registry onto this machine, and keeps it for when there is no network."""

from __future__ import annotations

import hashlib
from pathlib import Path

from cubekit.discovery.cache import cache_directory
from cubekit.ground.diagnostics import CubekitError
from cubekit.registry.files import write_whole
from cubekit.registry.sources import Source

__all__ = ["current_file"]


def current_file(source: Source, *, offline: bool = False) -> Path:
    """Return a file with what a registry says now, having checked its signatures if it is signed.

    :param offline: ask nobody; take what was fetched before, as long as it is valid.
    :raises CubekitError: CK601 if it cannot be had; CK609, CK610 or CK611 if it is not to be trusted.
    """
    if source.root is not None:
        from cubekit.registry.trust import trusted_file  # needs an extra

        return trusted_file(source, cache_of(source), offline=offline)
    if not source.remote:
        if not source.path.is_file():
            raise source.unreachable("there is no such file")
        return source.path
    return _fetched(source, cache_of(source), offline=offline)


def cache_of(source: Source) -> Path:
    """The directory in which what was fetched from a registry is kept."""
    key = hashlib.sha256(f"{source.address}/{source.file}\n{source.root}".encode()).hexdigest()
    return cache_directory() / "registries" / key[:16]


def _fetched(source: Source, kept: Path, *, offline: bool) -> Path:
    file, tag = kept / source.file, kept / "etag"
    if not offline:
        headers = {"If-None-Match": tag.read_text()} if tag.exists() and file.exists() else {}
        answer = source.get(source.file, headers)
        if answer.status_code == 200:
            tag.unlink(missing_ok=True)  # first, so that an interruption leaves no tag of another content
            if not file.exists() or file.read_bytes() != answer.content:  # else its index would be made again
                write_whole(file, answer.content)
            if "etag" in answer.headers:
                write_whole(tag, answer.headers["etag"])
        elif answer.status_code != 304:
            raise source.unreachable(f"{source.file} is answered with {answer.status_code}")
    if not file.exists():
        raise _never_fetched(source)
    return file


def _never_fetched(source: Source) -> CubekitError:
    return source.unreachable("it was never fetched, and --offline forbids to do so now")
