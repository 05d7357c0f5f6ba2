"""`find_offers`: what running services have, before any of it stands in a service file."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import anyio
from pydantic import ValidationError

from cubekit.composition.descriptors import Requirement
from cubekit.composition.remotes import DiscoverySection
from cubekit.ground.diagnostics import CubekitError, Diagnostic
from cubekit.ground.versions import Version, admits, range_text
from cubekit.runtime.remote.agreement import Disagreement, compare, read_manifest
from cubekit.runtime.remote.connection import Connection
from cubekit.runtime.remote.manifest import ManifestCube
from cubekit.runtime.remote.wire import Broken

__all__ = ["Offer", "find_offers"]


@dataclass(frozen=True, slots=True)
class Offer:
    """What one service has."""

    service: str
    url: str
    cubes: tuple[ManifestCube, ...]
    """Those that are really there, and not in yet another service."""
    misfits: Mapping[str, Mapping[str, tuple[str, ...]]]
    """By instance and contract, for those that are required: why it does not fit; nothing if it does."""


def find_offers(urls: Iterable[str], required: Iterable[Requirement] = ()) -> dict[str, Offer | str]:
    """Ask services, all at the same time, and return what each has, or why that is not known.

    :param required: what the cubes of a service need.
    :raises CubekitError: CK504 if one is no address of a service.
    """
    sections = {url: _section(url) for url in dict.fromkeys(urls)}
    found: dict[str, Offer | str] = {}

    async def ask() -> None:
        async with anyio.create_task_group() as tasks:
            for url, section in sections.items():
                tasks.start_soon(_ask, url, section, tuple(required), found)

    anyio.run(ask)
    return {url: found[url] for url in sections}


def _section(url: str) -> DiscoverySection:
    try:
        return DiscoverySection(url=url)
    except ValidationError as error:
        message = error.errors(include_url=False)[0]["msg"].removeprefix("Value error, ")
        raise CubekitError(Diagnostic("CK504", message)) from error


async def _ask(
    url: str, section: DiscoverySection, required: tuple[Requirement, ...], found: dict[str, Offer | str]
) -> None:
    connection = Connection(section)
    found[url] = f"it did not answer within {section.timeout:g} s"
    try:
        with anyio.move_on_after(section.timeout):
            manifest = await read_manifest(connection)
            cubes = tuple(cube for cube in manifest.cubes if cube.own)
            misfits = {cube.name: await _misfits(connection, cube, required) for cube in cubes}
            found[url] = Offer(manifest.service, section.url, cubes, misfits)
    except (Broken, Disagreement) as error:
        found[url] = str(error)
    finally:
        await connection.close()


async def _misfits(
    connection: Connection, cube: ManifestCube, required: tuple[Requirement, ...]
) -> dict[str, tuple[str, ...]]:
    versions = {one.name: Version(one.version) for one in cube.contracts.provides}
    found: dict[str, tuple[str, ...]] = {}
    for requirement in required:
        contract = requirement.contract
        version = versions.get(contract.name)
        if version is None:
            continue
        reasons: tuple[str, ...] = ()
        if not admits(requirement.admitted, version):
            reasons = (f"{contract.name} {range_text(requirement.admitted)} is required, and {version} is there",)
        elif not contract.remotable:
            reasons = (f"{contract.name} hands out live objects, which cannot leave their process",)
        else:
            try:
                await compare(connection, cube, {contract: version})
            except Disagreement as error:
                reasons = error.reasons
        found[contract.name] = tuple(dict.fromkeys((*found.get(contract.name, ()), *reasons)))
    return found
