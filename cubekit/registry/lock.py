"""``cubekit.lock``: exactly which releases a service was made with, each bound to its registry and to hashes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from cubekit.discovery.publishers import TrustedPublisher
from cubekit.discovery.registry import (
    CubeName,
    DistributionName,
    Provided,
    ReleaseFile,
    ReleaseVersion,
    Required,
    Text,
)
from cubekit.ground.diagnostics import CubekitError, Diagnostic, Place
from cubekit.ground.toml_lines import read_toml
from cubekit.ground.validation import validation_diagnostics
from cubekit.ground.versions import SpecifierSet, Version, admits, range_text, split_use
from cubekit.registry.files import to_toml, write_whole
from cubekit.registry.resolver import Choice

__all__ = ["Lock", "LockedCube", "LockedDistribution", "lock_path", "locked", "outdated_by", "read_lock", "write_lock"]

_HEAD = "# Written by cubekit registry; commit it. cubekit registry verify compares it with what is installed.\n"


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class LockedDistribution(_Table):
    """``[[distributions]]``: what pip brought in because a cube depends on it."""

    name: DistributionName
    version: ReleaseVersion
    registry: Text | None = None
    """The registry that the name belongs to; None for what pip took from its own indexes."""
    trusted_publishers: list[TrustedPublisher] = []
    files: list[ReleaseFile] = []
    """Of the systems on which it was locked."""


class LockedCube(_Table):
    """``[[cubes]]``: one cube."""

    name: CubeName
    distribution: DistributionName
    version: ReleaseVersion
    registry: Text
    """The registry that the name belongs to."""
    provides: list[Provided] = []
    requires: list[Required] = []
    permissions: list[Text] = []
    trusted_publishers: list[TrustedPublisher] = []
    """Who attested it when it was locked first. Nothing else than what they attest takes its place."""
    files: list[ReleaseFile] = []


class Lock(_Table):
    """A whole lock."""

    version: Literal[1] = Field(default=1, alias="schema")
    cubes: list[LockedCube] = []
    distributions: list[LockedDistribution] = []

    def get(self, name: str) -> LockedCube | None:
        """The cube of a name."""
        return next((cube for cube in self.cubes if cube.name == name), None)


def lock_path(service: Path) -> Path:
    """Where the lock of a service file is: beside it."""
    return service.with_name("cubekit.lock")


def read_lock(path: Path) -> Lock:
    """Read a lock; without a file it is empty.

    :raises CubekitError: CK102 to CK104 if it is not valid.
    """
    if not path.exists():
        return Lock()
    file = read_toml(path)
    try:
        return Lock.model_validate(file.data)
    except ValidationError as error:
        raise CubekitError(validation_diagnostics(error, file, (), Lock)) from error


def write_lock(path: Path, lock: Lock) -> None:
    """Write a lock in one step."""
    write_whole(path, _HEAD + to_toml(lock.model_dump(by_alias=True)))


def locked(choices: Iterable[Choice], distributions: Iterable[LockedDistribution]) -> Lock:
    """The lock of what was chosen."""
    cubes = [
        LockedCube(
            name=choice.name,
            distribution=choice.entry.distribution,
            version=choice.release.version,
            registry=choice.found.source.name,
            provides=choice.release.provides,
            requires=choice.release.requires,
            permissions=list(choice.release.permissions),
            files=choice.release.files,
        )
        for choice in choices
    ]
    return Lock(
        cubes=sorted(cubes, key=lambda one: one.name), distributions=sorted(distributions, key=lambda one: one.name)
    )


def outdated_by(lock: Lock, wanted: Mapping[str, tuple[SpecifierSet, Place]], path: Path) -> list[Diagnostic]:
    """Why a lock does not fit the cubes that a service names (CK604). Cubes that others require are not too many."""
    fix = "cubekit registry lock"
    if not path.exists():
        return [Diagnostic("CK604", "the service has no lock", Place(str(path)), fix=fix)]
    problems = []
    for name, (versions, place) in wanted.items():
        cube = lock.get(name)
        if cube is None:
            problems.append(Diagnostic("CK604", f'the lock does not have the cube "{name}"', place, fix=fix))
        elif not admits(versions, Version(cube.version)):
            problems.append(
                Diagnostic(
                    "CK604",
                    f'the lock has another version of the cube "{name}"',
                    place,
                    needed=f"{name} {range_text(versions)}",
                    found=cube.version,
                    fix=fix,
                )
            )
    required = {split_use(text)[0] for cube in lock.cubes for text in cube.requires}
    for cube in lock.cubes:
        serves = any(one.partition("@")[0] in required for one in cube.provides)
        if cube.name not in wanted and not serves:
            message = f'the lock has the cube "{cube.name}", which the service does not use'
            problems.append(Diagnostic("CK604", message, Place(str(path)), fix=fix))
    return problems
