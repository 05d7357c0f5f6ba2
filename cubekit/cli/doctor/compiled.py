"""Compiled modules: whether they were made from the sources beside them, and for this Python.

Python imports the library beside ``module.py`` if its suffix is one of this interpreter's; else it silently takes the
source. So a library that is too old runs old code, and one that is for another Python runs not at all.
"""

from __future__ import annotations

import base64
import csv
import hashlib
import json
import shlex
import sys
import sysconfig
from collections.abc import Callable, Iterator
from functools import cached_property
from importlib.machinery import EXTENSION_SUFFIXES
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import unquote, urlsplit

from cubekit.cli.doctor.case import Case
from cubekit.cli.doctor.findings import Finding, error, ok, warning
from cubekit.discovery.cubes import described
from cubekit.ground.diagnostics import Place

__all__ = ["compiled"]

_LIBRARIES = (".so", ".pyd")
_MANIFEST = "extra_metadata/compiled.json"
_SHOWN = 3
_PYTHON = f"{sys.implementation.cache_tag} ({sysconfig.get_platform()})"

_Fault = tuple[Callable[..., Finding], str]
_STALE: _Fault = error, "old code runs: the sources were changed after they were compiled"
_OLDER: _Fault = warning, "old code may run: the sources are newer than what was compiled, and no hash was written down"
_CHANGED: _Fault = error, "compiled modules are not those that were installed"
_MISSING: _Fault = warning, "compiled modules are gone, and pure Python runs in their place, many times slower"
_FOREIGN: _Fault = warning, f"compiled modules are for another Python than {_PYTHON}, so that pure Python runs"
_FOREIGN_ALONE: _Fault = error, f"compiled modules are for another Python than {_PYTHON}, and there is no source"


def compiled(case: Case) -> Iterator[Finding]:
    """Compare the compiled modules of cubes with their sources, their records and this Python."""
    targets = {offer.distribution: offer.target for offer in case.offers}
    count = 0
    for name, target in sorted(targets.items()):
        try:
            build = _Build(distribution(name), target.partition(":")[0].partition(".")[0])
            problems = list(build.problems())
        except PackageNotFoundError:  # its directory is not named after it
            continue
        except (OSError, ValueError, AttributeError) as problem:
            message = f"what it says of how it was built cannot be read: {described(problem)}"
            yield error(name, message, fix=f"pip install --force-reinstall --no-deps {name}")
            continue
        yield from problems
        if build.libraries and not problems:
            count += len(build.libraries)
    if count:
        yield ok("compiled modules", f"{count}, all made from the sources beside them, for this Python")


