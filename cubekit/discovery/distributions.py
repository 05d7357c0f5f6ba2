"""Reads the entry points of all installed distributions. Nothing is imported, and nothing broken hides the rest."""

from __future__ import annotations

import importlib
import re
from dataclasses import dataclass, field, replace
from difflib import get_close_matches

import importlib_metadata

from cubekit.discovery.cubes import Catalogue, CubeInfo, ExtensionInfo, conflict_diagnostic, normalised
from cubekit.ground.colours import Colour
from cubekit.ground.diagnostics import Diagnostic, Place
from cubekit.ground.quality import Level

__all__ = ["read_distributions", "read_entry_points"]

_PREFIX = "cubekit."
_COLOURS = {colour.group: colour for colour in Colour}
_COMMANDS, _HOOKS = _EXTENSIONS = ("cubekit.commands", "cubekit.hooks")
_QUALITY = "cubekit.quality"
_OTHERS = (_QUALITY, "cubekit.conformance")
_LEVELS = {level.value: level for level in Level}
_CUBE_NAME = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
_IDENTIFIERS = r"[^\W\d]\w*(?:\.[^\W\d]\w*)*"
# The extras that may follow in brackets are obsolete, and mean nothing to a reader.
_TARGET = re.compile(rf"({_IDENTIFIERS})\s*(?::\s*({_IDENTIFIERS}))?\s*(?:\[.*\])?")
_REQUIREMENT_NAME = re.compile(r"[A-Za-z0-9._-]+")


def read_distributions() -> Catalogue:
    """Return all that the distributions on `sys.path` offer to cubekit, in one pass."""
    importlib.invalidate_caches()  # what a long-lived process saw earlier may have changed since
    reader = _Reader()
    for distribution in importlib_metadata.distributions():
        reader.read(distribution)
    return reader.catalogue()


def read_entry_points(text: str, source: str, distribution: str, version: str) -> Catalogue:
    """Return what the text of an ``entry_points.txt`` will offer to cubekit once its distribution is installed."""
    reader = _Reader()
    reader.entries(text, source, _Offer(distribution, version, "", None))
    return reader.catalogue()


@dataclass(frozen=True, slots=True)
class _Offer:
    """The distribution that is being read."""

    distribution: str
    version: str
    location: str
    requires_cubekit: str | None


@dataclass
class _Reader:
    cubes: dict[str, list[CubeInfo]] = field(default_factory=dict)
    extensions: dict[tuple[str, str], list[ExtensionInfo]] = field(default_factory=dict)
    """By group and name."""
    diagnostics: list[Diagnostic] = field(default_factory=list)
    levels: dict[tuple[str, str], Level] = field(default_factory=dict)
    """Claimed levels of quality, by cube and distribution."""
    names: set[str] = field(default_factory=set)
    """Of the distributions that were read."""

    def read(self, distribution: importlib_metadata.IDistribution) -> None:
        concerns_us = False
        try:
            text = distribution.read_text("entry_points.txt") or ""
            if _PREFIX not in text:  # nearly all distributions
                return
            concerns_us = True
            name = _header(distribution, "Name")
            if normalised(name) in self.names:
                return
            self.names.add(normalised(name))
            first = _first_on_path(name)
            if first is not None and _source(first) != _source(distribution):
                # The copy that Python imports is another one, which may offer something else, or nothing.
                distribution = first
                text = distribution.read_text("entry_points.txt") or ""
            version, location = _header(distribution, "Version"), str(distribution.locate_file(""))
            offer = _Offer(name, version, location, _requires(distribution))
        except Exception as error:  # noqa: BLE001 - metadata is anyone's; broken, it raises whatever its parser raises
            place = Place(_source(distribution))
            self.diagnostics.append(_unreadable(place, error, concerns_us=concerns_us))
        else:
            self.entries(text, _source(distribution), offer)

    def entries(self, text: str, source: str, offer: _Offer) -> None:
        group = ""
        for number, raw in enumerate(text.split("\n"), start=1):
            line = raw.strip()
            if line.startswith("[") and line.endswith("]"):
                group = line[1:-1].strip()
                if group.startswith(_PREFIX) and group not in {*_COLOURS, *_EXTENSIONS, *_OTHERS}:
                    self.diagnostics.append(_unknown_group(group, Place(source, number), offer))
            elif line and line[0] not in "#;" and group == _QUALITY:
                self._claim(line, Place(source, number), offer)
            elif line and line[0] not in "#;" and (group in _COLOURS or group in _EXTENSIONS):
                self._entry(group, line, Place(source, number), offer)

    def _claim(self, line: str, place: Place, offer: _Offer) -> None:
        name, _, level = (part.strip() for part in line.partition("="))
        if level in _LEVELS:
            self.levels[normalised(name), offer.distribution] = _LEVELS[level]
        else:
            self.diagnostics.append(_malformed(line, place, offer, f"one of: {', '.join(_LEVELS)}"))

    def _entry(self, group: str, line: str, place: Place, offer: _Offer) -> None:
        name, equals, value = (part.strip() for part in line.partition("="))
        match = _TARGET.fullmatch(value)
        if not name or not equals or match is None:
            self.diagnostics.append(_malformed(line, place, offer, 'name = "module:Class"'))
            return
        target = f"{match[1]}:{match[2]}" if match[2] else match[1]
        if group in _EXTENSIONS:
            extension = ExtensionInfo(name, target, offer.distribution, offer.version)
            self.extensions.setdefault((group, name), []).append(extension)
            return
        cube = CubeInfo(
            name,
            _COLOURS[group],
            target,
            offer.distribution,
            offer.version,
            offer.location,
            offer.requires_cubekit,
        )
        if _CUBE_NAME.fullmatch(cube.name) is None:
            needed = "a name of letters, digits and hyphens that begins with a letter"
            self.diagnostics.append(_malformed(line, place, offer, needed))
            return
        self.cubes.setdefault(cube.name, []).append(cube)

    def _with_level(self, cube: CubeInfo) -> CubeInfo:
        level = self.levels.get((cube.name, cube.distribution))
        return replace(cube, quality=level) if level else cube

    def catalogue(self) -> Catalogue:
        claims = {name: tuple(dict.fromkeys(map(self._with_level, self.cubes[name]))) for name in sorted(self.cubes)}
        conflicts = {name: cubes for name, cubes in claims.items() if len(cubes) > 1}
        diagnostics = [conflict_diagnostic(name, cubes) for name, cubes in conflicts.items()]
        extensions: dict[str, list[ExtensionInfo]] = {group: [] for group in _EXTENSIONS}
        for (group, name), claimants in sorted(self.extensions.items()):
            distinct = list(dict.fromkeys(claimants))
            if len(distinct) > 1:
                diagnostics.append(_ambiguous(group, name, distinct))
            else:
                extensions[group] += distinct
        return Catalogue(
            cubes=tuple(cubes[0] for cubes in claims.values() if len(cubes) == 1),
            commands=tuple(extensions[_COMMANDS]),
            hooks=tuple(extensions[_HOOKS]),
            diagnostics=(*diagnostics, *self.diagnostics),
            conflicts=conflicts,
        )


