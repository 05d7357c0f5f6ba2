"""Where registries are: a directory, a file, or an address that any web server can serve."""

from __future__ import annotations

import math
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from cubekit.ground.diagnostics import CubekitError, Diagnostic

if TYPE_CHECKING:
    from collections.abc import Mapping

    import httpx2

__all__ = ["LOCAL", "Source", "is_remote", "local_source", "referred_sources"]

LOCAL = "local"
"""Name of the registry that a service is nearest to; it names the others."""
FILE = "registry.toml"


def is_remote(address: str) -> bool:
    """Whether an address is asked for over the network."""
    return address.startswith(("http://", "https://"))


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

    def read(self, name: str) -> bytes:
        """Return a file of the registry, by its path in the registry's directory.

        :raises CubekitError: CK601 if it cannot be had.
        """
        if (content := self.find(name)) is None:
            raise self.unreachable(f"it has no {name}")
        return content

    def find(self, name: str) -> bytes | None:
        """Return a file of the registry; None if there is none.

        :raises CubekitError: CK601 if that cannot be found out.
        """
        if self.remote:
            answer = self.get(name, {})
            if answer.status_code in {200, 404}:
                return answer.content if answer.status_code == 200 else None
            raise self.unreachable(f"{name} is answered with {answer.status_code}")
        try:
            return Path(self.address, name).read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise self.unreachable(f"{name} cannot be read: {error.strerror or error}") from error

    def get(self, name: str, headers: Mapping[str, str]) -> httpx2.Response:
        """Ask a web server for a file, whatever it answers.

        :raises CubekitError: CK601 if nobody answers.
        """
        import httpx2  # 100 ms that a registry on disk need not pay

        try:
            return httpx2.get(
                f"{self.address}/{name}", headers=dict(headers), follow_redirects=True, timeout=httpx2.Timeout(30)
            )
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
