"""Tells the line of a plugin from those of Python and of cubekit around it."""

from __future__ import annotations

import sysconfig
from collections.abc import Sequence
from pathlib import Path

from cubekit.ground.diagnostics import Place

__all__ = ["line_of_plugin"]

_PYTHON, _CUBEKIT = Path(sysconfig.get_path("stdlib")), Path(__file__).parents[2]


def line_of_plugin(frames: Sequence[Place], package: str) -> Place | None:
    """Return the innermost line of a package, or else of anybody but Python and cubekit.

    :param frames: the lines of a stack, the innermost first.
    :param package: the plugin's importable package, or its only module; empty if it is not known.
    """
    own = [frame for frame in frames if _is_in(package, Path(frame.source))]
    others = [frame for frame in frames if not frame.source.startswith("<") and _is_foreign(Path(frame.source))]
    return next(iter([*own, *others]), None)


def _is_in(package: str, file: Path) -> bool:
    return package in (file.stem, *file.parent.parts)


def _is_foreign(file: Path) -> bool:
    is_python = file.is_relative_to(_PYTHON) and "site-packages" not in file.parts
    return not is_python and not file.is_relative_to(_CUBEKIT)
