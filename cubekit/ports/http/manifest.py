"""The manifest: what this service is made of."""

from __future__ import annotations

from typing import Any

from cubekit import __version__
from cubekit.composition.operations import Operation, ResultKind
from cubekit.composition.plan import LeftOut, PlannedCube
from cubekit.runtime.instances import Instance, State
from cubekit.runtime.service import Service

__all__ = ["API_PREFIX", "http_path", "manifest"]

API_PREFIX = "/api/v1"


def http_path(planned: PlannedCube, relative: str) -> str:
    """The path of an operation or raw route, from the one that its cube declares."""
    return "/".join(part for part in (API_PREFIX, planned.path, relative) if part)


def manifest(service: Service) -> dict[str, Any]:
    """Return every instance with its cube, contracts, operations and state, also the optional ones left out."""
    return {
        "service": service.plan.name,
        "version": __version__,
        "cubes": [
            *(_cube(instance) for instance in service.instances.values()),
            *(_left_out(left) for left in service.plan.left_out),
        ],
    }


def _cube(instance: Instance) -> dict[str, Any]:
    planned = instance.planned
    descriptor = planned.descriptor
    return {
        "name": planned.name,
        "colour": descriptor.colour.value,
        "cube": descriptor.name,
        "version": descriptor.info.version,
        "distribution": descriptor.info.distribution,
        "doc": descriptor.doc,
        "contracts": {
            "provides": [{"name": name, "version": str(kept.version)} for name, kept in descriptor.provides.items()],
            "requires": [
                {
                    "name": requirement.contract.name,
                    "range": str(requirement.admitted),
                    "optional": requirement.optional,
                    "from": list(planned.bindings.get(requirement.attribute, ())),
                }
                for requirement in descriptor.requires
            ],
        },
        "operations": [_operation(planned, operation) for operation in descriptor.operations if operation.exposed],
        "state": instance.state.value,
        "engine": planned.engine,
        "path": planned.path,
        "restarts": instance.restarts,
        "optional": planned.optional,
        "problem": instance.problem.message if instance.problem else None,
    }


def _operation(planned: PlannedCube, operation: Operation) -> dict[str, Any]:
    method, path = operation.http
    return {
        "name": operation.name,
        "http": {"method": method, "path": http_path(planned, path)},
        "stream": operation.kind is ResultKind.STREAM,
        "scope": operation.options.scope,
        "doc": operation.doc,
    }


def _left_out(left: LeftOut) -> dict[str, Any]:
    return {
        "name": left.name,
        "colour": left.colour.value if left.colour else None,
        "cube": left.use,
        "version": None,
        "distribution": None,
        "doc": "",
        "contracts": {"provides": [], "requires": []},
        "operations": [],
        "state": State.DEGRADED.value,
        "engine": None,
        "path": None,
        "restarts": 0,
        "optional": True,
        "problem": "; ".join(diagnostic.message for diagnostic in left.diagnostics),
    }
