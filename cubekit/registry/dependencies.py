"""What distributions depend on, on this Python and system."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from importlib.metadata import PackageNotFoundError, requires
from typing import TYPE_CHECKING

from cubekit.discovery.cubes import normalised
from cubekit.ground.versions import SpecifierSet

if TYPE_CHECKING:
    from packaging.requirements import Requirement

__all__ = ["active", "reached", "requirements_of"]


def reached(
    requirements: Iterable[Iterable[str]], requirements_of: Callable[[str], Iterable[str]]
) -> dict[str, SpecifierSet]:
    """Return all distributions that requirements lead to, each with the versions that are admitted.

    :param requirements_of: what a distribution depends on.
    """
    admitted: dict[str, SpecifierSet] = {}
    extras: dict[str, set[str]] = {}
    queue = [requirement for texts in requirements for requirement in active(texts)]
    while queue:
        requirement = queue.pop()
        name = normalised(requirement.name)
        admitted[name] = admitted.get(name, SpecifierSet()) & requirement.specifier
        followed = extras.setdefault(name, set())
        if further := {"", *requirement.extras} - followed:
            followed |= further
            queue += active(requirements_of(name), further)
    return admitted


def active(texts: Iterable[str], extras: Iterable[str] = ()) -> Iterator[Requirement]:
    """The requirements that hold here, with some extras."""
    from packaging.requirements import Requirement

    wanted = {"", *extras}
    for text in texts:
        requirement = Requirement(text)
        marker = requirement.marker
        if marker is None or any(marker.evaluate({"extra": extra}) for extra in wanted):
            yield requirement


def requirements_of(distribution: str) -> list[str]:
    """What an installed distribution depends on; nothing if it is not installed."""
    try:
        return requires(distribution) or []
    except PackageNotFoundError:
        return []
