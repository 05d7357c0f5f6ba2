"""Cubes of other services: what the service file says of them becomes a descriptor like any other.

Nothing is asked over the network here. What the file says is held against the other service when the cube starts.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr

from cubekit.authoring.contracts import ContractInfo
from cubekit.authoring.cubes import Cube
from cubekit.composition.configs import make_config
from cubekit.composition.descriptors import Descriptor, Provision
from cubekit.composition.documents import Document
from cubekit.composition.operations import Operation, make_operation
from cubekit.composition.service_file import CubeSection, Duration, Section, ServiceFile, Size
from cubekit.discovery import CubeInfo
from cubekit.ground.colours import Colour
from cubekit.ground.diagnostics import Diagnostic, Place
from cubekit.ground.versions import SpecifierSet, parse_versioned_name, split_use

__all__ = [
    "CONTRACT_HEADER",
    "DiscoverySection",
    "Remote",
    "RemoteConfig",
    "RemotePlan",
    "plan_remote",
    "read_discovery",
]

CONTRACT_HEADER = "cubekit-contract"
"""Names the contract that a call keeps, ``saju.calendar@0.1``: unknown fields of its body are ignored, as between cubes
of one service."""


def _service_url(value: str) -> str:
    parts = urlsplit(value)
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.query or parts.fragment:
        raise ValueError(f'expected the address of a service such as "https://calc.example:8443", not {value!r}')
    if parts.username is not None or parts.password is not None:
        raise ValueError('an address has no password in it: write token = { env = "NAME" }')
    if not value.isascii() or not value.isprintable() or " " in value:
        raise ValueError(f"an address is of visible ASCII characters: write others as xn--… or %…, not {value!r}")
    _ = parts.port  # raises ValueError where it is none
    return value.rstrip("/")


def _token(value: SecretStr) -> SecretStr:
    said = value.get_secret_value()
    if not said or not said.isascii() or not said.isprintable() or " " in said:
        raise ValueError("a token is of visible characters, without a blank or a line break")
    return value


class DiscoverySection(Section):
    """``[discovery.NAME]``: a running service whose cubes may be used here. No other host is ever asked."""

    url: Annotated[str, AfterValidator(_service_url)]
    token: Annotated[SecretStr, AfterValidator(_token)] | None = None
    """Sent as ``Authorization: Bearer``; what it stands for is who calls, as the other service sees it."""
    ca: str | None = None
    """File of the certificates to trust, relative to the service file; the system's by default."""
    wait: Duration = 10.0
    """Seconds that a required cube waits for the service when it starts."""
    timeout: Duration = 5.0
    """Seconds in which the service must answer a question about itself; else it counts as gone."""
    every: Duration = 5.0
    """Seconds between two questions whether it is still there, and what was agreed."""
    connections: Annotated[int, Field(ge=1)] = 512
    """Calls under way at the same time, streams too, each on a connection of its own; more wait."""
    max_answer: Size = 64 << 20
    """Bytes of one answer, or of one item of a stream."""


class RemoteConfig(BaseModel):
    """What an instance runs with whose cube is in another service."""

    model_config = ConfigDict(frozen=True, arbitrary_types_allowed=True)

    service: str
    """Its name in ``[discovery]``."""
    discovery: DiscoverySection
    ca: Path | None
    instance: str | None
    """Its name in the other service; None if it is the only one of its cube."""
    cube: str
    colour: Colour
    versions: SpecifierSet
    required: bool
    provides: Mapping[str, Provision]


class Remote(Cube[RemoteConfig]):
    """Stands for a cube of another service. The runtime puts one in its place that calls it."""


@dataclass(frozen=True, slots=True)
class RemotePlan:
    """A remote cube that may become part of the service."""

    descriptor: Descriptor
    config: RemoteConfig


def read_discovery(
    service: ServiceFile, document: Document, environ: Mapping[str, str] | None
) -> tuple[dict[str, DiscoverySection | None], list[Diagnostic]]:
    """Return what ``[discovery]`` says of each service, None of one that is described wrongly; and what is wrong."""
    known: dict[str, DiscoverySection | None] = {}
    problems: list[Diagnostic] = []
    for name in service.discovery:
        known[name], wrong = make_config(DiscoverySection, ("discovery", name), document, environ)
        problems += wrong or _untrusted(known[name], document.place("discovery", name, "ca"), document)
    return known, problems


