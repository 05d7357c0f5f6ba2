"""`Service`: a plan that runs."""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

import anyio
from anyio.abc import TaskStatus

from cubekit.authoring.context import CallContext
from cubekit.authoring.cubes import Clock
from cubekit.authoring.failures import NotFound
from cubekit.composition.descriptors import Requirement
from cubekit.composition.operations import Operation, make_route_operation
from cubekit.composition.plan import Plan, PlannedCube
from cubekit.ground.diagnostics import CubekitError, Diagnostic
from cubekit.runtime.bus import Bus
from cubekit.runtime.cache import ResultCache
from cubekit.runtime.child import Child
from cubekit.runtime.clock import SystemClock
from cubekit.runtime.dispatch import Endpoint, LayerState
from cubekit.runtime.dispatch.admission import Admission
from cubekit.runtime.dispatch.breaker import Breaker
from cubekit.runtime.dispatch.retries import Retries
from cubekit.runtime.engines import cube_class
from cubekit.runtime.healing import Healing
from cubekit.runtime.health import HealthChecks
from cubekit.runtime.host import Host
from cubekit.runtime.instances import Instance, State
from cubekit.runtime.measuring import measure
from cubekit.runtime.proxy import Provider, make_proxy
from cubekit.runtime.rate import RateLimiter
from cubekit.runtime.recycling import Recycling
from cubekit.runtime.supervisor import Supervisor
from cubekit.runtime.telemetry import ServiceTelemetry
from cubekit.runtime.tickets import Sweeper, asyncio_runs, make_sweeper, make_tickets
from cubekit.runtime.watchdog import Watchdog

__all__ = ["Service"]

_log = logging.getLogger("cubekit.service")


