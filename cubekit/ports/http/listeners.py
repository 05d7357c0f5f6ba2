"""Opening the sockets of a server, and saying who is in the way if that fails."""

from __future__ import annotations

import errno
import os
import socket
from collections.abc import Iterator
from pathlib import Path

from cubekit.ground.diagnostics import CubekitError, Diagnostic

__all__ = ["accept_from_now_on", "bind_together", "listen", "url_of"]

_BACKLOG = 2048
_LISTEN = "0A"
"""The state of a listening socket in ``/proc/net/tcp``."""


def listen(host: str, port: int) -> list[socket.socket]:
    """Return listening sockets for every address of a host, all on one port. Port 0 lets the system choose.

    :raises CubekitError: CK405 if an address is in use, not allowed, or not one of this machine.
    """
    return accept_from_now_on(host, _bind(host, port))


def bind_together(host: str, port: int, count: int) -> list[list[socket.socket]]:
    """Return sockets for each of several processes, over which the system spreads connections.

    They do not listen yet, so that nobody notices if they are closed again; see `accept_from_now_on`.

    :raises CubekitError: as `listen` does, also if what is in the way is a socket that shares its port.
    """
    if port:
        for sock in _bind(host, port):
            sock.close()
    first = _bind(host, port, shared=True)
    chosen = first[0].getsockname()[1]
    return [first, *(_bind(host, chosen, shared=True) for _ in range(count - 1))]


def accept_from_now_on(host: str, sockets: list[socket.socket]) -> list[socket.socket]:
    """Let bound sockets listen.

    :raises CubekitError: CK405 if somebody else listens there by now.
    """
    try:
        for sock in sockets:
            sock.listen(_BACKLOG)
    except OSError as error:
        port = sockets[0].getsockname()[1]
        for sock in sockets:
            sock.close()
        raise CubekitError(_diagnostic(host, port, error)) from error
    return sockets


def _bind(host: str, port: int, *, shared: bool = False) -> list[socket.socket]:
    opened: list[socket.socket] = []
    try:
        addresses = socket.getaddrinfo(host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        for family, kind, protocol, _, address in dict.fromkeys(addresses):
            sock = socket.socket(family, kind, protocol)
            opened.append(sock)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if shared:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            if family == socket.AF_INET6 and len(addresses) > 1:
                sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)  # its sibling listens to IPv4
            chosen = opened[0].getsockname()[1] if len(opened) > 1 else port
            sock.bind((address[0], chosen, *address[2:]))
            sock.setblocking(False)
    except (OSError, UnicodeError) as error:  # a name may be none at all
        for sock in opened:
            sock.close()
        raise CubekitError(_diagnostic(host, port, error)) from error
    return opened


def url_of(host: str, sock: socket.socket) -> str:
    """The URL under which a client on this machine reaches a listening socket."""
    if host in {"", "0.0.0.0", "::"}:  # noqa: S104 - compared, not listened to
        host = "[::1]" if sock.family == socket.AF_INET6 else "127.0.0.1"
    elif ":" in host:
        host = f"[{host}]"
    return f"http://{host}:{sock.getsockname()[1]}"


def _diagnostic(host: str, port: int, error: OSError | UnicodeError) -> Diagnostic:
    address = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    number = error.errno if isinstance(error, OSError) else None
    if number == errno.EADDRINUSE:
        return Diagnostic(
            "CK405",
            f"{address} is in use by another program",
            found=next(_users(port), None),
            fix=f"stop that program, or choose another port: --set http.port={port + 1 if port < 65535 else 0}",
        )
    if number in {errno.EACCES, errno.EPERM}:
        return Diagnostic(
            "CK405",
            f"no permission to listen on {address}: ports below 1024 belong to the system",
            fix="choose a port above 1023: --set http.port=8000",
        )
    return Diagnostic(
        "CK405",
        f"cannot listen on {address}: {getattr(error, 'strerror', None) or error}",
        fix='choose an address of this machine: --set http.host="127.0.0.1"',
    )


def _users(port: int) -> Iterator[str]:
    """Programs that listen on a port, as far as this system tells."""
    inodes = {f"socket:[{inode}]" for inode in _listening_inodes(port)}
    for process in Path("/proc").glob("[0-9]*") if inodes else ():
        try:
            links = {os.readlink(descriptor) for descriptor in (process / "fd").iterdir()}
            name = (process / "comm").read_text(encoding="utf-8").strip()
        except OSError:
            continue  # it belongs to somebody else, or has just ended
        if links & inodes:
            yield f"process {process.name} ({name})"


def _listening_inodes(port: int) -> Iterator[str]:
    for table in (Path("/proc/net/tcp"), Path("/proc/net/tcp6")):
        if table.exists():
            for line in table.read_text(encoding="ascii").splitlines()[1:]:
                _, local, _, state, *rest = line.split()
                if state == _LISTEN and int(local.rpartition(":")[2], 16) == port:
                    yield rest[5]
