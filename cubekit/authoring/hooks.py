"""The marker for composition-time plugins; the hooks themselves are in `cubekit.composition.plugins`."""

from __future__ import annotations

import pluggy

__all__ = ["hookimpl"]

hookimpl = pluggy.HookimplMarker("cubekit")
"""Marks a function of a plugin as the implementation of the hook of the same name."""
