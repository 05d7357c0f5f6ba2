"""Commands for a running master: where its control socket is, and what to say there."""

from __future__ import annotations

import json
import os
import re
import socket
import tempfile
import warnings
from hashlib import sha256
from pathlib import Path
from typing import Any

from platformdirs import user_runtime_path

from cubekit.ground.diagnostics import CubekitError, Diagnostic
from cubekit.workers.messages import encode

__all__ = ["ask", "control_path"]

_LONGEST_PATH = 100
"""Bytes of the path of a socket that every system takes."""


def control_path(service: str, host: str, port: int) -> Path:
    """Where the socket of a service is: in a directory that only its user may enter.

    :raises CubekitError: CK405 if the system has no such place.
    """
    name = re.sub(r"[^A-Za-z0-9.-]", "_", f"{service}-{host}-{port}")
    short = sha256(name.encode()).hexdigest()[:16]
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about its second choice, which is as good; `up` prints the path
            directory = user_runtime_path("cubekit")
    except OSError as error:
        fix = "set XDG_RUNTIME_DIR to a directory that only you may enter"
        raise CubekitError(Diagnostic("CK405", f"no place for a control socket: {error}", fix=fix)) from error
    temporary = Path(tempfile.gettempdir(), f"cubekit-{os.getuid()}")
    paths = [directory / f"{name}.sock", directory / f"{short}.sock", temporary / f"{short}.sock"]
    return next((path for path in paths if len(os.fsencode(path)) <= _LONGEST_PATH), paths[-1])


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
        message = f"no master answers at {path}: {error.strerror or error}"
        raise CubekitError(Diagnostic("CK502", message, fix="look at what `cubekit up` has printed")) from error
    if not raw:
        raise CubekitError(Diagnostic("CK502", f"the master at {path} has hung up", fix="be the user that started it"))
    answer = _read(raw)
    if answer is None:
        message = f"what answers at {path} is no master of cubekit"
        raise CubekitError(Diagnostic("CK502", message, fix="look at what `cubekit up` has printed"))
    return answer


def _read(raw: bytes) -> dict[str, Any] | None:
    try:
        answer = json.loads(raw)
    except ValueError:
        return None
    return answer if isinstance(answer, dict) and "done" in answer else None
