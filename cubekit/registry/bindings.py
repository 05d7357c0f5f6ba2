"""A cube's name is bound to its distribution and its registry; whatever else claims it is refused (CK607)."""

from __future__ import annotations

from collections.abc import Iterable

from cubekit.discovery import Catalogue
from cubekit.discovery.cubes import normalised
from cubekit.ground.diagnostics import CubekitError, Diagnostic
from cubekit.registry.lock import Lock, LockedDistribution
from cubekit.registry.resolver import Choice
from cubekit.registry.shelf import Shelf
from cubekit.registry.wheels import Wheel

__all__ = ["check_bindings", "check_brought", "check_offers", "moved"]


def check_bindings(choices: Iterable[Choice], lock: Lock, installed: Catalogue) -> None:
    """Refuse a cube that comes from elsewhere than the lock says, or that another installed distribution offers.

    :raises CubekitError: CK607.
    """
    problems = []
    for choice in choices:
        source, distribution = choice.found.source.name, choice.entry.distribution
        before = lock.get(choice.name)
        if before and (before.registry, before.distribution) != (source, distribution):
            problems.append(
                Diagnostic(
                    "CK607",
                    f'the cube "{choice.name}" would come from elsewhere than before',
                    needed=f'{before.distribution} of registry "{before.registry}", as cubekit.lock says',
                    found=f'{distribution} of registry "{source}"',
                    fix=f"if that is meant: cubekit registry remove {choice.name}, then add it again",
                )
            )
        claims = installed.conflicts.get(choice.name, ())
        here = installed.get(choice.name)
        problems += [
            Diagnostic(
                "CK607",
                f'the cube "{choice.name}" is installed from a distribution that it does not belong to',
                needed=f'{distribution}, as registry "{source}" says',
                found=f"{claim.distribution} {claim.version}",
                fix=f"pip uninstall {claim.distribution}",
            )
            for claim in (*claims, *([here] if here else []))
            if normalised(claim.distribution) != distribution
        ]
    if problems:
        raise CubekitError(problems)


def moved(lock: Lock, shelf: Shelf) -> list[Diagnostic]:
    """Why locked distributions that are no cubes belong elsewhere than when they were locked (CK607)."""
    problems = []
    for one in lock.distributions:
        owner = shelf.releases(one.name)
        now = owner[0].name if owner else None
        if now != one.registry:
            problems.append(
                Diagnostic(
                    "CK607",
                    f"{one.name} would come from elsewhere than before",
                    needed=f"{_place_of(one.registry)}, as cubekit.lock says",
                    found=_place_of(now),
                    fix=f"if that is meant: delete {one.name} from cubekit.lock, and lock again",
                )
            )
    return problems


def _place_of(registry: str | None) -> str:
    return f'registry "{registry}"' if registry else "pip's own index"


def check_offers(wheels: Iterable[Wheel], shelf: Shelf) -> None:
    """Refuse wheels that offer cubes of others.

    :raises CubekitError: CK607.
    """
    owners = {found.name: found.entry.distribution for found in shelf}
    problems = [
        Diagnostic(
            "CK607",
            f'{wheel.distribution} offers the cube "{name}", which belongs to {owners[name]}',
            needed=owners[name],
            found=wheel.distribution,
            fix=f"do not install {wheel.distribution}; tell the owner of its registry",
        )
        for wheel in wheels
        for name in wheel.cubes
        if owners.get(name, wheel.distribution) != wheel.distribution
    ]
    if problems:
        raise CubekitError(problems)


def check_brought(brought: Iterable[LockedDistribution], shelf: Shelf) -> None:
    """Refuse what pip would take from an index although its name belongs to a registry.

    :raises CubekitError: CK607.
    """
    problems = []
    for one in brought:
        owner = shelf.releases(one.name)
        if owner is None:
            continue
        source, releases = owner
        listed = {file.sha256 for release in releases for file in release.files}
        if not {file.sha256 for file in one.files} <= listed:
            message = f"pip would take {one.name} {one.version} from elsewhere, and the name belongs to a registry"
            files = ", ".join(file.name for file in one.files)
            needed = f'a file that registry "{source.name}" lists'
            problems.append(Diagnostic("CK607", message, needed=needed, found=files, fix=f"pip uninstall {one.name}"))
    if problems:
        raise CubekitError(problems)
