"""Chooses releases so that every cube has the contracts that it requires, in a version that it was written for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from cubekit import __version__
from cubekit.discovery.registry import RegistryEntry, Release
from cubekit.ground.diagnostics import CubekitError, Diagnostic
from cubekit.ground.versions import (
    SpecifierSet,
    Version,
    admits,
    parse_range,
    parse_versioned_name,
    range_text,
    rank,
    split_use,
)
from cubekit.registry.shelf import Found, Shelf
from cubekit.registry.wheels import best_wheel

__all__ = ["Choice", "obstacle", "resolve"]


@dataclass(frozen=True, slots=True)
class Choice:
    """A release that was chosen."""

    found: Found
    release: Release

    @property
    def name(self) -> str:
        """The cube's name."""
        return self.found.name

    @property
    def entry(self) -> RegistryEntry:
        """What the registry says of the cube."""
        return self.found.entry


def resolve(
    wanted: Mapping[str, SpecifierSet],
    shelf: Shelf,
    *,
    preferred: Mapping[str, str] | None = None,
    installed: Mapping[str, str] | None = None,
) -> dict[str, Choice]:
    """Choose a release of every wanted cube, and of cubes that provide what these require and nobody among them does.

    :param preferred: versions to keep where they fit; else the newest release is taken.
    :param installed: versions of installed cubes. A release without files is taken only if it is here already.
    :raises CubekitError: CK602 for an unknown cube, CK603 if no releases fit together, CK608 if only yanked ones do.
    """
    return _Search(shelf, preferred or {}, installed or {}).run(dict(wanted))


def obstacle(release: Release, versions: SpecifierSet, installed: str | None) -> str | None:
    """Why a release cannot be taken, withdrawn or not; None if it can."""
    if not admits(versions, release.version):
        return f"not {range_text(versions)}"
    if not admits(parse_range(release.api), __version__):
        return f"for cubekit-core {release.api}, and this is {__version__}"
    is_here = not release.files and installed is not None and Version(installed) == Version(release.version)
    if best_wheel(release) is None and not is_here:
        return "no wheel for this Python and system"
    return None


