"""Reads signed registries: what was changed, rolled back or is too old is refused. The work is done by TUF.

Needs the extra ``trust``. A registry is signed as a TUF repository with the one target ``registry.toml``, which holds
the hash of every other file.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from cubekit.ground.diagnostics import CubekitError, Diagnostic
from cubekit.registry.sources import Source

try:
    from tuf.api.exceptions import (
        BadVersionNumberError,
        DownloadError,
        DownloadHTTPError,
        DownloadLengthMismatchError,
        ExpiredMetadataError,
        RepositoryError,
    )
    from tuf.ngclient import FetcherInterface, Updater
except ImportError as error:
    raise CubekitError(
        Diagnostic("CK614", "signed registries need the extra \"trust\"", found=str(error),
                   fix="pip install 'cubekit-core[trust]'")
    ) from error  # fmt: skip

__all__ = ["METADATA", "TARGET", "TARGETS", "trusted_file"]

METADATA, TARGETS, TARGET = "metadata", "targets", "registry.toml"
"""Directories of a signed registry, and what is signed."""
_BASE = "registry:"


def trusted_file(source: Source, kept: Path, *, offline: bool) -> Path:
    """Return the registry's file after checking signatures, versions and dates.

    :param kept: directory with what was seen before, without which no roll-back can be noticed.
    :raises CubekitError: CK609 if something was changed, CK610 if the registry is older than what was seen before,
        CK611 if it is too old for anybody, CK601 if it cannot be had.
    """
    seen, targets = kept / METADATA, kept / TARGETS
    seen.mkdir(parents=True, exist_ok=True)
    targets.mkdir(exist_ok=True)
    fetcher = _Kept(seen) if offline else _Fetcher(source)
    try:
        updater = Updater(
            str(seen), f"{_BASE}{METADATA}", str(targets), f"{_BASE}{TARGETS}", fetcher, bootstrap=_root(source)
        )
        updater.refresh()
        target = updater.get_targetinfo(TARGET)
        if target is None:
            raise CubekitError(_refused(source, "CK609", f"its signatures say nothing of {TARGET}"))
        return Path(updater.find_cached_target(target) or updater.download_target(target))
    except ExpiredMetadataError as error:
        text = "it was not signed again in time; somebody may be holding back newer releases"
        raise CubekitError(_refused(source, "CK611", text, error)) from error
    except BadVersionNumberError as error:
        raise CubekitError(_refused(source, "CK610", "it is older than what was seen before", error)) from error
    except (RepositoryError, DownloadLengthMismatchError) as error:
        text = "it was changed by somebody who does not hold its keys"
        raise CubekitError(_refused(source, "CK609", text, error)) from error
    except DownloadError as error:
        if isinstance(error.__cause__, CubekitError):
            raise error.__cause__ from None
        raise source.unreachable(str(error)) from error


def _root(source: Source) -> bytes:
    assert source.root is not None  # noqa: S101 - only signed sources come here
    try:
        return source.root.read_bytes()
    except OSError as error:
        message = f'the keys of registry "{source.name}" cannot be read: {source.root}'
        fix = f"ask the owner of the registry for its root.json, and put it at {source.root}"
        raise CubekitError(Diagnostic("CK609", message, found=error.strerror, fix=fix)) from error


class _Fetcher(FetcherInterface):
    """Reads what TUF asks for out of a source."""

    def __init__(self, source: Source) -> None:
        self._source = source

    def _fetch(self, url: str) -> Iterator[bytes]:
        with self._source.ask(url.removeprefix(_BASE)) as answer:
            if answer.status == 404:
                raise DownloadHTTPError(f"{self._source.address} has no {url.removeprefix(_BASE)}", 404)
            yield from answer.pieces  # TUF stops where they are more than what was signed


class _Kept(FetcherInterface):
    """Answers with what was seen before."""

    def __init__(self, seen: Path) -> None:
        self._seen = seen

    def _fetch(self, url: str) -> Iterator[bytes]:
        file = self._seen / url.rpartition("/")[2]
        if not file.exists():
            raise DownloadHTTPError(f"{file.name} was never fetched, and --offline forbids to do so now", 404)
        yield file.read_bytes()


def _refused(source: Source, code: str, why: str, error: Exception | None = None) -> Diagnostic:
    return Diagnostic(
        code,
        f'registry "{source.name}" at {source.address} is not trusted: {why}',
        found=str(error) if error else None,
        fix="install nothing from it; tell its owner",
    )
