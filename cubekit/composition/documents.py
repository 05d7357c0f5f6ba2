"""Reads a service file with its molecules and overrides into one document that knows where each value was said."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from cubekit.composition.service_file import ServiceFile
from cubekit.ground.diagnostics import CubekitError, Diagnostic, Place
from cubekit.ground.settings import Override, apply_overrides, environment_overrides, parse_override
from cubekit.ground.toml_lines import Keys, TomlFile, read_toml
from cubekit.ground.validation import validation_diagnostics

__all__ = ["Document", "Keys", "parse", "read_document"]

_MOST_PROBLEMS = 200


@dataclass(frozen=True)
class Document:
    """A merged service file: its data, and the place of every key."""

    path: Path
    data: dict[str, Any] = field(repr=False)
    places: Mapping[Keys, Place]
    texts: Mapping[Keys, str] = field(default_factory=dict, repr=False)
    """What the environment said, word for word; the data hold what it means in TOML."""

    def place(self, *keys: str | int) -> Place:
        """Where a key was said, or the nearest table around it."""
        for length in range(len(keys), 0, -1):
            if (place := self.places.get(keys[:length])) is not None:
                return place
        return Place(str(self.path))

    def stands(self, keys: Keys) -> bool:
        """Whether something was said under these keys."""
        return keys in self.places

    def hides(self, keys: Keys) -> bool:
        """Whether what stands there may be a secret."""
        return _in_config(keys)

    def hiding_secrets(self, problems: Iterable[Diagnostic]) -> list[Diagnostic]:
        """Let no diagnostic show a line that holds a secret, whatever it is about."""
        found = list(problems)
        secret = {problem.place for problem in found if not problem.show_line} | self._crowded_lines()
        return [replace(problem, show_line=False) if problem.place in secret else problem for problem in found]

    def _crowded_lines(self) -> set[Place]:
        """Lines on which a configuration stands beside something else: what is wrong with that must not show it."""
        configured = {keys for keys in self.places if _in_config(keys)}
        around = {keys[:length] for keys in configured for length in (1, 2)}
        beside = {self.places[keys] for keys in self.places.keys() - configured - around}
        return {self.places[keys] for keys in configured} & beside


def _in_config(keys: Keys) -> bool:
    return (keys[:1], keys[2:3]) in {(("cubes",), ("config",)), (("discovery",), ("token",))}


def service_path(path: Path) -> Path:
    """A service is named by its file, or by the directory that holds ``service.toml``."""
    return path / "service.toml" if path.is_dir() else path


def read_document(
    path: Path, settings: Iterable[str] = (), environ: Mapping[str, str] | None = None
) -> tuple[Document, list[Diagnostic]]:
    """Read a service file, merge its molecules, apply the environment's and then the given settings.

    :param settings: ``cubes.saju.config.longitude=127.5``, as after ``--set``.
    :raises CubekitError: if the file itself cannot be read; lesser problems are returned.
    """
    problems: list[Diagnostic] = []
    path = service_path(path)
    data, places = _with_molecules(read_toml(path), (), problems)
    overrides: list[Override] = []
    try:
        overrides += environment_overrides(os.environ if environ is None else environ, data)
    except CubekitError as error:
        problems += error.diagnostics
    for text in settings:
        try:
            overrides.append(parse_override(text))
        except CubekitError as error:
            problems += error.diagnostics
    for override in overrides:
        try:
            places.update(apply_overrides(data, [override]))
        except CubekitError as error:
            problems += error.diagnostics
    texts: dict[Keys, str] = {override.keys: override.text for override in overrides if override.text is not None}
    return Document(path, data, places, texts), problems


def parse(document: Document) -> tuple[ServiceFile | None, list[Diagnostic]]:
    """Return the sections of a document, and what is wrong with it.

    What is wrong is taken out, so that the rest can be looked at too; None if too little is left.
    """
    data = _copy(document.data)
    problems: list[Diagnostic] = []
    taken_out: set[Keys] = set()
    while True:
        try:
            return ServiceFile.model_validate(data), problems
        except ValidationError as error:
            problems += validation_diagnostics(error, document, (), ServiceFile, known=taken_out)
            places = [item["loc"] for item in error.errors(include_url=False)]
            removed = [_remove(data, place) for place in places]
            taken_out.update(places)
            if not any(removed) or len(problems) > _MOST_PROBLEMS:
                return None, problems


def _with_molecules(
    file: TomlFile, including: tuple[Path, ...], problems: list[Diagnostic]
) -> tuple[dict[str, Any], dict[Keys, Place]]:
    data: dict[str, Any] = {}
    places: dict[Keys, Place] = {}
    service = file.data.get("service")
    included = service.get("include", []) if isinstance(service, dict) else []
    for index, name in enumerate(included if isinstance(included, list) else []):
        if not isinstance(name, str):
            continue  # a wrong type here is reported by the model, with its place
        place = file.place("service", "include", index)
        path = Path(os.path.normpath(file.path.parent / name))
        if path in (*including, Path(os.path.normpath(file.path))):
            problems.append(Diagnostic("CK105", f'molecule "{name}" includes itself', place, fix=f'remove "{name}"'))
            continue
        try:
            molecule = read_toml(path)
        except CubekitError as error:
            for cause in error.diagnostics:
                message = f'molecule "{name}" cannot be included: {cause.message}'
                problems.append(Diagnostic("CK105", message, place, found=str(cause.place or path), fix=cause.fix))
            continue
        _merge(data, places, *_with_molecules(molecule, (*including, Path(os.path.normpath(file.path))), problems))
    # The list of molecules is the including file's own; a molecule's is done with.
    data.get("service", {}).pop("include", None)
    lines = {keys: Place(str(file.path), line) for keys, line in file.lines.items()}
    _merge(data, places, file.data, lines)
    return data, places


def _merge(
    data: dict[str, Any], places: dict[Keys, Place], more: Mapping[str, Any], more_places: Mapping[Keys, Place]
) -> None:
    """Lay one document over another: tables join, anything else replaces."""
    for key, value in more.items():
        if isinstance(value, dict) and isinstance(data.get(key), dict):
            _merge(data[key], {}, value, {})
        else:
            data[key] = _copy(value)
    places.update(more_places)


def _remove(data: Any, keys: Keys) -> bool:
    """Take out what stands at a location, or what is around it if nothing does; False at the root."""
    for length in range(len(keys), 0, -1):
        parent: Any = data
        for key in keys[: length - 1]:
            parent = parent.get(key) if isinstance(parent, dict) else None
        if isinstance(parent, dict) and keys[length - 1] in parent:
            del parent[keys[length - 1]]
            return True
    return False


def _copy(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _copy(item) for key, item in value.items()}
    return [_copy(item) for item in value] if isinstance(value, list) else value
