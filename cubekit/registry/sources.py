"""Where registries are: a directory, a file, or an address that any web server can serve."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from cubekit.ground.diagnostics import CubekitError, Diagnostic

__all__ = ["LARGEST_WHEEL", "LOCAL", "Answer", "Source", "is_remote", "local_source", "referred_sources"]

LOCAL = "local"
"""Name of the registry that a service is nearest to; it names the others."""
FILE = "registry.toml"
LARGEST_WHEEL = 4 * 2**30
_LARGEST_TEXT = 64 * 2**20
"""Bytes that are taken from a server, which may send for ever, or unpack to more than it sends."""
_PIECE = 2**20


def is_remote(address: str) -> bool:
    """Whether an address is asked for over the network."""
    return address.startswith(("http://", "https://"))


@dataclass(frozen=True, slots=True)
class Answer:
    """What was found under a name, while it is being read."""

    status: int
    """As of HTTP: 200, 304 or 404."""
    pieces: Iterator[bytes] = field(default_factory=lambda: iter(()))
    etag: str | None = None


@dataclass(frozen=True, slots=True)
class Source:
    """Where one registry is, and how far it is trusted."""

    name: str
    address: str
    """Its directory, or the address of that, without a slash at the end."""
    file: str = FILE
    priority: float = 0
    root: Path | None = None
    """The ``root.json`` that its signatures are checked with; None if it is not signed."""
    attested: bool = False
    """Whether nothing is taken from it that nobody attests."""

    @property
    def remote(self) -> bool:
        """Whether reading it takes a network."""
        return is_remote(self.address)

    @property
    def path(self) -> Path:
        """Its file, unless it is remote."""
        return Path(self.address, self.file)

    def find(self, name: str) -> bytes | None:
        """Return a file of the registry, by its path in the registry's directory; None if there is none.

        :raises CubekitError: CK601 if that cannot be found out.
        """
        with self.ask(name) as answer:
            return b"".join(answer.pieces) if answer.status == 200 else None

    @contextmanager
    def ask(
        self, name: str, headers: Mapping[str, str] | None = None, *, most: int = _LARGEST_TEXT
    ) -> Iterator[Answer]:
        """Begin to read a file of the registry.

        :param headers: for a web server.
        :param most: how many bytes are taken.
        :raises CubekitError: CK601 if nobody answers, or with anything but the file, that it is not there or unchanged.
        """
        asked = self._ask_server(name, headers or {}) if self.remote else self._open(name)
        with asked as answer:
            if answer.status not in {200, 304, 404}:
                raise self.unreachable(f"{name} is answered with {answer.status}")
            yield Answer(answer.status, self._bounded(answer.pieces, name, most), answer.etag)

    def _bounded(self, pieces: Iterator[bytes], name: str, most: int) -> Iterator[bytes]:
        taken = 0
        for piece in pieces:
            taken += len(piece)
            if taken > most:
                raise self.unreachable(f"{name} has more than {most} bytes")
            yield piece

    @contextmanager
    def _open(self, name: str) -> Iterator[Answer]:
        path = Path(self.address, name)
        if not path.exists():
            yield Answer(404)
            return
        try:
            file = path.open("rb")
        except OSError as error:
            raise self.unreachable(f"{name} cannot be read: {error.strerror or error}") from error
        with file:
            yield Answer(200, iter(lambda: file.read(_PIECE), b""))

    @contextmanager
    def _ask_server(self, name: str, headers: Mapping[str, str]) -> Iterator[Answer]:
        import httpx2  # 100 ms that a registry on disk need not pay

        url, timeout = f"{self.address}/{name}", httpx2.Timeout(30)
        try:
            with httpx2.stream("GET", url, headers=dict(headers), follow_redirects=True, timeout=timeout) as answer:
                open_ = [one.url for one in (*answer.history, answer) if one.url.scheme == "http"]
                if open_ and self.address.startswith("https://"):
                    raise self.unreachable(f"{name} is redirected to {open_[0]}, which anybody on the way may change")
                yield Answer(answer.status_code, answer.iter_bytes(), answer.headers.get("etag"))
        except (httpx2.HTTPError, httpx2.InvalidURL) as error:
            raise self.unreachable(str(error) or type(error).__name__) from error

    def unreachable(self, why: str) -> CubekitError:
        """The error for a registry that cannot be read."""
        message = f'registry "{self.name}" at {self.address} cannot be read: {why}'
        fix = "check its address; --offline takes what was fetched before" if self.remote else "check its path"
        return CubekitError(Diagnostic("CK601", message, fix=fix))


def local_source(path: Path) -> Source:
    """The source of a registry by its file, or by the directory of a ``registry.toml``."""
    path = path.absolute()
    file = path / FILE if path.is_dir() else path
    return Source(LOCAL, str(file.parent), file.name, math.inf)


def referred_sources(local: Source, references: Mapping[str, Mapping[str, object]]) -> list[Source]:
    """The sources that the local registry names in ``[registries]``."""
    sources = []
    for name, reference in references.items():
        address, root = str(reference["source"]), reference.get("root")
        if not is_remote(address):
            address = os.path.normpath(Path(local.address, address))
        file = FILE
        if address.endswith(".toml"):
            address, _, file = address.replace("\\", "/").rpartition("/")
        sources.append(
            Source(
                name,
                address.rstrip("/"),
                file,
                int(str(reference.get("priority", 0))),
                Path(local.address, str(root)) if root else None,
                reference.get("attestations") == "required",
            )
        )
    return sources
