"""A service in a test: from cube classes, or from a service file."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cubekit.authoring.cubes import Clock, Cube
from cubekit.composition.compose import compose, compose_document
from cubekit.composition.documents import Document
from cubekit.composition.plan import Plan
from cubekit.discovery import Catalogue, CubeInfo
from cubekit.ground.colours import Colour
from cubekit.runtime.service import Service

if TYPE_CHECKING:
    from httpx2 import AsyncClient

__all__ = ["Part", "compose_parts", "http_client", "running"]


@dataclass(frozen=True)
class Part:
    """An instance of a cube class, and what its table in the service file would say.

    :param settings: further keys of ``[cubes.NAME]``: ``{"config": {…}, "optional": True}``.
    """

    cube: type[Cube[Any]]
    colour: Colour = Colour.FEATURE
    version: str = "0.1.0"
    settings: Mapping[str, Any] = field(default_factory=dict)


Parts = Mapping[str, type[Cube[Any]]] | Mapping[str, Part] | Mapping[str, type[Cube[Any]] | Part]
"""For each instance its class, or a `Part`."""


def compose_parts(parts: Parts, **sections: Mapping[str, Any]) -> Plan:
    """Compose cube classes as if they were installed and named in a service file.

    :param parts: for each instance its class, or a `Part`.
    :param sections: further sections of the file: ``http={"max_body": 100}``.
    :raises CubekitError: with everything that is wrong.
    """
    known: dict[type[Cube[Any]], CubeInfo] = {}
    cubes = {}
    for name, given in parts.items():
        part = given if isinstance(given, Part) else Part(given)
        info = known.setdefault(part.cube, _info(name, part))
        cubes[name] = {"use": info.name, **part.settings}
    service = {"name": "test", **sections.pop("service", {})}
    document = Document(Path("test"), {"service": service, "cubes": cubes, **sections}, {})
    return compose_document(document, Catalogue(cubes=tuple(known.values())))


@asynccontextmanager
async def running(
    source: Parts | Path | str | Plan,
    *settings: str,
    clock: Clock | None = None,
    **sections: Mapping[str, Any],
) -> AsyncIterator[Service]:
    """Run a service for the time of a ``with`` block; ports are not opened.

    :param source: cube classes by instance name, the path of a service file, or a plan.
    :param settings: overrides for a service file, as after ``--set``.
    :param clock: for instance a `ControlledClock`.
    :param sections: further sections, for cube classes.
    :raises CubekitError: if it cannot be composed, or a required cube cannot start.
    """
    if isinstance(source, str | Path):
        plan = compose(Path(source), settings)
    else:
        plan = source if isinstance(source, Plan) else compose_parts(source, **sections)
    async with Service(plan, clock).running() as service:
        yield service


@asynccontextmanager
async def http_client(service: Service) -> AsyncIterator[AsyncClient]:
    """A client that talks HTTP to a service without a socket."""
    from httpx2 import ASGITransport, AsyncClient

    from cubekit.ports.http import create_app

    transport = ASGITransport(app=create_app(service))
    async with AsyncClient(transport=transport, base_url="http://service.test") as client:
        yield client


def _info(name: str, part: Part) -> CubeInfo:
    target = f"{part.cube.__module__}:{part.cube.__qualname__}"
    return CubeInfo(name, part.colour, target, f"cubekit-{name}", part.version, in_memory=part.cube)
