"""Settings of a service by which more people may do more than was meant."""

from __future__ import annotations

import os
from collections.abc import Iterator
from ipaddress import ip_address

from cubekit.cli.doctor.case import Case, ServiceCase
from cubekit.cli.doctor.findings import Finding, error, ok, warning
from cubekit.cli.doctor.reachability import addresses_of
from cubekit.discovery import Catalogue
from cubekit.ground.colours import Colour
from cubekit.ground.versions import split_use

__all__ = ["exposure", "is_loopback"]

_SAFER = {"http": "https", "ws": "wss", "redis": "rediss", "amqp": "amqps", "mqtt": "mqtts", "ldap": "ldaps",
          "ftp": "https"}  # fmt: skip
_OPEN = "/metrics, /cubes, /health, /docs and /openapi.json"


def exposure(case: Case) -> Iterator[Finding]:
    """Tell who may reach the service, and what it sends in the clear."""
    if case.service is None or case.service.sections is None:
        return
    found = [
        *_listening(case.service, case.catalogue),
        *_origins(case.service),
        *_forwarded(),
        *_in_the_clear(case.service),
        *_root(),
    ]
    yield from found or [ok("exposure", "nobody but this machine is let in, and nothing is sent in the clear")]


def is_loopback(host: str) -> bool:
    """Whether a host is this machine, seen by itself alone."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _listening(service: ServiceCase, catalogue: Catalogue) -> Iterator[Finding]:
    assert service.sections is not None  # noqa: S101 - `exposure` has asked
    http, place = service.sections.http, service.document.place("http", "host")
    if is_loopback(http.host):
        return
    cubes = service.sections.cubes.values()
    installed = [catalogue.get(split_use(section.use)[0]) for section in cubes]
    if Colour.SECURITY not in {cube.colour for cube in installed if cube} | {section.colour for section in cubes}:
        message = f"every operation is open to all who reach {http.host or 'this machine'}: no SECURITY cube is there"
        fix = 'host = "127.0.0.1", with a proxy in front of it that says who may come; or add a SECURITY cube'
        yield warning("http.host", message, place, fix=fix)
    message = f"{_OPEN} are open to all who reach {http.host or 'this machine'}: they ask nobody who he is"
    yield warning("http.host", message, place, fix='host = "127.0.0.1", with a proxy that passes /api/ alone')


def _origins(service: ServiceCase) -> Iterator[Finding]:
    assert service.sections is not None  # noqa: S101 - `exposure` has asked
    for index, origin in enumerate(service.sections.http.cors):
        place = service.document.place("http", "cors", index)
        host = origin.partition("://")[2].partition(":")[0]
        if origin == "*":
            message = "pages of every origin may read answers, also those that reach this service through a visitor"
            yield warning("http.cors", message, place, fix='cors = ["https://example.org"]')
        elif origin.startswith("http://") and not is_loopback(host):
            message = f"{origin} is not encrypted: whoever is in between may write the page that reads answers"
            yield warning("http.cors", message, place, fix=f"https{origin.removeprefix('http')}")


def _forwarded() -> Iterator[Finding]:
    if "*" in os.environ.get("FORWARDED_ALLOW_IPS", "").split(","):
        message = "every caller may say in X-Forwarded-For where it comes from, and pass for one on this machine"
        yield error("FORWARDED_ALLOW_IPS", message, fix="export FORWARDED_ALLOW_IPS=ADDRESS-OF-THE-PROXY")


def _in_the_clear(service: ServiceCase) -> Iterator[Finding]:
    for address in dict.fromkeys(addresses_of(service)):
        if address.scheme in _SAFER and not is_loopback(address.host):
            where = ".".join(map(str, address.keys))
            message = f"what goes to {address} is not encrypted ({where})"
            place = service.document.place(*address.keys)
            yield warning("encryption", message, place, fix=f"{_SAFER[address.scheme]}://{address.host}…")


def _root() -> Iterator[Finding]:
    if os.name == "posix" and os.geteuid() == 0:
        message = "as root every cube may do everything on this machine"
        yield warning("user", message, fix="run it as a user of its own: User= in the unit, USER in the container")
