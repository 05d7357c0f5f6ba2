"""Short descriptions of cubes, remembered so that listing them imports nothing.

A summary is written when a cube was imported anyway, and holds as long as its distribution's version and its source
files stay the same. The file is a cache: what is missing or unreadable is simply not known.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cubekit.discovery.cache import cache_directory
from cubekit.discovery.cubes import CubeInfo
from cubekit.ground.diagnostics import CubekitError

if TYPE_CHECKING:  # describing a cube takes pydantic, and recalling it does not
    from cubekit.composition.descriptors import Descriptor

__all__ = ["Summary", "recall", "remember"]


@dataclass(frozen=True, slots=True)
class Summary:
    """What was found the last time that a cube was imported."""

    provides: tuple[str, ...] = ()
    requires: tuple[str, ...] = ()
    operations: tuple[str, ...] = ()
    problem: str | None = None
    """Why it could not be imported."""


def summarize(result: Descriptor | CubekitError) -> Summary:
    """Shorten what `describe` returned or raised."""
    if isinstance(result, CubekitError):
        return Summary(problem=result.diagnostics[0].message)
    return Summary(
        provides=tuple(f"{name}@{provision.version}" for name, provision in result.provides.items()),
        requires=tuple(f"{requirement.contract.name}{requirement.admitted}" for requirement in result.requires),
        operations=tuple(operation.name for operation in result.operations if operation.exposed),
    )


def remember(results: Mapping[CubeInfo, Descriptor | CubekitError]) -> None:
    """Keep the summaries of cubes that were imported."""
    known = _read()
    for info, result in results.items():
        known[info.name] = {"stamp": _stamp(info), **asdict(summarize(result))}
    file = _file()
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        draft = file.with_suffix(f".{os.getpid()}")
        draft.write_text(json.dumps(known), encoding="utf-8")
        draft.replace(file)
    except OSError:
        return  # a cache that cannot be written is a cache that is empty


def recall(info: CubeInfo) -> Summary | None:
    """Return the summary of a cube, if one is known and still holds."""
    entry = _read().get(info.name)
    if not isinstance(entry, dict) or entry.pop("stamp", None) != _stamp(info):
        return None
    try:
        lists = {key: tuple(entry[key]) for key in ("provides", "requires", "operations")}
        return Summary(**lists, problem=entry["problem"])
    except (KeyError, TypeError):
        return None  # written by another version


def _read() -> dict[str, Any]:
    try:
        known = json.loads(_file().read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return known if isinstance(known, dict) else {}


def _file() -> Path:
    return cache_directory() / "summaries.json"


def _stamp(info: CubeInfo) -> str:
    """Changes whenever another version is installed or a source file is saved. Imports nothing."""
    package = info.target.partition(":")[0].partition(".")[0]
    try:
        spec = find_spec(package)
    except (ImportError, ValueError):
        spec = None
    places = [Path(place) for place in (spec.submodule_search_locations or [] if spec else [])]
    files = [file for place in places for file in place.rglob("*.py")]
    if spec and spec.origin and not files:
        files = [Path(spec.origin)]
    newest = max((file.stat().st_mtime_ns for file in files if file.exists()), default=0)
    return f"{info.distribution} {info.version} {info.target} {newest}"
