"""What must hold for a service as a whole, whatever each cube says for itself."""

from __future__ import annotations

import os
import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path

from cubekit.composition.documents import Document
from cubekit.composition.service_file import CubeSection, ServiceFile
from cubekit.composition.wiring import Candidate
from cubekit.ground.colours import Colour
from cubekit.ground.diagnostics import Diagnostic

__all__ = [
    "check_availability",
    "check_engine",
    "check_exclusive",
    "check_names",
    "check_paths",
    "check_scopes",
    "check_workers",
]

_PORTS = ("rest", "sse")
_LATER_PORTS = ("ws", "graphql", "mcp", "grpc")


def check_availability(service: ServiceFile, document: Document) -> Iterator[Diagnostic]:
    """What the file may ask for, and this version of cubekit cannot do yet (CK109, CK110)."""
    for index, port in enumerate(service.service.expose):
        place = document.place("service", "expose", index)
        if port in _LATER_PORTS:
            message = f'port "{port}" is not available in this version of cubekit; the service starts without it'
            yield Diagnostic("CK109", message, place, severity="warning", fix=f'remove "{port}"')
        elif port not in _PORTS:
            yield Diagnostic("CK110", f'unknown port "{port}"', place, needed=f"one of: {', '.join(_PORTS)}")
    if service.http.workers > 1 and not hasattr(os, "fork"):
        yield _later(document, "http.workers > 1 on this system", "http", "workers", fix="workers = 1")
    if service.recycle.is_wanted and not Path("/proc/self/statm").exists():
        yield _later(document, "recycle on this system, which has no /proc", "recycle", fix="remove [recycle]")


def check_engine(name: str, section: CubeSection, document: Document) -> Iterator[Diagnostic]:
    """What a cube's table may ask for, and this version of cubekit cannot do (CK109, CK213, CK215)."""
    if section.engine != "inline":
        yield _later(document, f'engine "{section.engine}"', "cubes", name, "engine", fix='engine = "inline"')
    if max(section.replicas.min, section.replicas.max) > 1:
        fix = "replicas = { min = 1, max = 1 }"
        yield _later(document, "more than one replica", "cubes", name, "replicas", fix=fix)
    if section.limits.memory is not None and section.engine == "inline":
        yield Diagnostic(
            "CK213",
            f'limits.memory of cube "{name}" cannot be enforced: an inline cube shares its process with the others',
            document.place("cubes", name, "limits", "memory"),
            fix="remove limits.memory",
        )
    for key in ("colour", "contracts"):
        if getattr(section, key):
            message = f'cube "{name}" says its {key} itself: here they are said of cubes of other services'
            fix = f'remove {key}, or say where the cube is: from = "…"'
            yield Diagnostic("CK215", message, document.place("cubes", name, key), fix=fix)


def _later(document: Document, what: str, *keys: str, fix: str) -> Diagnostic:
    return Diagnostic("CK109", f"{what} is not available in this version of cubekit", document.place(*keys), fix=fix)


def check_names(service: ServiceFile, document: Document) -> Iterator[Diagnostic]:
    """Names of cubes in other sections must be names of cubes of this service (CK111)."""
    group_of: dict[str, str] = {}
    for group, section in service.supervise.items():
        for index, name in enumerate(section.cubes):
            keys = ("supervise", group, "cubes", index)
            if name not in service.cubes:
                yield _unknown(service, document, name, *keys)
            elif name in group_of:
                message = f'cube "{name}" is in two groups: {group_of[name]} and {group}'
                yield Diagnostic("CK104", message, document.place(*keys), fix=f'remove "{name}" from one of them')
            group_of[name] = group
    for index, name in enumerate(service.health.readyz.include or ()):
        if name not in service.cubes:
            yield _unknown(service, document, name, "health", "readyz", "include", index)
    for group, members in service.health.groups.items():
        if group in service.cubes:
            message = f'health group "{group}" has the name of a cube, whose health /health/{group} tells'
            place = document.place("health", "groups", group)
            yield Diagnostic("CK104", message, place, fix=f"[health.groups.{group}-group]")
        for index, name in enumerate(members.include):
            if name not in service.cubes:
                yield _unknown(service, document, name, "health", "groups", group, "include", index)


