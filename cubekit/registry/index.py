"""What a search needs of a registry, remembered in a form that is read without TOML and pydantic.

A registry of 2,000 cubes takes a second to read as TOML, and two hundredths as an index. The index of a file holds as
long as the file's time and size; like every cache, it is made again if it is missing or broken.
"""

from __future__ import annotations

import json
import zlib
from contextlib import suppress
from pathlib import Path
from typing import Any

from cubekit.discovery.cache import cache_directory
from cubekit.registry.copies import current_file
from cubekit.registry.sources import Source, local_source, referred_sources

__all__ = ["all_sources", "index_of", "matches", "search"]

_FORMAT = 2


def search(local: Path, words: list[str], *, offline: bool = False) -> list[dict[str, Any]]:
    """Return what all registries have that matches every word, by name; a name once, from where it would be taken.

    :raises CubekitError: if a registry cannot be read, or is not to be trusted.
    """
    found: dict[str, dict[str, Any]] = {}
    for source in sorted(all_sources(local), key=lambda one: -one.priority):
        for entry in index_of(current_file(source, offline=offline))["cubes"]:
            found.setdefault(entry["name"], {**entry, "registry": source.name})
    return [found[name] for name in sorted(found) if matches(found[name], words)]


def all_sources(local: Path) -> list[Source]:
    """The local registry and those that it names."""
    source = local_source(local)
    return [source, *referred_sources(source, index_of(current_file(source))["registries"])]


def matches(entry: dict[str, Any], words: list[str]) -> bool:
    """Whether every word is part of an entry's name, colour, summary, keywords, contracts or owners."""
    text = " ".join([entry["name"], entry["colour"], entry["summary"], *entry["keywords"], *entry["contracts"],
                     *entry["owners"]]).casefold()  # fmt: skip
    return all(word.casefold() in text for word in words)


def index_of(file: Path) -> dict[str, Any]:
    """The entries of a registry file and its references, from the cache if the file is unchanged.

    :raises CubekitError: CK101 to CK104 if the file has to be read and is not valid.
    """
    status = file.stat()
    stamp = [_FORMAT, str(file), status.st_mtime_ns, status.st_size, status.st_ino]
    kept = cache_directory() / f"registry-{zlib.crc32(str(file).encode()):08x}.json"
    with suppress(OSError, ValueError, LookupError, TypeError):  # see the docstring of this module
        known: dict[str, Any] = json.loads(kept.read_bytes())
        if known["stamp"] == stamp:
            return known
    index = {"stamp": stamp, **_made(file)}
    from cubekit.registry.files import write_whole

    with suppress(OSError):  # a cache that cannot be written is a cache that is empty
        write_whole(kept, json.dumps(index, ensure_ascii=False))
    return index


def _made(file: Path) -> dict[str, Any]:
    from cubekit.discovery.registry import load_registry

    registry = load_registry(file)
    cubes = [
        {
            "name": name,
            "colour": entry.colour,
            "distribution": entry.distribution,
            "version": entry.newest.version if entry.newest else None,
            "lifecycle": entry.lifecycle,
            "summary": entry.summary,
            "keywords": entry.keywords,
            "contracts": entry.contracts,
            "owners": entry.owners,
        }
        for name, entry in registry.cubes.items()
    ]
    return {"cubes": cubes, "registries": {name: one.model_dump() for name, one in registry.registries.items()}}
