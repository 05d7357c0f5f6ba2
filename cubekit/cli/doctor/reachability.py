"""Connects to everything that a service will connect to, and sees whether its own port is free."""

from __future__ import annotations

import json
import queue
import socket
import ssl
import threading
from collections.abc import Iterator
from http.client import HTTPConnection, HTTPException
from time import monotonic

from cubekit.cli.doctor.addresses import Address, addresses_in
from cubekit.cli.doctor.case import Case, ServiceCase
from cubekit.cli.doctor.findings import Finding, Severity, ok, told, warning
from cubekit.ground.diagnostics import CubekitError, Place

__all__ = ["connect_all", "port", "services"]

_PATIENCE = 3.0
"""Seconds in which a connection must stand."""
_ENCRYPTED = frozenset({"amqps", "https", "ldaps", "mqtts", "rediss", "smtps", "tls", "wss"})
_HERE = frozenset({"127.0.0.1", "localhost", "::1"})


def services(case: Case) -> Iterator[Finding]:
    """Connect to whatever the service file names, all at the same time."""
    if case.service is None:
        return
    # What is written down and validated is the same address twice.
    wanted = list(dict.fromkeys(addresses_of(case.service)))
    if not wanted:
        yield ok("services", "the service names none that it connects to")
    outcomes = connect_all(wanted)
    for address in wanted:
        place = case.service.document.place(*address.keys)
        yield _finding(address, outcomes[address], place, optional=_optional(case.service, address))


def addresses_of(service: ServiceCase) -> list[Address]:
    """What a service connects to: what its file says and, as far as it could be composed, what its cubes add."""
    composed = service.composed.result().addresses if service.composed else ()
    found = [*addresses_in(service.document.data, ()), *composed]
    http = service.sections.http if service.sections else None
    return [one for one in found if one.keys[0] != "http" and not (http and _is_own(one, http.host, http.port))]


def connect_all(addresses: list[Address]) -> dict[Address, str | None]:
    """Return for each address why it cannot be connected to, or None."""
    answers: queue.SimpleQueue[tuple[Address, str | None]] = queue.SimpleQueue()
    # A name that nobody resolves holds a thread up for longer than we wait, so nobody waits for these threads.
    for address in addresses:
        threading.Thread(target=lambda one=address: answers.put((one, _connect(one))), daemon=True).start()
    outcomes: dict[Address, str | None] = dict.fromkeys(addresses, f"no answer within {_PATIENCE:g} s")
    until = monotonic() + _PATIENCE + 0.5
    for _ in addresses:
        try:
            address, outcome = answers.get(timeout=max(0.0, until - monotonic()))
        except queue.Empty:
            break
        outcomes[address] = outcome
    return outcomes


def port(case: Case) -> Iterator[Finding]:
    """See whether the service could listen, or whether it is the one who does."""
    sections = case.service.sections if case.service else None
    if case.service is None or sections is None or not sections.http.port:
        return
    http = sections.http
    subject = f"port {http.port}"
    try:
        _try_to_listen(http.host, http.port)
    except CubekitError as problem:
        if (name := _who_serves(http.host, http.port)) == sections.service.name:
            yield ok(subject, f'the service "{name}" runs there')
            return
        for diagnostic in problem.diagnostics:
            yield told(diagnostic.at(case.service.document.place("http", "port")), subject)
    else:
        yield ok(subject, f"is free on {http.host}")


def _try_to_listen(host: str, port: int) -> None:
    try:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        socket.create_server((host, port), family=family).close()
    except OSError:
        from cubekit.ports.http.listeners import listen  # half a second, to say who is in the way

        for sock in listen(host, port):
            sock.close()


def _who_serves(host: str, port: int) -> str | None:
    """The name of the service that answers there, if one does within our patience."""
    shown = host if host not in {"", "0.0.0.0", "::"} else "127.0.0.1"  # noqa: S104 - compared, not listened to
    connection = HTTPConnection(shown, port, timeout=_PATIENCE)
    try:
        connection.request("GET", "/cubes")
        manifest = json.loads(connection.getresponse().read())
    except (OSError, HTTPException, ValueError):
        return None
    finally:
        connection.close()
    return str(manifest.get("service")) if isinstance(manifest, dict) else None


def _connect(address: Address) -> str | None:
    try:
        with socket.create_connection((address.host, address.port), timeout=_PATIENCE) as plain:
            if address.scheme in _ENCRYPTED:
                ssl.create_default_context().wrap_socket(plain, server_hostname=address.host).close()
    except ssl.SSLCertVerificationError as problem:
        return f"{_UNTRUSTED}{problem.verify_message}"
    except TimeoutError:
        return f"no answer within {_PATIENCE:g} s"
    except (OSError, UnicodeError) as problem:  # a name may be none at all
        return getattr(problem, "strerror", None) or str(problem)
    return None


_UNTRUSTED = "its certificate is not trusted here: "


def _finding(address: Address, outcome: str | None, place: Place, *, optional: bool) -> Finding:
    subject = str(address)
    if outcome is None:
        return ok(subject, f"accepts connections ({_dotted(address)})")
    if outcome.startswith(_UNTRUSTED):
        fix = "export SSL_CERT_FILE=…, unless the cube is told of the authority in another way"
        return warning(subject, f"{_dotted(address)}: {outcome}", place, fix=fix)
    severity = Severity.WARNING if optional else Severity.ERROR
    fix = f"start it, or correct {_dotted(address)}"
    text = f"{_dotted(address)} cannot be reached: {outcome}"
    return Finding(severity, subject, text, place, fix, unreachable=True)


def _optional(service: ServiceCase, address: Address) -> bool:
    if service.sections is None:
        return False
    kind, name = address.keys[0], str(address.keys[1])
    cubes = service.sections.cubes
    if kind == "discovery":
        users = [section for section in cubes.values() if (section.from_ or "").partition("/")[0] == name]
    else:
        users = [cubes[name]] if kind == "cubes" and name in cubes else []
    return bool(users) and all(section.optional for section in users)


def _is_own(address: Address, host: str, port: int) -> bool:
    return address.port == port and (address.host == host or address.host in _HERE)


def _dotted(address: Address) -> str:
    return ".".join(map(str, address.keys))
