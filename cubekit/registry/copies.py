"""Brings every registry onto this machine, and keeps it for when there is no network."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path

from cubekit.discovery.cache import cache_directory
from cubekit.ground.diagnostics import CubekitError, Place
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
    if offline:
        if not file.exists():
            raise source.unreachable("it was never fetched, and --offline forbids to do so now")
        return file
    headers = {"If-None-Match": tag.read_text()} if tag.exists() and file.exists() else {}
    with source.ask(source.file, headers) as answer:
        if answer.status == 304:
            return file
        if answer.status == 404:
            raise source.unreachable(f"it has no {source.file}")
        content = b"".join(answer.pieces)
    if not file.exists() or file.read_bytes() != content:  # else its index would be made again
        _check(source, content)
        tag.unlink(missing_ok=True)  # first, so that an interruption leaves no tag of another content
        write_whole(file, content)
    if answer.etag:
        write_whole(tag, answer.etag)
    return file


def _check(source: Source, content: bytes) -> None:
    """Keep what a server answers from taking the place of a good copy, such as the page on which one logs in."""
    from tempfile import TemporaryDirectory  # slow to import, as is the other, and changes are rare

    from cubekit.discovery.registry import load_registry

    with TemporaryDirectory() as directory:
        draft = Path(directory, source.file)
        draft.write_bytes(content)
        try:
            load_registry(draft)
        except CubekitError as error:
            address = f"{source.address}/{source.file}"
            raise CubekitError(
                replace(one, place=Place(address, one.place.line if one.place else None)) for one in error.diagnostics
            ) from error
