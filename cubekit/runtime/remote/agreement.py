"""`agree`: what a service says of itself, held against what the service file says that it is there for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

import anyio.to_thread
from pydantic import BaseModel, ValidationError

from cubekit.authoring.contracts import ContractInfo, DeclarationError
from cubekit.composition.contract_fit import misfits
from cubekit.composition.edge import camel
from cubekit.composition.remotes import RemoteConfig
from cubekit.ground.versions import Version, admits, compatible_range, parse_range
from cubekit.runtime.remote.connection import Connection
from cubekit.runtime.remote.manifest import ContractDocument, Manifest, ManifestCube, ManifestOperation
from cubekit.runtime.remote.methods import RemoteMethod

__all__ = ["Agreement", "Disagreement", "agree", "compare", "read_manifest"]

M = TypeVar("M", bound=BaseModel)


class Disagreement(Exception):
    """The service is there, and not what the service file says.

    :param reasons: a sentence for each.
    """

    def __init__(self, *reasons: str) -> None:
        super().__init__("; ".join(reasons))
        self.reasons = reasons


@dataclass(frozen=True, slots=True)
class Agreement:
    """How a remote cube is called."""

    cube: ManifestCube
    """What the manifest says of it."""
    methods: Mapping[str, RemoteMethod]
    """By their names in Python. Those that the provider is too old for are not there."""

    def still_holds(self, cube: ManifestCube) -> bool:
        """Whether the manifest says the same of the cube, but for how it is at the moment."""
        return cube.model_copy(update={"state": self.cube.state}) == self.cube


async def agree(connection: Connection, config: RemoteConfig, before: Agreement | None) -> Agreement:
    """Ask the service, and return how its cube is called.

    :param before: what was agreed the last time: what has not changed since is not looked at again.
    :raises Broken: if the service does not answer.
    :raises Disagreement: if it is not what was planned.
    """
    cube = _find((await read_manifest(connection)).cubes, config)
    if before is not None and before.still_holds(cube):
        return Agreement(cube, before.methods)
    versions = _check(cube, config)
    contracts = {provision.contract: versions[name] for name, provision in config.provides.items()}
    return Agreement(cube, await compare(connection, cube, contracts))


async def read_manifest(connection: Connection) -> Manifest:
    """Return what a service is made of.

    :raises Broken: if it does not answer.
    :raises Disagreement: if it says something else.
    """
    return _read(Manifest, "its manifest", await connection.document("/cubes"))


async def compare(
    connection: Connection, cube: ManifestCube, contracts: Mapping[ContractInfo, Version]
) -> dict[str, RemoteMethod]:
    """Return how the methods of contracts are called, by their names in Python.

    :param contracts: as they are known here, with the versions in which the cube provides them.
    :raises Broken: if the service does not answer.
    :raises Disagreement: with everything in which the cube does not keep what is known here.
    """
    documents = {contract: await connection.document(f"/cubes/contracts/{contract.name}") for contract in contracts}
    return await anyio.to_thread.run_sync(_compare, contracts, documents, cube.operations)


def _read(kind: type[M], what: str, document: Any) -> M:
    try:
        return kind.model_validate(document)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(map(str, first["loc"]))
        raise Disagreement(f"{what} cannot be read: {where}: {first['msg']}") from error


def _find(cubes: tuple[ManifestCube, ...], config: RemoteConfig) -> ManifestCube:
    """The entry of the instance in a manifest."""
    ours = [cube for cube in cubes if cube.own and cube.cube == config.cube]
    found = [cube for cube in ours if config.instance in {None, cube.name}]
    names = ", ".join(cube.name for cube in ours)
    if not ours:
        known = ", ".join(sorted({cube.cube for cube in cubes if cube.own}))
        raise Disagreement(f'it has no cube "{config.cube}"; it has: {known or "none"}')
    if not found:
        raise Disagreement(f'instance "{config.instance}" is not there; cube "{config.cube}" is used by: {names}')
    if len(found) > 1:
        choice = f'from = "{config.service}/…" with one of {names}'
        raise Disagreement(f'cube "{config.cube}" is there more than once: {choice}')
    return found[0]


def _check(cube: ManifestCube, config: RemoteConfig) -> dict[str, Version]:
    """The versions of the planned contracts that the instance says it provides."""
    reasons = []
    if not admits(config.versions, version := cube.version or "0"):
        reasons.append(f"its {config.cube} is {version}, and {config.versions} is wanted")
    if cube.colour is not config.colour:
        reasons.append(f"its cube is {cube.colour}, and not {config.colour}")
    provided = {one.name: Version(one.version) for one in cube.contracts.provides}
    for name, planned in config.provides.items():
        if name not in provided:
            reasons.append(f"it does not provide {name}")
        elif not admits(parse_range(compatible_range(planned.version)), provided[name]):
            reasons.append(f"it provides {name} {provided[name]}, and {planned.version} was planned")
    if reasons:
        raise Disagreement(*reasons)
    return {name: provided[name] for name in config.provides}


def _compare(
    contracts: Mapping[ContractInfo, Version],
    documents: Mapping[ContractInfo, Mapping[str, Any]],
    operations: tuple[ManifestOperation, ...],
) -> dict[str, RemoteMethod]:
    offered = {operation.name: operation for operation in operations}
    methods: dict[str, RemoteMethod] = {}
    reasons: list[str] = []
    for contract, version in contracts.items():
        name, document = contract.name, documents[contract]
        promised = _read(ContractDocument, f"its {name}", document).methods
        try:
            reasons += (f"{name} {version}, {misfit}" for misfit in misfits(contract, document, version))
        except (LookupError, TypeError, ValueError, AttributeError, RecursionError) as error:  # of what is no schema
            raise Disagreement(f"its {name} cannot be read: {error!r}") from error
        for method in contract.methods:
            form = offered.get(camel(method))
            if form is not None:
                try:
                    methods[method] = RemoteMethod(contract, method, form)
                except (DeclarationError, ValueError) as error:
                    reasons.append(f"{name} {version}, {method}(): {error}")
            elif method in promised and version >= contract.version:
                reasons.append(f"{name} {version}, {method}(): it is no operation there, so HTTP does not reach it")
    if reasons:
        raise Disagreement(*reasons)
    return methods
