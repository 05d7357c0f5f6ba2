"""`measure`: the values of the runtime's metrics, whoever exports them."""

from __future__ import annotations

import platform
from collections.abc import Iterator
from typing import TYPE_CHECKING

from cubekit import __version__
from cubekit.authoring.health import Status
from cubekit.authoring.telemetry import (
    BUILD_INFO,
    CUBE_HEALTH,
    CUBE_RESTARTS,
    CUBE_STATE,
    EVENT_LOOP_BLOCKED,
    EVENT_LOOP_BLOCKS,
    EVENT_LOOP_LAG,
    EVENTS_DROPPED,
    EVENTS_PUBLISHED,
    HEALING_STEPS,
    OPERATION_BREAKER_OPEN,
    OPERATION_CACHE_HITS,
    OPERATION_CALLS,
    OPERATION_DURATION,
    OPERATION_IN_FLIGHT,
    OPERATION_RETRIES,
    Distribution,
    Measured,
)
from cubekit.runtime.instances import State
from cubekit.runtime.metrics import BUCKETS

if TYPE_CHECKING:
    from cubekit.runtime.service import Service

__all__ = ["measure"]

_OUTCOMES = {"OK": 0, "INTERNAL": 0}
"""Told from the start: growth from nothing to the first failure would be none to Prometheus."""
_STATUSES: tuple[Status, ...] = ("pass", "warn", "fail")


async def measure(service: Service) -> list[Measured]:
    """Return the current values of every metric in `cubekit.authoring.telemetry.RUNTIME_METRICS`."""
    health = await service.health.check()
    bus, watchdog = service.bus, service.watchdog
    return [
        *_operations(service),
        *_cubes(service),
        Measured(
            CUBE_HEALTH,
            [((name, status), check.status == status) for name, check in health.items() for status in _STATUSES],
        ),
        Measured(HEALING_STEPS, [(names, count) for names, count in service.healing.counts.items()]),
        Measured(EVENTS_PUBLISHED, [((), bus.published)]),
        Measured(EVENTS_DROPPED, [((), bus.dropped)]),
        Measured(EVENT_LOOP_LAG, [((), watchdog.lag)]),
        Measured(EVENT_LOOP_BLOCKS, [((), watchdog.blocks)]),
        Measured(EVENT_LOOP_BLOCKED, [((), watchdog.blocked)]),
        Measured(BUILD_INFO, [((__version__, platform.python_version(), service.plan.name), 1)]),
    ]


def _operations(service: Service) -> Iterator[Measured]:
    endpoints = [
        ((endpoint.instance.name, endpoint.operation.name), endpoint.metrics, endpoint.layer_state)
        for endpoint in (*service.endpoints.values(), *service.routes.values())
    ]
    yield Measured(
        OPERATION_CALLS,
        [
            ((*names, outcome), count)
            for names, metrics, _ in endpoints
            for outcome, count in {**_OUTCOMES, **metrics.outcomes}.items()
        ],
    )
    yield Measured(
        OPERATION_DURATION,
        [
            (names, Distribution(BUCKETS, tuple(metrics.duration.counts), metrics.duration.sum))
            for names, metrics, _ in endpoints
        ],
    )
    yield Measured(OPERATION_IN_FLIGHT, [(names, metrics.in_flight) for names, metrics, _ in endpoints])
    yield Measured(OPERATION_CACHE_HITS, [(names, metrics.cache_hits) for names, metrics, _ in endpoints])
    yield Measured(
        OPERATION_RETRIES, [(names, metrics.retries) for names, metrics, state in endpoints if state.retries]
    )
    yield Measured(
        OPERATION_BREAKER_OPEN, [(names, state.breaker.open) for names, _, state in endpoints if state.breaker]
    )


def _cubes(service: Service) -> Iterator[Measured]:
    instances = service.instances.values()
    described = [(instance, instance.planned.descriptor) for instance in instances]
    yield Measured(
        CUBE_STATE,
        [
            ((instance.name, cube.name, cube.colour.value, state.value), instance.state is state)
            for instance, cube in described
            for state in State
        ],
    )
    yield Measured(CUBE_RESTARTS, [((instance.name,), instance.restarts) for instance in instances])