def plan_remote(
    name: str,
    section: CubeSection,
    document: Document,
    known: Mapping[str, DiscoverySection | None],
    contracts: Mapping[str, ContractInfo],
) -> tuple[RemotePlan | None, list[Diagnostic]]:
    """Return what the file says of a cube that has ``from``, and what is wrong with it.

    :param known: what `read_discovery` has returned.
    :param contracts: those that the cubes of this service require, by name. What others are nobody here knows.
    """
    provides, unknown = _provisions(name, section, document, contracts)
    problems = [*_contradictions(name, section, document), *_omissions(name, section, document, known), *unknown]
    discovery = known.get((section.from_ or "").partition("/")[0])
    if discovery is None or any(problem.severity == "error" for problem in problems):
        return None, problems
    return _plan(section, document, discovery, provides), problems


def _plan(
    section: CubeSection, document: Document, discovery: DiscoverySection, provides: dict[str, Provision]
) -> RemotePlan:
    assert section.from_ is not None  # noqa: S101 - or else there was a problem
    assert section.colour is not None  # noqa: S101 - as before
    service, _, instance = section.from_.partition("/")
    cube, versions = split_use(section.use)
    descriptor = Descriptor(
        info=CubeInfo(cube, section.colour, discovery.url, f"service {service}", f"at {discovery.url}"),
        cube=Remote,
        doc=f"Cube {cube} of the service {service}.",
        provides=provides,
        requires=(),
        operations=tuple(_operations(provides)),
        routes=(),
    )
    config = RemoteConfig(
        service=service,
        discovery=discovery,
        ca=document.path.parent / discovery.ca if discovery.ca else None,
        instance=instance or None,
        cube=cube,
        colour=section.colour,
        versions=versions,
        required=not section.optional,
        provides=provides,
    )
    return RemotePlan(descriptor, config)


def _untrusted(discovery: DiscoverySection | None, place: Place, document: Document) -> Iterator[Diagnostic]:
    """A file of certificates that cannot be used."""
    if discovery is None or discovery.ca is None:
        return
    import ssl  # only here: it takes longer to import than to compose

    path = document.path.parent / discovery.ca
    try:
        ssl.create_default_context(cafile=path)
    except OSError as error:  # also of what is no certificate
        message = f"the certificates in {path} cannot be read: {error.strerror or error}"
        yield Diagnostic("CK104", message, place, needed="a file of certificates in PEM", fix=f"create {path}")


def _contradictions(name: str, section: CubeSection, document: Document) -> Iterator[Diagnostic]:
    """Keys that mean nothing here, because they are the other service's business."""
    for key in ("config", "path", "engine", "replicas"):
        if document.stands(("cubes", name, key)):
            message = f'{key} of cube "{name}" is said in the service file of {section.from_}, where the cube runs'
            yield Diagnostic("CK215", message, document.place("cubes", name, key), fix=f"remove {key}")
    if section.limits.memory is not None:
        message = f'limits.memory of cube "{name}" is said in the service file of {section.from_}, where the cube runs'
        yield Diagnostic("CK215", message, document.place("cubes", name, "limits"), fix="remove limits.memory")


def _omissions(
    name: str, section: CubeSection, document: Document, known: Mapping[str, DiscoverySection | None]
) -> Iterator[Diagnostic]:
    """What must be said, as nobody is asked for it here."""
    service = (section.from_ or "").partition("/")[0]
    if service not in known:
        message = f'cube "{name}" is from "{service}", and no such service is known'
        fix = f'[discovery.{service}] url = "http://…"'
        needed = f"one of: {', '.join(known) or '(none)'}"
        yield Diagnostic("CK215", message, document.place("cubes", name, "from"), needed=needed, fix=fix)
    discovery = known.get(service)
    for key in ("colour", "contracts"):
        if not getattr(section, key):
            message = f'cube "{name}" is of another service, and its {key} must be said here'
            fix = f"cubekit discover {discovery.url if discovery else 'URL'}   (prints what to write)"
            yield Diagnostic("CK215", message, document.place("cubes", name), fix=fix)


def _provisions(
    name: str, section: CubeSection, document: Document, contracts: Mapping[str, ContractInfo]
) -> tuple[dict[str, Provision], list[Diagnostic]]:
    provides, problems = {}, []
    for index, text in enumerate(section.contracts):
        said, version = parse_versioned_name(text)
        if said in contracts:
            provides[said] = Provision(contracts[said], version)
            continue
        message = f'no cube of this service requires contract {said}, which "{name}" is there for'
        needed = ", ".join(contracts) or "(none is required)"
        place = document.place("cubes", name, "contracts", index)
        problems.append(Diagnostic("CK215", message, place, needed=needed, severity="warning", fix=f'remove "{text}"'))
    return provides, problems


def _operations(provides: Mapping[str, Provision]) -> Iterator[Operation]:
    for provision in provides.values():
        for method in provision.contract.methods:
            # Whatever the promise looks like, to keep it means to wait for the network.
            yield replace(make_operation(getattr(provision.contract.protocol, method), None), suspends=True)