class Service:
    """The living service: its instances, its endpoints, its bus.

    :param clock: the time; tests bring one that they control.
    """

    def __init__(self, plan: Plan, clock: Clock | None = None) -> None:
        self.plan = plan
        self.clock = clock or SystemClock()
        self.bus = Bus()
        self.telemetry = ServiceTelemetry(plan.name, tuple(plan.cubes), partial(measure, self))
        self.instances = {name: Instance(planned, self.bus, self.clock) for name, planned in plan.cubes.items()}
        self.healing = Healing(self.clock, self.bus)
        admissions = {
            name: Admission(planned.limits.queue, self.clock, partial(self.healing.note_shedding, name))
            for name, planned in plan.cubes.items()
            if planned.limits.queue is not None
        }
        self._endpoints = {
            name: self._make_endpoints(instance, admissions.get(name)) for name, instance in self.instances.items()
        }
        self.endpoints: Mapping[str, Endpoint] = {
            endpoint.name: endpoint
            for endpoints in self._endpoints.values()
            for endpoint in endpoints.values()
            if endpoint.operation.exposed
        }
        """What ports offer, by ``instance.operation``."""
        self.routes: Mapping[str, Endpoint] = {
            f"{name}.{route.method}": Endpoint(
                instance, make_route_operation(route.method), LayerState(admission=admissions.get(name))
            )
            for name, instance in self.instances.items()
            for route in instance.planned.descriptor.routes
        }
        """Raw routes, by ``instance.method``. Plugins put nothing around them: they are no operations."""
        self.health = HealthChecks(self.instances, plan.health, self.clock, self.bus)
        packages = {name: _package(planned) for name, planned in plan.cubes.items() if planned.engine != "remote"}
        self.watchdog = Watchdog(plan.health.livez.max_lag, packages, self.clock, self.bus)
        self.started = False
        """Whether every cube that the service needs has started once."""
        self.draining = False
        """Whether no further work should be given to it: set when it is asked to stop, or before, by its port."""
        self._stop = anyio.Event()
        self._finished = anyio.Event()
        self._failures: list[Diagnostic] = []
        self._children: dict[str, Child] = {}
        self._recycling = Recycling(plan, self.clock, self._recycle)

    async def run(self, *, task_status: TaskStatus[None] = anyio.TASK_STATUS_IGNORED) -> None:
        """Start all cubes, tell ``task_status``, and run until `stop` is called.

        :raises CubekitError: if a cube does not run on this event loop (CK406); if a required one could not start or
            crashed too often, or any did not stop properly (CK401–CK404).
        """
        self._check_backend()
        sweeper = make_sweeper()
        supervisors = {
            name: Supervisor(section, self.clock, self.healing, self._give_up)
            for name, section in self.plan.groups.items()
        }
        try:
            await self.telemetry.prepare(planned.descriptor.cube for planned in self.plan.cubes.values())
            async with anyio.create_task_group() as watching:
                watching.start_soon(self.watchdog.run)
                if self._watches_health():
                    watching.start_soon(self.health.watch, self._recycling.look_at)
                async with anyio.create_task_group() as tasks:
                    for instance in self.instances.values():
                        needed = [self.instances[name] for name in instance.planned.depends_on]
                        dependents = [
                            other for other in self.instances.values() if instance.name in other.planned.depends_on
                        ]
                        child = self._child(instance, supervisors[instance.planned.group], sweeper)
                        tasks.start_soon(child.run, needed, dependents, self._stop)
                    for instance in self.instances.values():
                        await instance.settled.wait()
                    if not self._failures:
                        self.started = not self._stop.is_set()
                        task_status.started()
                watching.cancel_scope.cancel()
        finally:
            if sweeper is not None:
                sweeper.close()
            self.telemetry.close()
            self._finished.set()
        if self._failures:
            raise CubekitError(self._failures)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Service]:
        """Run the service for the time of a ``with`` block.

        :raises CubekitError: as `run` does.
        """
        try:
            async with anyio.create_task_group() as tasks:
                await tasks.start(self.run)
                try:
                    yield self
                finally:
                    self.stop()
                    with anyio.CancelScope(shield=True):
                        await self._finished.wait()
        except BaseExceptionGroup as group:
            # The task group is an implementation detail; what the block raised is what its caller expects.
            if len(group.exceptions) == 1:
                raise group.exceptions[0] from group.exceptions[0].__cause__
            raise

    def stop(self) -> None:
        """Ask every cube to finish, each after those that depend on it. `run` returns when they have."""
        self.draining = True
        self._stop.set()

    @property
    def ready(self) -> bool:
        """Whether traffic should come: started, not draining, and every cube that readiness looks at runs."""
        return (
            self.started
            and not self.draining
            and all(name in self.instances and self.instances[name].state is State.RUNNING for name in self.plan.ready)
        )

    def endpoint(self, name: str) -> Endpoint:
        """Return the endpoint of ``instance.operation``.

        :raises NotFound: if the service offers no such operation.
        """
        endpoint = self.endpoints.get(name)
        if endpoint is None:
            raise NotFound('This service has no operation "{name}".', name=name)
        return endpoint

    def providers(self, contract: str) -> tuple[Provider, ...]:
        """Return the instances that provide a contract, with their endpoints by the methods' Python names."""
        return tuple(
            Provider(instance, self._endpoints[name])
            for name, instance in self.instances.items()
            if contract in instance.planned.descriptor.provides
        )

    async def call(self, name: str, context: CallContext | None = None, /, **arguments: Any) -> Any:
        """Call an operation from inside the process, with Python values: ``await call("saju.calculate", birth=birth)``.

        :param context: who calls, until when, in which language; by default somebody unknown.
        :param arguments: the operation's, whatever they are called.
        :raises Failure: what the operation raises.
        """
        return await self.endpoint(name).call(context or CallContext(), arguments)

    def stream(self, name: str, context: CallContext | None = None, /, **arguments: Any) -> AsyncGenerator[Any, None]:
        """Call an operation that answers with a stream, as `call` does; close the generator when leaving it early."""
        return self.endpoint(name).stream(context or CallContext(), arguments)

    def _child(self, instance: Instance, supervisor: Supervisor, sweeper: Sweeper | None) -> Child:
        planned = instance.planned
        required = {
            requirement.attribute: self._proxy(instance, requirement) for requirement in planned.descriptor.requires
        }
        host = partial(Host, planned, cube_class(planned), required, self.bus, self.clock, self.telemetry)
        tickets = partial(make_tickets, sweeper)
        child = Child(instance, supervisor, host, tickets, self.bus, self.clock, self._failures.append)
        supervisor.add(child)
        self._children[instance.name] = child
        return child

    def _proxy(self, instance: Instance, requirement: Requirement) -> object | None:
        names, contract = instance.planned.bindings[requirement.attribute], requirement.contract
        providers = [Provider(self.instances[name], self._endpoints[name]) for name in names]
        moved = partial(self.healing.note_move, f"{instance.name}.{requirement.attribute}")
        return make_proxy(contract, providers, moved) if providers else None

    def _make_endpoints(self, instance: Instance, admission: Admission | None) -> dict[str, Endpoint]:
        planned = instance.planned
        return {
            operation.method: Endpoint(instance, operation, self._layer_state(planned, operation, admission))
            for operation in planned.descriptor.operations
        }

    def _layer_state(self, planned: PlannedCube, operation: Operation, admission: Admission | None) -> LayerState:
        options, clock = operation.options, self.clock
        breaker = planned.breaker
        name = f"{planned.name}.{operation.name}"
        return LayerState(
            middleware=self.plan.plugins.middleware(planned.name, operation),
            cache=ResultCache(name, options.cache, clock, self.bus, public=options.public) if options.cache else None,
            rate=RateLimiter(*options.rate, clock) if options.rate else None,
            admission=admission,
            breaker=Breaker(
                breaker.failures, breaker.pause, clock, partial(self.healing.note_breaker, planned.name, operation.name)
            )
            if breaker
            else None,
            retries=_retries(planned, operation),
        )

    def _watches_health(self) -> bool:
        """Whether something follows from a check that fails: another provider is called, or the cube is recycled."""
        bindings = (names for planned in self.plan.cubes.values() for names in planned.bindings.values())
        return self._recycling.is_needed or any(len(names) > 1 for names in bindings)

    def _recycle(self, name: str, reason: str) -> None:
        self._children[name].recycle(reason)

    def _give_up(self, problem: Diagnostic) -> None:
        waiting = [
            f"{instance.name} waits for {', '.join(sorted(self._unsettled(instance)))}"
            for instance in self.instances.values()
            if instance.state is State.WAITING and self._unsettled(instance)
        ]
        if waiting:
            _log.error("not started: %s", "; ".join(waiting))
        self._failures.append(problem)
        self.stop()

    def _check_backend(self) -> None:
        backend = "asyncio" if asyncio_runs() else "trio"
        wrong = [
            Diagnostic(
                "CK406",
                f'cube "{name}" does not run on {backend}',
                planned.place,
                needed=f"one of: {', '.join(planned.descriptor.cube.backends)}",
                found=backend,
            )
            for name, planned in self.plan.cubes.items()
            if backend not in planned.descriptor.cube.backends
        ]
        if wrong:
            self._finished.set()
            raise CubekitError(wrong)

    def _unsettled(self, instance: Instance) -> set[str]:
        return {name for name in instance.planned.depends_on if not self.instances[name].settled.is_set()}


def _retries(planned: PlannedCube, operation: Operation) -> Retries | None:
    if planned.retry is None:
        return None
    if operation.options.idempotent:
        return Retries(planned.retry.attempts, planned.retry.budget)
    # What is idempotent in another service is known when it has been asked: each failure then says it.
    return Retries(planned.retry.attempts, planned.retry.budget, planned.name) if planned.engine == "remote" else None


def _package(planned: PlannedCube) -> str:
    return planned.descriptor.cube.__module__.partition(".")[0]
