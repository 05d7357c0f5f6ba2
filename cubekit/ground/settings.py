"""Overrides of a document's values: by environment variables, and by ``--set``."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Iterator, Mapping
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any

from cubekit.ground.diagnostics import CubekitError, Diagnostic, Place
from cubekit.ground.toml_lines import Keys

__all__ = ["Override", "apply_overrides", "environment_overrides", "parse_override"]

_PREFIX = "CUBEKIT__"


@dataclass(frozen=True, slots=True)
class Override:
    """One value that replaces what a document says, and where it was said.

    The place never holds the value: it may be something that must not be printed.
    """

    keys: tuple[str, ...]
    value: Any = field(repr=False)
    place: Place
    text: str | None = field(default=None, repr=False)
    """The value word for word, where the environment gave it: a secret such as ``1e5`` is no number."""


def parse_override(text: str) -> Override:
    """Read ``cubes.saju.config.longitude=127.5``, as after ``--set``.

    The key is a TOML key: parts may be quoted. A value that is not one TOML value is a string.

    :raises CubekitError: CK106 if there is no key, or no ``=``.
    """
    key, equals, value = _split(text)
    keys = _dotted_key(key)
    if not equals or keys is None:
        expected = "KEY=VALUE, such as --set http.port=9000"
        missing = f'"{key.strip()}" is not a dotted key' if equals else 'there is no "=" outside quotes'
        raise CubekitError(
            Diagnostic("CK106", f"cannot read this setting: {missing}", Place(f"--set {key}"), needed=expected)
        )
    return Override(keys, _toml_value(value), Place(f"--set {key.strip()}"))


def environment_overrides(environ: Mapping[str, str], document: Mapping[str, Any]) -> tuple[Override, ...]:
    """Return the overrides in an environment, such as ``CUBEKIT__CUBES__SAJU__CONFIG__LONGITUDE=127.5``.

    Two underscores separate keys. A name stands for the document's key that equals it without regard to case, ``-`` and
    ``_``; where there is none, for itself in lower case. Other variables are ignored.

    :raises CubekitError: CK106 for each variable that names no key, or more than one.
    """
    overrides: list[Override] = []
    problems: list[Diagnostic] = []
    for variable in sorted(environ):
        if not variable.startswith(_PREFIX):
            continue
        place = Place(f"environment {variable}")
        try:
            keys = _matching_keys(variable.removeprefix(_PREFIX).split("__"), document)
        except ValueError as error:
            fix = f"unset {variable}, or set the value with --set"
            problems.append(Diagnostic("CK106", str(error), place, needed="CUBEKIT__TABLE__KEY=VALUE", fix=fix))
        else:
            overrides.append(Override(keys, _toml_value(environ[variable]), place, environ[variable]))
    if problems:
        raise CubekitError(problems)
    return tuple(overrides)


def apply_overrides(document: dict[str, Any], overrides: Iterable[Override]) -> dict[Keys, Place]:
    """Set values in a document, in order, creating the tables that are missing.

    :return: places of the values that were set, to lay over the places of the document's own keys.
    :raises CubekitError: CK106 for each override that leads through something that is no table; the others are set.
    """
    places: dict[Keys, Place] = {}
    problems: list[Diagnostic] = []
    for override in overrides:
        try:
            places |= _set(document, override)
        except CubekitError as error:
            problems += error.diagnostics
    if problems:
        raise CubekitError(problems)
    return places


def _set(document: dict[str, Any], override: Override) -> dict[Keys, Place]:
    """Set one value; return the place of all that is new."""
    places: dict[Keys, Place] = {}
    table = document
    for depth, key in enumerate(override.keys[:-1], start=1):
        if key not in table:
            table[key] = {}
            places[override.keys[:depth]] = override.place
        inner = table[key]
        if not isinstance(inner, dict):
            raise CubekitError(_leads_nowhere(override, ".".join(override.keys[:depth]), inner))
        table = inner
    # A copy, because a later override may set something within this value.
    table[override.keys[-1]] = deepcopy(override.value)
    return places | {(*override.keys, *inner): override.place for inner in _paths(override.value)}


def _leads_nowhere(override: Override, way: str, found: object) -> Diagnostic:
    return Diagnostic(
        "CK106",
        f'"{".".join(override.keys)}" cannot be set, because "{way}" is no table',
        override.place,
        needed="a table",
        found=type(found).__name__,
        fix=f'set "{way}" as a whole, or correct the key',
    )


def _paths(value: object) -> Iterator[Keys]:
    """The paths of a value and of everything in it."""
    yield ()
    items: Iterable[tuple[str | int, Any]] = ()
    if isinstance(value, dict):
        items = value.items()
    elif isinstance(value, list):
        items = enumerate(value)
    for key, item in items:
        for path in _paths(item):
            yield (key, *path)


def _split(text: str) -> tuple[str, str, str]:
    """Split at the first ``=`` that stands in no quotes."""
    quote = ""
    escaped = False
    for position, character in enumerate(text):
        if quote:
            if character == quote and not escaped:
                quote = ""
            escaped = character == "\\" and quote == '"' and not escaped
        elif character in "\"'":
            quote = character
        elif character == "=":
            return text[:position], "=", text[position + 1 :]
    return text, "", ""


def _dotted_key(text: str) -> tuple[str, ...] | None:
    if "\n" in text:
        return None
    try:
        document: Any = tomllib.loads(f"{text} = 0")
    except tomllib.TOMLDecodeError:
        return None
    keys = []
    while isinstance(document, dict):
        if len(document) != 1:  # the text was a comment
            return None
        ((key, document),) = document.items()
        keys.append(key)
    return tuple(keys)


def _toml_value(text: str) -> Any:
    # The braces refuse a comment, a line break and a second key: none of these is part of a value.
    try:
        document = tomllib.loads(f"table = {{ value = {text} }}")
    except (ValueError, RecursionError):
        return text
    is_one_value = document.keys() == {"table"} and document["table"].keys() == {"value"}
    return document["table"]["value"] if is_one_value else text


def _matching_keys(names: Iterable[str], document: Mapping[str, Any]) -> tuple[str, ...]:
    keys: list[str] = []
    table: object = document
    for name in names:
        if not name:
            raise ValueError("a name is missing before, between or after two underscores")
        known = table if isinstance(table, Mapping) else {}
        matches = [key for key in known if _folded(key) == _folded(name)]
        if len(matches) > 1:
            raise ValueError(f'"{name}" could be any of: {", ".join(sorted(matches))}')
        keys.append(matches[0] if matches else name.lower())
        table = known.get(keys[-1])
    return tuple(keys)


def _folded(name: str) -> str:
    return name.lower().replace("-", "_")
