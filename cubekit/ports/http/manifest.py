"""The manifest: what this service is made of."""

from __future__ import annotations

from datetime import UTC, datetime
from operator import itemgetter
from typing import Any

import anyio.to_thread
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from cubekit import __version__
from cubekit.authoring.failures import NotFound
from cubekit.composition.contract_documents import contract_document
from cubekit.composition.edge import camel
from cubekit.composition.operations import Operation, ResultKind
from cubekit.composition.plan import LeftOut, PlannedCube
from cubekit.ports.http.exchange import Exchange
from cubekit.ports.http.head import Head
from cubekit.ports.http.peers import Peers
from cubekit.runtime.instances import Instance, State
from cubekit.runtime.service import Service

__all__ = ["API_PREFIX", "Manifests", "http_path", "manifest"]

API_PREFIX = "/api/v1"


def http_path(planned: PlannedCube, relative: str) -> str:
    """The path of an operation or raw route, from the one that its cube declares."""
    return "/".join(part for part in (API_PREFIX, planned.path, relative) if part)


def manifest(service: Service) -> dict[str, Any]:
    """Return every instance with its cube, contracts, operations and state, also the optional ones left out; and the
    newest steps that the service took to heal itself, newest last.
    """
    return {
        "service": service.plan.name,
        "version": __version__,
        "healing": [
            {
                "at": datetime.fromtimestamp(taken.at, UTC).isoformat(timespec="seconds"),
                "step": taken.step.value,
                "instance": taken.instance,
                "reason": taken.reason,
            }
            for taken in service.healing.recent
        ],
        "cubes": [
            *(_cube(instance) for instance in service.instances.values()),
            *(_left_out(left) for left in service.plan.left_out),
        ],
    }


class Manifests:
    """Answers ``/cubes``, for all workers together, and ``/cubes/contracts/{name}``."""

    def __init__(self, service: Service, peers: Peers) -> None:
        self._service = service
        self._peers = peers
        self._contracts: dict[str, dict[str, Any]] = {}
        peers.offer("cubes", self._collect)

    async def _collect(self) -> dict[str, Any]:
        return manifest(self._service)

    async def contract(self, request: Request) -> Response:
        """Answer one request for the document of a contract that is provided here."""
        name = request.path_params["name"]
        provider = next(iter(self._service.providers(name)), None)
        if provider is None:
            refusal = NotFound('No cube of this service provides contract "{name}".', name=name)
            return Exchange(Head.of(request.scope)).refuse(refusal).response()
        contract = provider.instance.planned.descriptor.provides[name].contract
        if name not in self._contracts:
            self._contracts[name] = await anyio.to_thread.run_sync(contract_document, contract)
        return JSONResponse(self._contracts[name])

    async def answer(self, request: Request) -> Response:
        """Answer one request."""
        parts = await self._peers.ask("cubes")
        document = _together([part.data for part in parts if part.data is not None] or [manifest(self._service)])
        if not self._peers.alone:
            document["workers"] = [
                {"worker": part.worker, "pid": part.pid, "answers": part.data is not None} for part in parts
            ]
        return JSONResponse(document, headers={"cache-control": "no-store"})


def _together(documents: list[dict[str, Any]]) -> dict[str, Any]:
    """One manifest out of those of all workers: the worst state of each cube, and the sum of its restarts."""
    cubes = []
    for copies in zip(*(document["cubes"] for document in documents), strict=True):
        worst = max(copies, key=lambda cube: _STATES.index(cube["state"]))
        # Each worker has a queue of its own, so that together they have room for as many more.
        queue = None if worst["queue"] is None else sum(cube["queue"] for cube in copies)
        cubes.append({**worst, "restarts": sum(cube["restarts"] for cube in copies), "queue": queue})
    healing = sorted((step for document in documents for step in document["healing"]), key=itemgetter("at"))
    return {**documents[0], "healing": healing, "cubes": cubes}


_STATES = [
    state.value
    for state in (
        State.RUNNING,
        State.STARTING,
        State.WAITING,
        State.STOPPING,
        State.STOPPED,
        State.RESTARTING,
        State.DEGRADED,
        State.FAILED,
    )
]
"""From the best to the worst."""


def _cube(instance: Instance) -> dict[str, Any]:
    planned = instance.planned
    descriptor, is_remote = planned.descriptor, planned.engine == "remote"
    return {
        "name": planned.name,
        "colour": descriptor.colour.value,
        "cube": descriptor.name,
        "version": None if is_remote else descriptor.info.version,
        "distribution": None if is_remote else descriptor.info.distribution,
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
        "queue": planned.limits.queue,
        "restarts": instance.restarts,
        "optional": planned.optional,
        "problem": instance.problem.message if instance.problem else None,
    }


def _operation(planned: PlannedCube, operation: Operation) -> dict[str, Any]:
    method, path = operation.http
    return {
        "name": operation.name,
        "http": {"method": method, "path": http_path(planned, path)},
        "wholeBody": camel(operation.whole_body) if operation.whole_body else None,
        "stream": operation.kind is ResultKind.STREAM,
        "idempotent": operation.options.idempotent,
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
        "queue": None,
        "restarts": 0,
        "optional": True,
        "problem": "; ".join(diagnostic.message for diagnostic in left.diagnostics),
    }
