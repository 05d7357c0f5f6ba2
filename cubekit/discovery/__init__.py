"""What is installed, from entry points alone: nothing is imported before a service asks for it by name.

Also reads ``registry.toml``, the catalogue of known cubes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cubekit.discovery.cubes import Catalogue, CubeInfo, ExtensionInfo
from cubekit.discovery.nearest import nearest_registry
from cubekit.discovery.scan import scan

if TYPE_CHECKING:
    from cubekit.discovery.registry import Registry, RegistryEntry, load_registry

__all__ = [
    "Catalogue",
    "CubeInfo",
    "ExtensionInfo",
    "Registry",
    "RegistryEntry",
    "load_registry",
    "nearest_registry",
    "scan",
]


def __getattr__(name: str) -> Any:
    # A registry needs pydantic and version ranges, which listing what is installed need not wait for.
    if name in {"Registry", "RegistryEntry", "load_registry"}:
        from cubekit.discovery import registry

        return getattr(registry, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
