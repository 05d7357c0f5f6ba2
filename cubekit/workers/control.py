"""`Control`: the socket through which people and programs of the same user command a master."""

from __future__ import annotations

import errno
import json
import os
import socket
import struct
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Any

from platformdirs import user_runtime_path

from cubekit.ground.diagnostics import CubekitError, Diagnostic
from cubekit.workers.messages import Lines, encode

__all__ = ["Client", "Control", "ask", "control_path"]

_LONGEST_PATH = 100
"""Bytes of the path of a socket that every system takes."""


def control_path(service: str, port: int) -> Path:
    """Where the socket of a service is: in a directory that only its user may enter."""
    name = f"{service}-{port}.sock"
    path = user_runtime_path("cubekit") / name
    return path if len(os.fsencode(path)) <= _LONGEST_PATH else _short(name)


def _short(name: str) -> Path:
    return Path(tempfile.gettempdir(), f"cubekit-{os.getuid()}", name)


class Client:
    """Somebody who is connected."""

    def __init__(self, connection: socket.socket) -> None:
        self.connection = connection
        self.lines = Lines()

    def answer(self, message: dict[str, Any]) -> None:
        """Send the one answer, and hang up. Whoever does not read it has lost interest."""
        with suppress(OSError):
            self.connection.send(encode(message))
        self.connection.close()


class Control:
    """The listening end.

    The system says who is at the other end (``SO_PEERCRED``): only the master's own user and root are heard.

    :raises CubekitError: CK405 if the socket cannot be made, or another master has it.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.socket.setblocking(False)
        try:
            if path.exists() and not _answers(path):
                path.unlink()  # left by a master that could not clean up
            self.socket.bind(os.fspath(path))
            path.chmod(0o600)
            self.socket.listen()
        except OSError as error:
            self.socket.close()
            reason = "another master has it" if error.errno == errno.EADDRINUSE else error.strerror
            raise CubekitError(Diagnostic("CK405", f"control socket {path}: {reason}")) from error

    def accept(self) -> Client | None:
        """Return who has connected; None if that is nobody to be heard."""
        try:
            connection, _ = self.socket.accept()
        except BlockingIOError:
            return None
        if _user(connection) not in {os.getuid(), 0}:
            connection.close()
            return None
        connection.setblocking(False)
        return Client(connection)

    def close(self) -> None:
        """Hang up, and remove the socket."""
        self.socket.close()
        self.path.unlink(missing_ok=True)


def ask(path: Path, do: str) -> dict[str, Any]:
    """Send a command, and return the answer once it has been carried out.

    :raises CubekitError: CK502 if no master answers.
    """
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.connect(os.fspath(path))
            connection.sendall(encode({"do": do}))
            raw = b"".join(iter(lambda: connection.recv(1 << 16), b""))
    except OSError as error:
        message = f"no master answers at {path}: {error.strerror}"
        raise CubekitError(Diagnostic("CK502", message, fix="look at what `cubekit up` has printed")) from error
    if not raw:
        raise CubekitError(Diagnostic("CK502", f"the master at {path} has hung up", fix="be the user that started it"))
    answer: dict[str, Any] = json.loads(raw)
    return answer


def _answers(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        return probe.connect_ex(os.fspath(path)) == 0


def _user(connection: socket.socket) -> int:
    raw = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
    user: int = struct.unpack("3i", raw)[1]
    return user
