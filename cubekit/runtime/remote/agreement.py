"""`agree`: what a service says of itself, held against what the service file says that it is there for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import anyio.to_thread

from cubekit.authoring.contracts import DeclarationError
from cubekit.composition.contract_fit import misfits
from cubekit.composition.descriptors import Provision
from cubekit.composition.edge import camel
from cubekit.composition.remotes import RemoteConfig
from cubekit.discovery.cubes import normalised
from cubekit.ground.versions import SpecifierSet, Version, admits
from cubekit.runtime.remote.connection import Connection
from cubekit.runtime.remote.methods import RemoteMethod

__all__ = ["Agreement", "Disagreement", "agree"]

_VOLATILE = {"state", "restarts", "queue", "problem"}


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

    instance: str
    state: str
    """Of the instance, when it was asked."""
    methods: Mapping[str, RemoteMethod]
    """By their names in Python. Those that the provider is too old for are not there."""
    said: Mapping[str, Any]
    """The instance's entry in the manifest, as far as it lasts."""


async def agree(connection: Connection, config: RemoteConfig, before: Agreement | None) -> Agreement:
    """Ask the service, and return how its cube is called.

    :param before: what was agreed the last time: what has not changed since is not looked at again.
    :raises Broken: if the service does not answer.
    :raises Disagreement: if it is not what was planned.
    """
    cube = _find((await connection.document("/cubes")).get("cubes"), config)
    said = {key: value for key, value in cube.items() if key not in _VOLATILE}
    if before is not None and before.said == said:
        return Agreement(cube["name"], cube["state"], before.methods, said)
    versions = _check(cube, config)
    documents = {name: await connection.document(f"/cubes/contracts/{name}") for name in versions}
    methods = await anyio.to_thread.run_sync(_compare, config.provides, versions, documents, cube["operations"])
    return Agreement(cube["name"], cube["state"], methods, said)


def _find(cubes: Any, config: RemoteConfig) -> dict[str, Any]:
    """The entry of the instance in a manifest."""
    try:
        ours = [cube for cube in cubes if cube["engine"] != "remote" and normalised(cube["cube"]) == config.cube]
        found = [cube for cube in ours if config.instance in {None, cube["name"]}]
        names = ", ".join(cube["name"] for cube in ours)
        known = ", ".join(sorted({cube["cube"] for cube in cubes}))
    except (TypeError, LookupError) as error:
        raise Disagreement(f"its manifest cannot be read: {error!r}") from error
    if not ours:
        raise Disagreement(f'it has no cube "{config.cube}"; it has: {known or "none"}')
    if not found:
        raise Disagreement(f'instance "{config.instance}" is not there; cube "{config.cube}" is used by: {names}')
    if len(found) > 1:
        raise Disagreement(
            f'cube "{config.cube}" is there more than once: from = "{config.service}/…" with one of {names}'
        )
    entry: dict[str, Any] = found[0]
    return entry


def _check(cube: Mapping[str, Any], config: RemoteConfig) -> dict[str, Version]:
    """The versions of the planned contracts that the instance says it provides."""
    reasons = []
    if not admits(config.versions, version := str(cube["version"] or "0")):
        reasons.append(f"its {config.cube} is {version}, and {config.versions} is wanted")
    if cube["colour"] != config.colour:
        reasons.append(f"its cube is {cube['colour']}, and not {config.colour}")
    provided = {one["name"]: Version(one["version"]) for one in cube["contracts"]["provides"]}
    for name, planned in config.provides.items():
        if name not in provided:
            reasons.append(f"it does not provide {name}")
        elif not admits(_compatible(planned.version), provided[name]):
            reasons.append(f"it provides {name} {provided[name]}, and {planned.version} was planned")
    if reasons:
        raise Disagreement(*reasons)
    return {name: provided[name] for name in config.provides}


def _compatible(version: Version) -> SpecifierSet:
    """Versions that keep at least what this one promises: before 1.0 a minor step may break."""
    following = f"{version.major + 1}" if version.major else f"0.{version.minor + 1}"
    return SpecifierSet(f">={version},<{following}")


def _compare(
    provides: Mapping[str, Provision],
    versions: Mapping[str, Version],
    documents: Mapping[str, Mapping[str, Any]],
    operations: list[Mapping[str, Any]],
) -> dict[str, RemoteMethod]:
    offered = {operation["name"]: operation for operation in operations}
    methods: dict[str, RemoteMethod] = {}
    reasons: list[str] = []
    for name, provision in provides.items():
        contract, version = provision.contract, versions[name]
        reasons += (f"{name} {version}, {misfit}" for misfit in misfits(contract, documents[name], version))
        for method in contract.methods:
            form = offered.get(camel(method))
            if form is not None:
                try:
                    methods[method] = RemoteMethod(contract, method, form)
                except (DeclarationError, ValueError) as error:
                    reasons.append(f"{name} {version}, {method}(): {error}")
            elif method in documents[name]["methods"] and version >= contract.version:
                reasons.append(f"{name} {version}, {method}(): it is no operation there, so HTTP does not reach it")
    if reasons:
        raise Disagreement(*reasons)
    return methods
