"""Probes for orchestrators, and the health of the service and its cubes."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from cubekit import __version__
from cubekit.authoring.failures import NotFound
from cubekit.composition.plan import LeftOut
from cubekit.ports.http.exchange import Exchange
from cubekit.ports.http.head import Head
from cubekit.ports.http.peers import Peers
from cubekit.ports.http.problems import to_json
from cubekit.runtime.health import InstanceHealth, worst
from cubekit.runtime.instances import State
from cubekit.runtime.service import Service
from cubekit.runtime.watchdog import Watchdog

__all__ = ["Probes"]

HEALTH_JSON = "application/health+json"

_PROCESS = ""
"""Under this name, which is no cube's, stands what concerns the process as a whole."""
_BLOCK_IS_NEWS = 60.0
"""Seconds for which a blocked event loop is a warning."""


class Probes:
    """Answers ``/livez``, ``/readyz``, ``/startupz`` and ``/health``."""

    def __init__(self, service: Service, peers: Peers) -> None:
        self._service = service
        self._peers = peers
        peers.offer("health", self._collect)

    async def live(self, request: Request) -> Response:
        """Whether the process answers at all; looks at nothing outside of it."""
        return _probe(request, "livez", {"event-loop": ""})

    async def ready(self, request: Request) -> Response:
        """Whether traffic should come."""
        service = self._service
        checks = {"started": "" if service.started else "starting", "serving": "stopping" if service.draining else ""}
        checks |= self._states(name for name in service.instances if name in service.plan.ready)
        # `ready` is the rule; the checks say how it came to its answer.
        return _probe(request, "readyz", checks, passed=service.ready)

    async def startup(self, request: Request) -> Response:
        """Whether every cube that the service needs has started once."""
        started = self._service.started
        required = (name for name, instance in self._service.instances.items() if not instance.planned.optional)
        checks = {"started": "" if started else "starting"} | (self._states(required) if not started else {})
        return _probe(request, "startupz", checks, passed=started)

    async def health(self, request: Request) -> Response:
        """The service's health, with a check per cube."""
        return await self._health()

    async def part_health(self, request: Request) -> Response:
        """The health of one cube, or of the cubes of a group."""
        name, plan = request.path_params["name"], self._service.plan
        if name in self._service.instances or any(name == left.name for left in plan.left_out):
            return await self._health(name)
        if name in plan.health.groups:
            return await self._health(*plan.health.groups[name].include)
        failure = NotFound('This service has no cube and no health group "{name}".', name=name)
        return Exchange(Head.of(request.scope)).refuse(failure).response()

    def _states(self, names: Any) -> dict[str, str]:
        instances = self._service.instances
        return {
            f"cube/{name}": "" if instances[name].state is State.RUNNING else instances[name].state.value
            for name in names
        }

    async def _collect(self) -> dict[str, Any]:
        """The health of each cube in this process, and of the process: the status for the service, and the checks."""
        service = self._service
        checks = await service.health.check()
        time = service.clock.time()
        return {
            _PROCESS: _event_loop(service.watchdog, time),
            **{name: [worst([check]), _checks(check, _moment(time))] for name, check in checks.items()},
            **{left.name: ["warn", _left_out(left, _moment(time))] for left in service.plan.left_out},
        }

    async def _health(self, *names: str) -> Response:
        statuses, checks = ["pass"], defaultdict(list)
        for part in await self._peers.ask("health"):
            if part.data is None:
                statuses.append("fail")
                silent = {"status": "fail", "output": "it did not answer in time", "componentId": str(part.worker)}
                checks["worker:responsive"].append(silent)
            for name, (status, found) in (part.data or {}).items():
                if not names or name in names:
                    statuses.append(status)
                    own = {} if self._peers.alone else {"componentId": str(part.worker)}
                    for key, entries in found.items():
                        checks[key] += [{**entry, **own} for entry in entries]
        status = max(statuses, key=["pass", "warn", "fail"].index)
        document = {
            "status": status,
            "version": __version__,
            "serviceId": self._service.plan.name,
            "description": f"Health of the cubes of {self._service.plan.name}",
            "checks": checks,
        }
        code = 503 if status == "fail" else 200
        return Response(to_json(document), code, media_type=HEALTH_JSON, headers={"cache-control": "no-store"})


def _checks(health: InstanceHealth, time: str) -> dict[str, list[dict[str, Any]]]:
    name = health.instance.name
    state: dict[str, Any] = {
        "componentType": "component",
        "status": health.status,
        "observedValue": health.instance.state.value,
        "time": time,
        "since": _moment(health.since),
    }
    if health.last_success is not None:
        state["lastSuccess"] = _moment(health.last_success)
    if health.output:
        state["output"] = health.output
    if health.caused_by:
        state["causedBy"] = list(health.caused_by)
    observed = {
        f"{name}:{key}": [{"componentType": "component", "observedValue": value, "time": time}]
        for key, value in health.observed.items()
    }
    return {**observed, f"{name}:state": [state]}


def _left_out(left: LeftOut, time: str) -> dict[str, list[dict[str, Any]]]:
    state = {
        "componentType": "component",
        "status": "fail",
        "observedValue": State.DEGRADED.value,
        "time": time,
        "output": "; ".join(diagnostic.message for diagnostic in left.diagnostics),
    }
    return {f"{left.name}:state": [state]}


def _event_loop(watchdog: Watchdog, time: float) -> list[Any]:
    """The check of this process's event loop, which a block in the last minute makes a warning."""
    block = watchdog.last
    entry: dict[str, Any] = {
        "componentType": "system",
        "status": "pass",
        "observedValue": round(watchdog.lag, 3),
        "observedUnit": "s",
        "time": _moment(time),
    }
    if block is not None and time - block.at < _BLOCK_IS_NEWS:
        whose = f'cube "{block.instance}"' if block.instance else "something"
        output = f"{whose} blocked it for {block.seconds:.2f} s at {block.place}"
        entry |= {"status": "warn", "since": _moment(block.at), "output": output}
    return [entry["status"], {"event-loop:lag": [entry]}]


def _moment(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds")


def _probe(request: Request, name: str, checks: Mapping[str, str], *, passed: bool = True) -> Response:
    reasons = [f"[-]{check} {reason}" for check, reason in checks.items() if reason]
    if "verbose" in request.query_params:
        lines = [f"[-]{check} {reason}" if reason else f"[+]{check} ok" for check, reason in checks.items()]
        text = "\n".join([*lines, f"{name} check {'passed' if passed else 'failed'}"]) + "\n"
    else:
        text = "ok" if passed else "\n".join([*reasons, f"{name} check failed"]) + "\n"
    return PlainTextResponse(text, 200 if passed else 503, headers={"cache-control": "no-store"})