def _unknown(service: ServiceFile, document: Document, name: str, *keys: str | int) -> Diagnostic:
    needed = f"one of: {', '.join(service.cubes) or '(the service has no cube)'}"
    return Diagnostic("CK111", f'there is no cube "{name}" in this service', document.place(*keys), needed=needed)


def check_exclusive(candidates: Mapping[str, Candidate]) -> Iterator[Diagnostic]:
    """A cube that says it is exclusive has one instance (CK209)."""
    used = Counter(candidate.descriptor.name for candidate in candidates.values())
    for name, candidate in candidates.items():
        cube = candidate.descriptor.name
        if not candidate.descriptor.cube.exclusive or used[cube] == 1:
            continue
        others = [other for other, c in candidates.items() if c.descriptor.name == cube and other != name]
        yield Diagnostic(
            "CK209",
            f'cube "{cube}" is exclusive: a service has one instance of it',
            candidate.place,
            found=f"also used by: {', '.join(others)}",
            fix=f"remove [cubes.{name}]",
        )


def check_workers(
    service: ServiceFile, document: Document, candidates: Mapping[str, Candidate]
) -> Iterator[Diagnostic]:
    """With several workers there are several of every cube; what must be one is told (CK214)."""
    if service.http.workers == 1:
        return
    place = document.place("http", "workers")
    for name, candidate in candidates.items():
        descriptor = candidate.descriptor
        rated = [operation.name for operation in descriptor.operations if operation.options.rate]
        what = [f'cube "{name}" is exclusive'] if descriptor.cube.exclusive else []
        what += [f"{name}.{operation} has a rate, which each worker would count alone" for operation in rated]
        for reason in what:
            message = f"{reason}: there cannot be {service.http.workers} workers"
            yield Diagnostic("CK214", message, place, found=str(candidate.place), fix="workers = 1")


def check_paths(candidates: Mapping[str, Candidate]) -> Iterator[Diagnostic]:
    """Each HTTP method and path belongs to one operation or raw route (CK210)."""
    claims: defaultdict[tuple[str, str], list[tuple[Candidate, str]]] = defaultdict(list)
    for candidate in candidates.values():
        for (verb, path), method in candidate.descriptor.http_forms():
            # The name of a placeholder does not matter: {id} and {name} match the same requests.
            shape = re.sub(r"{\w+}", "{}", f"{candidate.path}/{path}")
            claims[verb, shape].append((candidate, method))
    for (verb, shape), claimants in claims.items():
        if len(claimants) > 1:
            last, _ = claimants[-1]
            yield Diagnostic(
                "CK210",
                f"{verb} /api/v1/{shape} is claimed more than once",
                last.place,
                found=", ".join(f"{candidate.name}.{method}" for candidate, method in claimants),
                fix=f'[cubes.{last.name}] path = "another-segment"',
            )


def check_scopes(candidates: Mapping[str, Candidate]) -> Iterator[Diagnostic]:
    """Who asks for scopes needs somebody who grants them (CK211)."""
    if any(candidate.descriptor.colour is Colour.SECURITY for candidate in candidates.values()):
        return
    for name, candidate in candidates.items():
        scopes = sorted({o.options.scope for o in candidate.descriptor.operations if o.options.scope})
        if scopes:
            yield Diagnostic(
                "CK211",
                f'operations of cube "{name}" need scopes, and nobody in this service can grant them',
                candidate.place,
                needed=f"a security cube that grants {', '.join(scopes)}",
                found="no security cube",
                fix="add a cube of colour security",
            )