def _source(distribution: importlib_metadata.IDistribution) -> str:
    # Metadata that cannot be read still has a path, and there is no public way to ask for it.
    return f"{getattr(distribution, '_path', distribution)}/entry_points.txt"


def _header(distribution: importlib_metadata.IDistribution, key: str) -> str:
    value = distribution.metadata[key]
    if not value:
        raise ValueError(f"METADATA has no {key}")
    return str(value)


def _first_on_path(name: str) -> importlib_metadata.IDistribution | None:
    try:
        return importlib_metadata.distribution(name)
    except importlib_metadata.PackageNotFoundError:  # its directory is not named after it
        return None


def _requires(distribution: importlib_metadata.IDistribution) -> str | None:
    from packaging.requirements import Requirement  # 20 ms, for cubes only

    ranges = []
    for text in distribution.requires or ():
        name = _REQUIREMENT_NAME.match(text)
        if name is None or normalised(name[0]) != "cubekit-core":
            continue
        requirement = Requirement(text)
        if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
            ranges.append(str(requirement.specifier))
    return ",".join(filter(None, ranges)) if ranges else None


def _unreadable(place: Place, error: Exception, *, concerns_us: bool) -> Diagnostic:
    return Diagnostic(
        "CK306",
        "the metadata of an installed distribution cannot be read",
        place,
        found=f"{type(error).__name__}: {error}",
        fix="install the distribution again, or delete what is left of it",
        severity="error" if concerns_us else "warning",
    )


def _malformed(line: str, place: Place, offer: _Offer, needed: str) -> Diagnostic:
    return Diagnostic(
        "CK306",
        f"an entry point of {offer.distribution} {offer.version} cannot be read",
        place,
        needed=needed,
        found=line,
        fix=f"correct it in the pyproject.toml of {offer.distribution}, and install it again",
    )


def _unknown_group(group: str, place: Place, offer: _Offer) -> Diagnostic:
    known = [*_COLOURS, *_EXTENSIONS]
    close = get_close_matches(group, known, n=1)
    return Diagnostic(
        "CK306",
        f'{offer.distribution} {offer.version} has entry points of an unknown group "{group}"',
        place,
        needed=f"one of: {', '.join(known)}",
        fix=f'in the pyproject.toml of {offer.distribution} write "{close[0]}", and install it' if close else None,
        severity="warning",  # another version of cubekit may know it
    )


def _ambiguous(group: str, name: str, claims: list[ExtensionInfo]) -> Diagnostic:
    distributions = list(dict.fromkeys(claim.distribution for claim in claims))
    return Diagnostic(
        "CK305",
        f'{group}: "{name}" is claimed by {" and ".join(distributions)}',
        needed="one plugin for one name",
        found="\n".join(f"{claim.target} from {claim.distribution} {claim.version}" for claim in claims),
        fix=f"pip uninstall {distributions[-1]}",
    )