@dataclass
class _Search:
    shelf: Shelf
    preferred: Mapping[str, str]
    installed: Mapping[str, str]
    conflict: Diagnostic | None = None
    """What stood in the way where the search came farthest."""
    depth: int = -1
    _candidates: dict[str, list[Choice]] = field(default_factory=dict)

    def run(self, wanted: dict[str, SpecifierSet]) -> dict[str, Choice]:
        while True:
            for name in wanted:
                self._candidates.setdefault(name, self._admitted(self.shelf.get(name), wanted[name]))
            chosen = self._assign(sorted(wanted), {})
            if not isinstance(chosen, dict):
                assert self.conflict is not None  # noqa: S101 - every name has a candidate, so two did not fit
                raise CubekitError(self.conflict)
            missing = next(self._missing(chosen), None)
            if missing is None:
                return chosen
            wanted[self._provider(*missing, wanted)] = SpecifierSet()

    def _admitted(self, found: Found, versions: SpecifierSet) -> list[Choice]:
        """The releases that may be taken, the preferred one first and then the newest."""
        reasons, admitted, yanked = [], [], []
        for release in found.entry.releases:
            if reason := obstacle(release, versions, self.installed.get(found.name)):
                reasons.append(f"{release.version}: {reason}")
            elif release.yanked is not None:
                yanked.append(release)
            else:
                admitted.append(Choice(found, release))
        if yanked and not admitted:
            raise _only_yanked(found, yanked)
        if not admitted:
            raise CubekitError(
                Diagnostic(
                    "CK603",
                    f'no release of the cube "{found.name}" can be taken',
                    needed=f"{found.name} {range_text(versions)}".strip(),
                    found="\n".join(reasons) or "no release at all",
                    fix=f"cubekit registry show {found.name}",
                )
            )
        kept = self.preferred.get(found.name)
        return sorted(admitted, key=lambda one: _rank(one.release.version, kept), reverse=True)

    def _assign(self, names: list[str], chosen: dict[str, Choice]) -> dict[str, Choice] | set[str]:
        """A choice for every name; or the names without a change of which there is none.

        Going back to these and no others keeps a conflict of two cubes from being tried with all releases of the rest.
        """
        if len(chosen) == len(names):
            return chosen
        name = names[len(chosen)]
        blamed: set[str] = set()
        for choice in self._candidates[name]:
            further = {**chosen, name: choice}
            found = self._conflicting(further, names) or self._assign(names, further)
            if isinstance(found, dict) or name not in found:
                return found
            blamed |= found
        return blamed - {name}

    def _conflicting(self, chosen: Mapping[str, Choice], names: list[str]) -> set[str]:
        """Who does not fit together: a cube, and all providers of what it requires, none of them in range."""
        for name, contract, admitted in _requirements(chosen):
            able = [other for other in names if other != name and self._may_provide(other, contract)]
            offers = {other: _provided(chosen[other], contract) for other in able if other in chosen}
            if not able or len(offers) < len(able):
                continue
            if not any(version is not None and admits(admitted, version) for version in offers.values()):
                self._remember(chosen, name, contract, admitted, offers)
                return {name, *able}
        return set()

    def _may_provide(self, name: str, contract: str) -> bool:
        return any(_provided(choice, contract) for choice in self._candidates[name])

    def _remember(
        self,
        chosen: Mapping[str, Choice],
        name: str,
        contract: str,
        admitted: SpecifierSet,
        offers: Mapping[str, Version | None],
    ) -> None:
        if len(chosen) <= self.depth:
            return
        self.depth = len(chosen)
        found = [f"{other} {chosen[other].release.version} provides {contract} {offers[other]}" for other in offers]
        self.conflict = Diagnostic(
            "CK603",
            "no releases fit together",
            needed=f"{name} {chosen[name].release.version} requires {contract} {range_text(admitted)}",
            found="\n".join(found),
            fix=f"admit other versions of {name} or {' or '.join(offers)} in the service file",
        )

    def _missing(self, chosen: Mapping[str, Choice]) -> Iterator[tuple[str, str, SpecifierSet]]:
        for name, contract, admitted in _requirements(chosen):
            if not any(_provided(other, contract) for other in chosen.values() if other.name != name):
                yield name, contract, admitted

    def _provider(self, name: str, contract: str, admitted: SpecifierSet, wanted: Mapping[str, SpecifierSet]) -> str:
        providers = [found.name for found in self.shelf.providers(contract) if found.name != name]
        able = [other for other in providers if other not in wanted]
        if len(able) == 1:
            return able[0]
        if able:
            who, fix = f"{len(able)} cubes provide", f"cubekit registry add {able[0]} {name}"
        elif providers:  # each wanted, in releases that do not
            who = f"no admitted release of {' or '.join(providers)} provides"
            fix = f"admit other versions of {' or '.join(providers)}"
        else:
            who, fix = "no cube of any registry provides", "add a registry that has one"
        raise CubekitError(
            Diagnostic(
                "CK603",
                f'"{name}" requires the contract {contract}, which {who}',
                needed=f"{contract} {range_text(admitted)}",
                found=", ".join(able or providers) or "no provider",
                fix=fix,
            )
        )


def _requirements(chosen: Mapping[str, Choice]) -> Iterator[tuple[str, str, SpecifierSet]]:
    for name, choice in chosen.items():
        for text in choice.release.requires:
            yield name, *split_use(text)


def _provided(choice: Choice, contract: str) -> Version | None:
    versions = dict(parse_versioned_name(text) for text in choice.release.provides)
    return versions.get(contract)


def _rank(version: str, kept: str | None) -> tuple[bool, bool, Version]:
    return kept is not None and Version(version) == Version(kept), *rank(version)


def _only_yanked(found: Found, yanked: list[Release]) -> CubekitError:
    newest = found.entry.newest
    return CubekitError(
        [
            Diagnostic(
                "CK608",
                f'{found.name} {release.version} was withdrawn by its publisher: "{release.yanked}"',
                found=f'in registry "{found.source.name}"',
                fix=f"admit {newest.version} instead" if newest else f"cubekit registry show {found.name}",
            )
            for release in yanked
        ]
    )
