"""Keeps a catalogue until the installation changes.

What is read from the cache is never trusted to be there, to be whole or to be ours: a file that is missing, broken,
unreadable or of another version means "look again", and a directory that cannot be written means "look again next
time". Neither is an error, because the cache holds nothing that a scan does not find out in some 40 ms.
"""

from __future__ import annotations

import json
import os
import sys
import time
import zlib
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from cubekit import __version__
from cubekit.discovery.cubes import Catalogue, CubeInfo, ExtensionInfo
from cubekit.ground.colours import Colour
from cubekit.ground.diagnostics import Diagnostic, Place
from cubekit.ground.quality import Level

__all__ = ["Snapshot", "cache_directory"]

_FORMAT = 2
# A change within the same tick of a file system's clock leaves no trace in its times. The coarsest ticks are 2 s (FAT).
_COARSEST_TICK = 2 * 10**9
_KEPT_FILES = 32


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What the answer of a scan depends on, at one moment: installing or uninstalling changes a directory's time."""

    environment: list[str]
    """Versions of the format, of cubekit and of Python, and the entries of `sys.path`, absolute."""
    times: list[int | None]
    """When each entry of `sys.path` was last changed, in ns; None for one that does not exist."""
    taken: int

    @classmethod
    def take(cls) -> Snapshot:
        """Look at `sys.path`. To be called before a scan, so that a change during the scan makes it outdated."""
        paths = [_absolute(os.fsdecode(entry)) for entry in sys.path]
        return cls([str(_FORMAT), __version__, sys.version, *paths], [_changed(path) for path in paths], time.time_ns())

    def stored(self) -> Catalogue | None:
        """Return the catalogue that was stored when everything was as it is now, or None."""
        try:
            stored = json.loads(self._file().read_bytes())
            if stored["environment"] == self.environment and stored["times"] == self.times:
                return _catalogue(stored["catalogue"])
        except (OSError, ValueError, LookupError, TypeError, AttributeError, RecursionError):
            return None  # see the docstring of this module
        return None

    def store(self, catalogue: Catalogue) -> None:
        """Keep a catalogue for later, unless something changed so recently that a further change would go unseen."""
        if any(changed is not None and abs(self.taken - changed) < _COARSEST_TICK for changed in self.times):
            return
        content = {"environment": self.environment, "times": self.times, "catalogue": asdict(catalogue)}
        with suppress(OSError):  # see the docstring of this module
            file = self._file()
            file.parent.mkdir(parents=True, exist_ok=True)
            _replace(file, json.dumps(content))
            _drop_oldest(file.parent)

    def _file(self) -> Path:
        """Each environment has a file of its own. Two with the same checksum would merely displace each other."""
        return cache_directory() / f"catalogue-{zlib.crc32(repr(self.environment).encode()):08x}.json"


def _absolute(entry: str) -> str:
    try:
        return os.path.abspath(entry)
    except OSError:  # relative to a working directory that was deleted
        return entry


def _changed(path: str) -> int | None:
    try:
        return os.stat(path).st_mtime_ns
    except OSError:
        return None


def cache_directory() -> Path:
    """Where cubekit keeps what it can find out again.

    :raises OSError: if there is no such place.
    """
    if configured := os.environ.get("CUBEKIT_CACHE_DIR"):
        return Path(configured).absolute()
    if sys.platform == "linux" and (home := os.environ.get("HOME")):
        # What platformdirs says too, without the 6 ms of its import, which --help would pay.
        return Path(os.environ.get("XDG_CACHE_HOME") or f"{home}/.cache", "cubekit").absolute()
    from platformdirs import user_cache_path

    directory = user_cache_path("cubekit", appauthor=False)
    if not directory.is_absolute():  # a user without a home directory
        raise FileNotFoundError(directory)
    return directory


def _replace(file: Path, content: str) -> None:
    """Write a file in one step, so that no reader sees half of it."""
    from tempfile import NamedTemporaryFile

    with NamedTemporaryFile("w", encoding="ascii", dir=file.parent, prefix=f"{file.stem}-", delete=False) as new:
        new.write(content)
    os.replace(new.name, file)


def _drop_oldest(directory: Path) -> None:
    """Forget the environments that were scanned longest ago, and what interrupted writers left."""
    files = sorted(directory.glob("catalogue-*"), key=lambda file: file.stat().st_mtime_ns, reverse=True)
    for file in files[_KEPT_FILES:]:
        file.unlink()


def _catalogue(stored: dict[str, Any]) -> Catalogue:
    return Catalogue(
        cubes=_cubes(stored["cubes"]),
        commands=_extensions(stored["commands"]),
        hooks=_extensions(stored["hooks"]),
        diagnostics=tuple(
            Diagnostic(**{**item, "place": item["place"] and Place(**item["place"])}) for item in stored["diagnostics"]
        ),
        conflicts={name: _cubes(claims) for name, claims in stored["conflicts"].items()},
    )


def _cubes(stored: list[dict[str, Any]]) -> tuple[CubeInfo, ...]:
    return tuple(CubeInfo(**{**item, "colour": Colour(item["colour"]), "quality": _level(item)}) for item in stored)


def _level(stored: dict[str, Any]) -> Level | None:
    return Level(stored["quality"]) if stored["quality"] else None


def _extensions(stored: list[dict[str, Any]]) -> tuple[ExtensionInfo, ...]:
    return tuple(ExtensionInfo(**item) for item in stored)
