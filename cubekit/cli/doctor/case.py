"""`Case`: what a run of ``doctor`` examines."""

from __future__ import annotations

from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from cubekit.discovery import Catalogue, CubeInfo, ExtensionInfo

if TYPE_CHECKING:
    from cubekit.cli.doctor.composition import Composed
    from cubekit.composition.documents import Document
    from cubekit.composition.service_file import ServiceFile
    from cubekit.ground.diagnostics import Diagnostic

__all__ = ["Case", "ServiceCase"]


@dataclass(frozen=True)
class ServiceCase:
    """A service that is examined along with the installation."""

    document: Document
    sections: ServiceFile | None
    """None if too little of the file can be understood."""
    problems: tuple[Diagnostic, ...]
    """What is wrong with the file itself."""
    composed: Future[Composed] | None
    """What composing it comes to; None in safe mode."""

    @property
    def directory(self) -> Path:
        """Where the service file is."""
        return self.document.path.absolute().parent


@dataclass(frozen=True)
class Case:
    """What is examined."""

    catalogue: Catalogue
    service: ServiceCase | None = None
    safe: bool = False
    """Whether nothing may be imported, not even in another process."""
    patience: float = 20.0
    """Seconds that a plugin may take to be imported."""

    @property
    def offers(self) -> list[CubeInfo | ExtensionInfo]:
        """Cubes, hook plugins and commands."""
        return [*self.catalogue.cubes, *self.catalogue.hooks, *self.catalogue.commands]

    @property
    def distributions(self) -> list[str]:
        """Names of the distributions that offer something to cubekit."""
        claims = [claim for claims in self.catalogue.conflicts.values() for claim in claims]
        return sorted({offer.distribution for offer in (*self.offers, *claims)})
