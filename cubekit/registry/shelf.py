"""Several registries as one: every name belongs to one of them, and so to one distribution."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from cubekit.discovery.registry import DistributionRelease, Registry, RegistryEntry, SupportEntry, load_registry
from cubekit.ground.diagnostics import CubekitError, Diagnostic
from cubekit.registry.copies import current_file
from cubekit.registry.index import all_sources
from cubekit.registry.sources import Source

__all__ = ["Found", "Shelf", "open_shelf"]


@dataclass(frozen=True, slots=True)
class Found:
    """A known cube, and the registry that its name belongs to."""

    name: str
    source: Source
    entry: RegistryEntry


@dataclass(frozen=True)
class Shelf:
    """What all registries know, those of higher priority first."""

    registries: tuple[tuple[Source, Registry], ...]

    def get(self, name: str) -> Found:
        """Return a cube from the registry that its name belongs to.

        :raises CubekitError: CK602 if no registry has it; CK607 if two of one priority say different things of it.
        """
        claims = self._claims(name)
        if not claims:
            raise self._unknown(name)
        first = claims[0]
        for other in claims[1:]:
            one, another = first.entry, other.entry
            if one.distribution != another.distribution:
                _check_priority(name, first.source, one.distribution, other.source, another.distribution)
            elif differing := _differing(one.releases, another.releases):
                _check_priority(name, first.source, differing, other.source, f"another {differing}")
        return first

    def __iter__(self) -> Iterator[Found]:
        """All cubes, each from the registry that its name belongs to; contested ones from the first of these."""
        names = sorted({name for _, known in self.registries for name in known.cubes})
        return (self._claims(name)[0] for name in names)

    def _claims(self, name: str) -> list[Found]:
        return [Found(name, source, known.cubes[name]) for source, known in self.registries if name in known.cubes]

    def providers(self, contract: str) -> list[Found]:
        """The cubes that provide a contract in any release that is not yanked."""
        return [
            found
            for found in self
            if any(contract == text.partition("@")[0] for one in found.entry.releases
                   if one.yanked is None for text in one.provides)
        ]  # fmt: skip

    def releases(self, distribution: str) -> tuple[Source, Sequence[DistributionRelease]] | None:
        """The registry that a distribution belongs to, a cube's or another, and its releases there.

        :raises CubekitError: CK607 if two of one priority list different files of it.
        """
        claims = [
            (source, releases)
            for source, known in self.registries
            if (releases := _releases(known, distribution)) is not None
        ]
        for source, releases in claims[1:]:
            if differing := _differing(claims[0][1], releases):
                _check_priority(distribution, claims[0][0], differing, source, f"another {differing}")
        return claims[0] if claims else None

    def entries(self, distribution: str) -> tuple[Source, Sequence[RegistryEntry | SupportEntry]] | None:
        """The registry that a distribution belongs to, and all that is said of it there."""
        for source, known in self.registries:
            if distribution in known.distributions:
                return source, [known.distributions[distribution]]
            if entries := [entry for entry in known.cubes.values() if entry.distribution == distribution]:
                return source, entries
        return None

    def _unknown(self, name: str) -> CubekitError:
        from difflib import get_close_matches

        known = {known for _, registry in self.registries for known in registry.cubes}
        close = get_close_matches(name, known, n=3)
        places = ", ".join(f"{source.name} ({source.address})" for source, _ in self.registries)
        message = f'no registry has a cube called "{name}"'
        fix = f"cubekit registry add {close[0]}" if close else f"cubekit registry search {name}"
        return CubekitError(Diagnostic("CK602", message, needed=f"a cube of: {places}", fix=fix))


def open_shelf(local: Path, *, offline: bool = False) -> Shelf:
    """Read the local registry and all that it names.

    :raises CubekitError: if one cannot be read, or is not to be trusted.
    """
    sources = sorted(all_sources(local), key=lambda one: -one.priority)
    return Shelf(tuple((source, load_registry(current_file(source, offline=offline))) for source in sources))


def _releases(registry: Registry, distribution: str) -> Sequence[DistributionRelease] | None:
    entries = [entry for entry in registry.cubes.values() if entry.distribution == distribution]
    if entries:
        return [release for entry in entries for release in entry.releases]
    return registry.distributions[distribution].releases if distribution in registry.distributions else None


def _differing(one: Sequence[DistributionRelease], other: Sequence[DistributionRelease]) -> str | None:
    """A file that both list, with different hashes."""
    known = {file.name: file.sha256 for release in one for file in release.files}
    files = (file for release in other for file in release.files)
    return next((file.name for file in files if known.get(file.name, file.sha256) != file.sha256), None)


def _check_priority(name: str, one: Source, says: str, other: Source, says_other: str) -> None:
    """Refuse that two registries of one priority say different things of a name.

    :raises CubekitError: CK607.
    """
    if one.priority == other.priority:
        raise CubekitError(
            Diagnostic(
                "CK607",
                f'two registries of one priority say different things of "{name}"',
                needed="one distribution, and the same files, for one name",
                found=f"{says} in {one.name}\n{says_other} in {other.name}",
                fix=f"in registry.toml give [registries.{one.name}] or [registries.{other.name}] a higher priority",
            )
        )
