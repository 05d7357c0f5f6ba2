"""`Control`: the socket through which people and programs of the same user command a master."""

from __future__ import annotations

import errno
import logging
import os
import selectors
import socket
import stat
import struct
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from cubekit.ground.diagnostics import CubekitError, Diagnostic
from cubekit.workers.messages import Lines, encode

__all__ = ["Client", "Control"]

_log = logging.getLogger("cubekit.workers")

_MOST_CLIENTS = 32
"""Who comes then has to wait."""

_LONGEST_COMMAND = 4096
"""Bytes."""

_PATIENCE = 5.0
"""Seconds that a client has to say what it wants."""

_PAUSE = 1.0
"""Seconds after which somebody may be let in again."""


class Client:
    """Somebody who is connected."""

    def __init__(self, connection: socket.socket) -> None:
        self.connection = connection
        self.lines = Lines()
        self.arrived = 0
        self.until = time.monotonic() + _PATIENCE
        """When it must have said what it wants; infinite once it has."""


class Control:
    """The listening end, and who is connected.

    The system says who is at the other end (``SO_PEERCRED``): only the master's own user and root are heard. Each has
    one command of limited length, and limited time to say it.

    :raises CubekitError: CK405 if the socket cannot be made, or another master has it.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.socket.setblocking(False)
        self._clients: set[Client] = set()
        self._resting_until: float | None = None
        """While nobody is let in."""
        try:
            _make_private(path.parent)
            if path.exists() and not _answers(path):
                path.unlink()  # left by a master that could not clean up
            self.socket.bind(os.fspath(path))
            path.chmod(0o600)
            self.socket.listen()
        except OSError as error:
            self.socket.close()
            raise CubekitError(_refused(path, error)) from error

    def register(self, selector: selectors.BaseSelector) -> None:
        """Begin to listen. What happens comes with this object or a `Client`, for `command`."""
        self._selector = selector
        selector.register(self.socket, selectors.EVENT_READ, self)

    def command(self, of: Control | Client) -> tuple[Client, Any] | None:
        """Look at what has happened; returns a command if that was one."""
        if isinstance(of, Control):
            self._let_in()
            return None
        return self._read(of)

    def answer(self, client: Client, message: dict[str, Any]) -> None:
        """Send a client its one answer, and hang up."""
        with suppress(OSError):  # who does not wait for it has lost interest
            client.connection.send(encode(message))
        self._hang_up(client)

    def patience(self) -> float:
        """Seconds until `tidy` has something to do."""
        moments = [client.until for client in self._clients]
        if self._resting_until is not None:
            moments.append(self._resting_until)
        return min(moments, default=float("inf")) - time.monotonic()

    def tidy(self) -> None:
        """Hang up on those who have had their time, and let others in again."""
        now = time.monotonic()
        for client in [client for client in self._clients if client.until <= now]:
            self.answer(client, {"done": False, "problem": f"no command has come within {_PATIENCE:g} s"})
        if self._resting_until is not None and self._resting_until <= now:
            if len(self._clients) < _MOST_CLIENTS:
                self._resting_until = None
                self._selector.register(self.socket, selectors.EVENT_READ, self)
            else:
                self._resting_until = now + _PAUSE

    def sockets(self) -> Iterator[socket.socket]:
        """Everything that is open."""
        yield self.socket
        yield from (client.connection for client in self._clients)

    def close(self) -> None:
        """Hang up on everybody, and remove the socket."""
        for one in self.sockets():
            one.close()
        self.path.unlink(missing_ok=True)

    def _let_in(self) -> None:
        try:
            connection, _ = self.socket.accept()
        except (BlockingIOError, ConnectionError):
            return
        except OSError as error:  # no more files, say
            _log.warning("control socket: nobody is let in for a moment: %s", error.strerror)
            self._rest()
            return
        if _user(connection) not in {os.getuid(), 0}:
            connection.close()
            return
        connection.setblocking(False)
        client = Client(connection)
        self._clients.add(client)
        self._selector.register(connection, selectors.EVENT_READ, client)
        if len(self._clients) >= _MOST_CLIENTS:
            self._rest()

    def _rest(self) -> None:
        self._selector.unregister(self.socket)
        self._resting_until = time.monotonic() + _PAUSE

    def _read(self, client: Client) -> tuple[Client, Any] | None:
        try:
            data = client.connection.recv(_LONGEST_COMMAND)
        except BlockingIOError:
            return None
        except OSError:
            data = b""
        client.arrived += len(data)
        try:
            commands = list(client.lines.feed(data))
        except (ValueError, RecursionError):
            self.answer(client, {"done": False, "problem": "a command is one line of JSON"})
            return None
        if commands:
            client.until = float("inf")
            self._selector.unregister(client.connection)
            return client, commands[0]
        if not data:
            self._hang_up(client)
        elif client.arrived >= _LONGEST_COMMAND:
            self.answer(client, {"done": False, "problem": f"a command has at most {_LONGEST_COMMAND} bytes"})
        return None

    def _hang_up(self, client: Client) -> None:
        if client.connection in self._selector.get_map():
            self._selector.unregister(client.connection)
        client.connection.close()
        self._clients.discard(client)


def _make_private(directory: Path) -> None:
    """Make a directory that only this user may enter, or see that it is one."""
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    found = directory.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid():
        raise OSError(errno.EPERM, "its directory is no directory of this user")
    if stat.S_IMODE(found.st_mode) & 0o077:
        raise OSError(errno.EPERM, f"its directory is open to others; chmod 700 {directory}")


def _refused(path: Path, error: OSError) -> Diagnostic:
    if error.errno == errno.EADDRINUSE:
        fix = "stop that service, or choose another port: --set http.port=0"
        return Diagnostic("CK405", f"control socket {path}: another master has it", fix=fix)
    reason = error.strerror or str(error)
    fix = "set XDG_RUNTIME_DIR to a short path of a directory that only you may enter"
    return Diagnostic("CK405", f"control socket {path}: {reason}", fix=fix)


def _answers(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.setblocking(False)
        return probe.connect_ex(os.fspath(path)) in {0, errno.EAGAIN}


def _user(connection: socket.socket) -> int:
    raw = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
    user: int = struct.unpack("3i", raw)[1]
    return user