class _Build:
    """What was built of a distribution.

    :param package: its importable package.
    """

    def __init__(self, found: Distribution, package: str) -> None:
        self._found = found
        self._package = package
        said = json.loads(found.read_text(_MANIFEST) or "{}")
        self._reason: str | None = said.get("reason")
        self._sources: dict[str, str] = said.get("sources", {})
        """Hashes of the sources that were compiled, if who built it wrote them down."""
        # `Distribution.files` leaves out what is gone.
        rows = csv.reader((found.read_text("RECORD") or "").splitlines())
        self._recorded = {
            Path(str(found.locate_file(row[0]))): row[1].removeprefix("sha256=")
            for row in rows
            if len(row) > 1 and row[1].startswith("sha256=")
        }
        """What pip wrote down when it installed."""

    @cached_property
    def _root(self) -> Path | None:
        """The directory in which the package is: of an editable installation elsewhere than its metadata."""
        try:
            spec = find_spec(self._package)
        except (ImportError, ValueError):
            return None  # importing it tells why
        places = (spec.submodule_search_locations or []) if spec else []
        return next((Path(place).parent for place in places), None)

    @cached_property
    def libraries(self) -> dict[Path, list[Path]]:
        """By module, without any suffix, the libraries there are for it."""
        found: dict[Path, list[Path]] = {}
        for path in sorted((self._root / self._package).rglob("*")) if self._root else ():
            if path.suffix in _LIBRARIES:
                found.setdefault(path.with_name(path.name.partition(".")[0]), []).append(path)
        return found

    def problems(self) -> Iterator[Finding]:
        """Say what is wrong, each kind of fault once."""
        subject, again = f"{self._found.name} {self._found.version}", self._again()
        if tags := self._tags_of_others():
            message = f"was built for {', '.join(tags)}, and this is {_PYTHON}"
            yield error(subject, message, Place(f"{getattr(self._found, '_path', subject)}/WHEEL"), fix=again)
        if self._reason:
            message = f"was not compiled, and runs as pure Python, many times slower: {self._reason}"
            yield warning(subject, message, fix=f"CUBEKIT_MYPYC=require {again}")
        faults: dict[_Fault, list[Path]] = {}
        for fault, path in (*self._faults(), *self._lost()):
            faults.setdefault(fault, []).append(path)
        for (say, text), paths in faults.items():
            rest = f"\nand {len(paths) - _SHOWN} more" if len(paths) > _SHOWN else ""
            listed = "\n".join(map(str, paths[:_SHOWN]))
            yield say(subject, f"{text}\n{listed}{rest}", Place(str(paths[0])), fix=again)

    def _tags_of_others(self) -> list[str]:
        from packaging.tags import parse_tag, sys_tags  # for distributions that were wheels

        lines = (self._found.read_text("WHEEL") or "").splitlines()
        tags = {tag for line in lines if line.startswith("Tag:") for tag in parse_tag(line[4:].strip())}
        return sorted(map(str, tags)) if tags.isdisjoint(sys_tags()) else []

    def _faults(self) -> Iterator[tuple[_Fault, Path]]:
        for module, libraries in self.libraries.items():
            source = module.with_suffix(".py")
            usable = [path for path in libraries if path.name.removeprefix(module.name) in EXTENSION_SUFFIXES]
            if not usable:
                yield (_FOREIGN if source.exists() else _FOREIGN_ALONE), libraries[0]
                continue
            yield from ((_CHANGED, path) for path in usable if self._differs(path))
            if source.exists() and (stale := self._stale(source, usable)):
                yield stale, source

    def _stale(self, source: Path, libraries: list[Path]) -> _Fault | None:
        """Whether a library was made from another source than the one beside it."""
        written = self._sources.get(source.relative_to(self._root).as_posix()) if self._root else None
        if written is not None:
            return _STALE if hashlib.sha256(source.read_bytes()).hexdigest() != written else None
        if source in self._recorded:
            return _STALE if self._differs(source) else None
        newest = max(path.stat().st_mtime for path in libraries)
        return _OLDER if source.stat().st_mtime > newest else None

    def _lost(self) -> Iterator[tuple[_Fault, Path]]:
        """Libraries that were there once."""
        yield from ((_MISSING, path) for path in self._recorded if path.suffix in _LIBRARIES and not path.exists())
        for source in self._sources if self._root else ():
            module = Path(str(self._root), source).with_suffix("")
            if module not in self.libraries and not self._recorded.keys() & self._names_of(module):
                yield _MISSING, module.with_suffix(".py")

    def _names_of(self, module: Path) -> set[Path]:
        return {module.with_name(module.name + suffix) for suffix in EXTENSION_SUFFIXES}

    def _differs(self, path: Path) -> bool:
        """Whether a file is another one than was installed."""
        written = self._recorded.get(path)
        digest = hashlib.sha256(path.read_bytes()).digest()
        return written is not None and base64.urlsafe_b64encode(digest).rstrip(b"=").decode() != written

    def _again(self) -> str:
        origin = json.loads(self._found.read_text("direct_url.json") or "{}")
        if origin.get("dir_info", {}).get("editable"):
            return f"pip install -e {shlex.quote(unquote(urlsplit(origin['url']).path))}"
        return f"pip install --force-reinstall --no-deps '{self._found.name}=={self._found.version}'"
