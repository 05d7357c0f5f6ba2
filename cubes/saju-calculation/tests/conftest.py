"""Fixtures: the library as it is installed and as pure Python, so that both are held to the same tests."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from collections.abc import Sequence
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

PACKAGE = "cubekit_saju"
PILLARS = ["甲乙丙丁戊己庚辛壬癸"[i % 10] + "子丑寅卯辰巳午未申酉戌亥"[i % 12] for i in range(60)]


class SourceFinder:
    """Finds the package's ``.py`` files only, also where a compiled module of the same name lies beside them."""

    @staticmethod
    def find_spec(name: str, path: Sequence[str] | None = None, target: ModuleType | None = None) -> ModuleSpec | None:
        """Return a spec that loads the source."""
        if name == PACKAGE:
            return PathFinder.find_spec(name, path)
        if not name.startswith(f"{PACKAGE}.") or path is None:
            return None
        within = Path(path[0], name.rpartition(".")[2])
        if within.is_dir():
            source, packages = within / "__init__.py", [str(within)]
        else:
            source, packages = within.with_suffix(".py"), None
        loader = SourceFileLoader(name, str(source))
        return importlib.util.spec_from_file_location(name, source, loader=loader, submodule_search_locations=packages)


def _ours() -> dict[str, ModuleType]:
    return {name: module for name, module in sys.modules.items() if name == PACKAGE or name.startswith(f"{PACKAGE}.")}


class Library:
    """One copy of the library; ``library.calculate``, or ``library.module("_calendar.lunar")`` for a private module."""

    def __init__(self, modules: dict[str, ModuleType]) -> None:
        self._modules = modules

    def __getattr__(self, name: str) -> Any:
        return getattr(self._modules[PACKAGE], name)

    def module(self, name: str) -> Any:
        """Return one of the package's modules."""
        return self._modules[f"{PACKAGE}.{name}"]

    def settings(self, **options: Any) -> Any:
        """Return the settings of a choice of options."""
        return self.module("_analysis.settings").settings_of(self.Options(**options))

    @staticmethod
    def pillars(names: str) -> list[int]:
        """Return three or four pillars by their names in Hanja, with -1 for an hour that is missing."""
        found = [PILLARS.index(name) for name in names.split()]
        return found if len(found) == 4 else [*found, -1]


def _load(*, source: bool) -> Library:
    before = _ours()
    if source:
        for name in before:
            del sys.modules[name]
        sys.meta_path.insert(0, SourceFinder)
    try:
        importlib.import_module(PACKAGE)
        return Library(_ours())
    finally:
        if source:
            sys.meta_path.remove(SourceFinder)
            for name in _ours():
                del sys.modules[name]
            sys.modules.update(before)


@pytest.fixture(scope="session")
def installed() -> Library:
    """The library as it is installed: compiled unless that was switched off or failed."""
    return _load(source=False)


@pytest.fixture(scope="session")
def pure() -> Library:
    """The library from its sources, whatever is installed."""
    return _load(source=True)


@pytest.fixture(scope="session", params=["installed", "pure"])
def library(request: pytest.FixtureRequest) -> Library:
    """Both, one after the other."""
    chosen: Library = request.getfixturevalue(request.param)
    return chosen
