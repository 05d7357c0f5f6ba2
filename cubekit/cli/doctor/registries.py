"""The registries that cubes are taken from: whether whoever is in between could hand out other files."""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

from cubekit.cli.doctor.addresses import Address, addresses_in
from cubekit.cli.doctor.case import Case
from cubekit.cli.doctor.exposure import is_loopback
from cubekit.cli.doctor.findings import Finding, Severity, error, ok, told, warning
from cubekit.cli.doctor.reachability import connect_all
from cubekit.discovery.nearest import nearest_registry
from cubekit.ground.diagnostics import CubekitError, Place

__all__ = ["registries"]


def registries(case: Case) -> Iterator[Finding]:
    """Look at the registries that the nearest ``registry.toml`` names, and connect to those that are remote."""
    path = nearest_registry(case.service.directory if case.service else Path().absolute())
    if path is None:
        return
    from cubekit.discovery.registry import load_registry
    from cubekit.ground.toml_lines import read_toml
    from cubekit.registry.sources import local_source, referred_sources

    try:
        file = read_toml(path)
        named = file.data.get("registries", {})
        if named:
            load_registry(path)
    except CubekitError as problem:
        yield from (told(diagnostic, "registry.toml") for diagnostic in problem.diagnostics)
        return
    sources = referred_sources(local_source(path), named)
    addresses = {source.name: next(addresses_in(f"{source.address}/", ()), None) for source in sources}
    outcomes = connect_all([address for address in addresses.values() if address])
    for source in sources:
        subject, place = f"registry {source.name}", file.place("registries", source.name, "source")
        address = addresses[source.name]
        found = [*_trust(subject, source.address, source.root, place), *_answer(subject, address, outcomes, place)]
        yield from found or [ok(subject, f"{source.address}{', signed' if source.root else ''}")]


def _trust(subject: str, address: str, root: Path | None, place: Place) -> Iterator[Finding]:
    if root is not None:
        if not root.exists():
            yield error(subject, f"its signatures cannot be checked: there is no {root}", place,
                        fix=f"ask its owner for root.json, and put it at {root}")  # fmt: skip
        return
    scheme, host = urlsplit(address).scheme, urlsplit(address).hostname or ""
    fix = 'root = "root.json"   (from its owner; cubekit registry publish --keys makes it)'
    if scheme == "http" and not is_loopback(host):
        message = "neither encrypted nor signed: whoever is in between may hand out other cubes and their hashes"
        yield error(subject, message, place, fix=fix)
    elif scheme == "https":
        message = "not signed: whoever has its server may hand out other cubes and their hashes"
        yield warning(subject, message, place, fix=fix)
    elif not scheme and os.name == "posix" and Path(address).exists() and Path(address).stat().st_mode & 0o002:
        message = f"everybody may write into {address}, and thus publish cubes"
        yield error(subject, message, place, fix=f"chmod o-w {shlex.quote(address)}")


def _answer(
    subject: str, address: Address | None, outcomes: dict[Address, str | None], place: Place
) -> Iterator[Finding]:
    # A service runs without its registries, and what was fetched before can be had with --offline.
    if address and (outcome := outcomes[address]):
        fix = "correct its address; --offline takes what was fetched before"
        text = f"{address} cannot be reached: {outcome}"
        yield Finding(Severity.WARNING, subject, text, place, fix, unreachable=True)
