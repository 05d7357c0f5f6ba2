"""Asks a process of its own to import something: whatever that does, it ends there, and in time."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Event
from typing import Any

from cubekit.cli.doctor.frames import line_of_plugin
from cubekit.ground.diagnostics import Place

__all__ = ["ChildFailed", "ask_child", "end_children"]

_CODE = """
import json, sys
task = json.load(sys.stdin)
sys.path[:] = task["path"]
from cubekit.cli.doctor.child import answer
answer(task)
"""
_running: set[subprocess.Popen[bytes]] = set()
_over = Event()
"""Set when the user has lost patience."""
_GRACE = 5.0
"""Seconds in which a child that has been out of time must have ended by itself, saying where it stands."""
_FRAME = re.compile(r'^\s*File "([^"<][^"]*)", line (\d+)', re.MULTILINE)


class ChildFailed(Exception):
    """A child has ended without an answer; the message says how.

    :param place: where in a plugin that was, if it is known.
    """

    def __init__(self, message: str, place: Place | None = None) -> None:
        super().__init__(message)
        self.place = place


def ask_child(question: dict[str, Any], patience: float) -> dict[str, Any]:
    """Return what a child answers to a question; see `child.answer`.

    :param patience: seconds that it gets.
    :raises ChildFailed: if it ends, or is ended, without an answer.
    """
    with TemporaryDirectory(prefix="cubekit-doctor-") as directory:
        answer, said = Path(directory, "answer"), Path(directory, "said")
        task = {**question, "path": sys.path, "answer": str(answer), "patience": patience}
        with said.open("wb") as stderr:
            child = subprocess.Popen(  # noqa: S603 - our own interpreter
                [sys.executable, "-P", "-c", _CODE],
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=stderr,
                start_new_session=True,
            )
            _running.add(child)
            try:
                if _over.is_set():
                    child.kill()
                child.communicate(json.dumps(task).encode(), timeout=patience + _GRACE)
            except subprocess.TimeoutExpired:
                child.kill()
            finally:
                _running.discard(child)
                _end_all_of(child)
        if answer.exists():
            found: dict[str, Any] = json.loads(answer.read_bytes())
            return found
        package = str(question.get("target", "")).partition(":")[0].partition(".")[0]
        raise _failure(child.wait(), said.read_text(encoding="utf-8", errors="replace"), patience, package)


def end_children() -> None:
    """End all children, and those that are still to come."""
    _over.set()
    for child in list(_running):
        child.kill()


def _end_all_of(child: subprocess.Popen[bytes]) -> None:
    """End what the child has started, too."""
    if os.name == "posix":
        with suppress(ProcessLookupError):
            os.killpg(child.pid, signal.SIGKILL)


def _failure(status: int, said: str, patience: float, package: str) -> ChildFailed:
    frames = [Place(file, int(line)) for file, line in _FRAME.findall(said)]
    if "Traceback (most recent call last)" in said:
        frames.reverse()  # else faulthandler has written it, which begins with the innermost
    place = line_of_plugin(frames, package)
    last = said.strip().rpartition("\n")[2]
    if said.startswith("Timeout (") or "\nTimeout (" in said or status == -signal.SIGTERM:
        return ChildFailed(f"was not done after {patience:g} s", place)
    if status < 0:
        return ChildFailed(f"ended the process by {signal.Signals(-status).name}", place)
    return ChildFailed(f"ended the process with status {status}" + (f": {last}" if last else ""), place)
