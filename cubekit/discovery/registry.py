"""``registry.toml``: the catalogue of known cubes, installed or not."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from cubekit.ground.colours import Colour
from cubekit.ground.diagnostics import CubekitError, Diagnostic, Place
from cubekit.ground.toml_lines import Keys, TomlFile, read_toml
from cubekit.ground.versions import SpecifierSet, parse_range, parse_versioned_name, split_use

__all__ = ["RegistryEntry", "load_registry"]


@dataclass(frozen=True, slots=True)
class RegistryEntry:
    """One known cube."""

    name: str
    colour: Colour
    distribution: str
    """What to install."""
    summary: str
    versions: SpecifierSet
    """The releases that are known to work."""
    contracts: tuple[str, ...]
    """Names of the contracts that it provides. Their versions are each release's own matter."""
    place: Place


def load_registry(path: Path) -> tuple[RegistryEntry, ...]:
    """Read a registry, in the order of the file.

    :raises CubekitError: CK101 or CK102 if the file cannot be read; CK103 and CK104 for all that is wrong in it.
    """
    return _Reader(read_toml(path)).entries()


class _Reader:
    def __init__(self, file: TomlFile) -> None:
        self._file = file
        self._problems: list[Diagnostic] = []

    def entries(self) -> tuple[RegistryEntry, ...]:
        self._refuse_unknown((), self._file.data, ("cubes",))
        cubes = self._file.data.get("cubes", {})
        if not isinstance(cubes, dict):
            self._wrong(("cubes",), "tables [cubes.NAME]", cubes)
            cubes = {}
        entries = [entry for name in cubes if (entry := self._entry(name, cubes[name])) is not None]
        if self._problems:
            raise CubekitError(sorted(self._problems, key=lambda problem: (problem.place and problem.place.line) or 0))
        return tuple(entries)

    def _entry(self, name: str, table: object) -> RegistryEntry | None:
        """One cube, or None if anything is wrong with it."""
        before = len(self._problems)
        keys: Keys = ("cubes", name)
        if not isinstance(table, dict):
            self._wrong(keys, "a table", table)
            return None
        if not _is_name(name):
            self._wrong(keys, "a cube's name in lower case, such as saju-calculation", name)
        self._refuse_unknown(keys, table, ("colour", "distribution", "summary", "versions", "provides"))
        colour = self._text(keys, table, "colour")
        if colour is not None and colour not in set(Colour):
            self._wrong((*keys, "colour"), f"one of: {', '.join(Colour)}", colour)
        distribution = self._text(keys, table, "distribution")
        summary = self._text(keys, table, "summary")
        versions = self._versions(keys, table)
        contracts = tuple(self._contracts(keys, table))
        if len(self._problems) > before or not (colour and distribution and summary and versions is not None):
            return None
        return RegistryEntry(
            name, Colour(colour), distribution, summary, versions, contracts, self._file.place("cubes", name)
        )

    def _text(self, keys: Keys, table: Mapping[str, Any], key: str) -> str | None:
        if key not in table:
            message = f'"{_dotted((*keys, key))}" is missing'
            self._problems.append(Diagnostic("CK104", message, self._file.place(*keys), fix=f'add {key} = "…"'))
            return None
        value = table[key]
        if not isinstance(value, str) or not value.strip():
            self._wrong((*keys, key), "a text", value)
            return None
        return value

    def _versions(self, keys: Keys, table: Mapping[str, Any]) -> SpecifierSet | None:
        text = self._text(keys, table, "versions")
        try:
            return None if text is None else parse_range(text)
        except ValueError:
            self._wrong((*keys, "versions"), 'a version range such as ">=0.1,<0.2"', text)
            return None

    def _contracts(self, keys: Keys, table: Mapping[str, Any]) -> Iterator[str]:
        provided = table.get("provides", [])
        if not isinstance(provided, list):
            self._wrong((*keys, "provides"), 'a list of names, such as ["saju.calendar"]', provided)
            return
        for number, contract in enumerate(provided):
            if isinstance(contract, str) and _is_contract(contract):
                yield contract
            else:
                needed = "the name of a contract without its version, such as saju.calendar"
                self._wrong((*keys, "provides", number), needed, contract)

    def _refuse_unknown(self, keys: Keys, table: Mapping[str, Any], known: tuple[str, ...]) -> None:
        for key in table:
            if key not in known:
                close = get_close_matches(key, known, n=1)
                self._problems.append(
                    Diagnostic(
                        "CK103",
                        f'unknown key "{_dotted((*keys, key))}"',
                        self._file.place(*keys, key),
                        needed=f"one of: {', '.join(known)}",
                        fix=f'write "{close[0]}"' if close else f'remove "{key}"',
                    )
                )

    def _wrong(self, keys: Keys, needed: str, found: object) -> None:
        self._problems.append(
            Diagnostic(
                "CK104",
                f'"{_dotted(keys)}" has a wrong value',
                self._file.place(*keys),
                needed=needed,
                found=f"{found!r} ({type(found).__name__})",
            )
        )


def _is_name(text: str) -> bool:
    try:
        return split_use(text)[0] == text
    except ValueError:
        return False


def _is_contract(text: str) -> bool:
    try:
        return parse_versioned_name(f"{text}@1")[0] == text
    except ValueError:
        return False


def _dotted(keys: Keys) -> str:
    return ".".join(str(key) for key in keys)
