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
from cubekit.ports.http.exchange import Exchange
from cubekit.ports.http.head import Head
from cubekit.ports.http.peers import Peers
from cubekit.ports.http.problems import to_json
from cubekit.runtime.health import InstanceHealth, check_health, is_ready, worst
from cubekit.runtime.instances import State
from cubekit.runtime.service import Service

__all__ = ["Probes"]

HEALTH_JSON = "application/health+json"


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
        checks = {"started": "" if service.started else "starting", "serving": "stopping" if service.stopping else ""}
        checks |= self._states(name for name in service.instances if name in service.plan.ready)
        # `is_ready` is the rule; the checks say how it came to its answer.
        return _probe(request, "readyz", checks, passed=is_ready(service))

    async def startup(self, request: Request) -> Response:
        """Whether every cube that the service needs has started once."""
        started = self._service.started
        required = (name for name, instance in self._service.instances.items() if not instance.planned.optional)
        checks = {"started": "" if started else "starting"} | (self._states(required) if not started else {})
        return _probe(request, "startupz", checks, passed=started)

    async def health(self, request: Request) -> Response:
        """The service's health, with a check per cube."""
        return await self._health()

    async def instance_health(self, request: Request) -> Response:
        """One cube's health."""
        name = request.path_params["instance"]
        if name not in self._service.instances:
            failure = NotFound('This service has no cube "{instance}".', instance=name)
            return Exchange(Head.of(request.scope)).refuse(failure).response()
        return await self._health(name)

    def _states(self, names: Any) -> dict[str, str]:
        instances = self._service.instances
        return {
            f"cube/{name}": "" if instances[name].state is State.RUNNING else instances[name].state.value
            for name in names
        }

    async def _collect(self) -> dict[str, Any]:
        """The health of each cube in this process: its status for the service, and its checks."""
        checks = await check_health(self._service)
        time = datetime.fromtimestamp(self._service.clock.time(), UTC).isoformat(timespec="milliseconds")
        return {name: [worst({name: check}), _checks(check, time)] for name, check in checks.items()}

    async def _health(self, *names: str) -> Response:
        statuses, checks = ["pass"], defaultdict(list)
        for part in await self._peers.ask("health"):
            if part.data is None:
                statuses.append("fail")
                checks["worker:responsive"].append({"status": "fail", "componentId": str(part.worker)})
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


def _checks(check: InstanceHealth, time: str) -> dict[str, list[dict[str, Any]]]:
    name, health = check.instance.name, check.health
    state: dict[str, Any] = {
        "componentType": "component",
        "status": health.status,
        "observedValue": check.instance.state.value,
        "time": time,
    }
    if health.output:
        state["output"] = health.output
    observed = {
        f"{name}:{key}": [{"componentType": "component", "observedValue": value, "time": time}]
        for key, value in health.observed.items()
    }
    return {**observed, f"{name}:state": [state]}


def _probe(request: Request, name: str, checks: Mapping[str, str], *, passed: bool = True) -> Response:
    reasons = [f"[-]{check} {reason}" for check, reason in checks.items() if reason]
    if "verbose" in request.query_params:
        lines = [f"[-]{check} {reason}" if reason else f"[+]{check} ok" for check, reason in checks.items()]
        text = "\n".join([*lines, f"{name} check {'passed' if passed else 'failed'}"]) + "\n"
    else:
        text = "ok" if passed else "\n".join([*reasons, f"{name} check failed"]) + "\n"
    return PlainTextResponse(text, 200 if passed else 503, headers={"cache-control": "no-store"})
