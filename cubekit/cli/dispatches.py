"""``info --dispatch``: the functions that answer the calls of a cube's operations."""

from __future__ import annotations

from pathlib import Path

from cubekit.cli.compositions import compose_and_remember
from cubekit.cli.console import console
from cubekit.composition.descriptors import Descriptor
from cubekit.composition.operations import ResultKind
from cubekit.composition.plan import Plan, PlannedCube
from cubekit.composition.service_file import GroupSection, HealthSection, HttpSection, RecycleSection, TelemetrySection
from cubekit.ground.diagnostics import CubekitError, Diagnostic, Place
from cubekit.runtime.service import Service

__all__ = ["show_dispatch"]


def show_dispatch(descriptor: Descriptor, service: Path | None) -> None:
    """Print the source of the function behind each operation that is no stream.

    :param service: the service whose settings count; by default none has any.
    """
    plan = _alone(descriptor) if service is None else compose_and_remember(service, None)
    sources = {
        name: endpoint.source()
        for name, endpoint in Service(plan).endpoints.items()
        if endpoint.instance.planned.descriptor.cube is descriptor.cube
        and endpoint.operation.kind is not ResultKind.STREAM
    }
    if not sources:
        message = f'{plan.source} has no operation of "{descriptor.name}" that is no stream'
        raise CubekitError(Diagnostic("CK501", message))
    text = "\n".join(f"# {name}\n{source}" for name, source in sources.items())
    console.data(text.rstrip(), {"dispatch": sources})


def _alone(descriptor: Descriptor) -> Plan:
    """The cube by itself, with no settings at all; it is not going to run."""
    config = descriptor.config_type.model_construct()
    name = descriptor.name
    planned = PlannedCube(name, descriptor, config, path=name, place=Place(name))
    return Plan(
        name=name,
        source=descriptor.info.distribution,
        http=HttpSection(),
        recycle=RecycleSection(),
        telemetry=TelemetrySection(),
        expose=("rest",),
        cubes={name: planned},
        groups={planned.group: GroupSection()},
        health=HealthSection(),
        ready=frozenset(),
    )
