"""Finds the ``registry.toml`` that concerns a directory."""

from __future__ import annotations

from pathlib import Path

__all__ = ["nearest_registry"]


def nearest_registry(directory: Path) -> Path | None:
    """The ``registry.toml`` of a directory, or of the nearest one around it; None if there is none."""
    for around in (directory, *directory.parents):
        if (path := around / "registry.toml").is_file():
            return path
    return None
