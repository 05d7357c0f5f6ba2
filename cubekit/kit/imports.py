"""Imports a cube in a process of its own, and tells what that did besides."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

__all__ = ["effects_of_import"]

_OBSERVER = """
import contextlib, gc, importlib, io, json, locale, logging, os, signal, sys, threading
import cubekit.authoring.cubes, cubekit.authoring.operations, cubekit.authoring.contracts, anyio, pydantic
import anyio.to_thread, asyncio, importlib.resources, opentelemetry.metrics, opentelemetry.trace
EVENTS = {"socket.connect": "connects to", "socket.bind": "listens on", "socket.getaddrinfo": "looks up",
          "subprocess.Popen": "runs", "os.system": "runs", "os.posix_spawn": "runs", "os.fork": "forks",
          "os.mkdir": "makes directory", "os.remove": "removes", "os.rename": "renames", "os.chdir": "goes to",
          "os.putenv": "sets variable", "sqlite3.connect": "opens database"}
WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
package = sys.argv[1].partition(".")[0]
found = []
def note(what):
    frame, place = sys._getframe(2), ""
    while frame is not None and not place:
        if frame.f_globals.get("__name__", "").partition(".")[0] == package:
            place = f" at {frame.f_code.co_filename}:{frame.f_lineno}"
        frame = frame.f_back
    found.append(what + place)
def watch(event, arguments):
    if event == "open":
        path, _, flags = arguments
        if isinstance(path, str) and flags & WRITING and path != os.devnull and "__pycache__" not in path:
            note(f"writes {path}")
    elif event in EVENTS:
        shown = arguments[1:2] if event.startswith("socket.") and event != "socket.getaddrinfo" else arguments[:1]
        texts = [os.fsdecode(one) if isinstance(one, bytes) else str(one) for one in shown]
        note(" ".join([EVENTS[event], *texts]))
def state():
    return {"the path of imports": list(sys.path), "the limit of recursion": sys.getrecursionlimit(),
            "the collection of garbage": (gc.isenabled(), gc.get_threshold()),
            "the locale": locale.setlocale(locale.LC_ALL),
            "what shows exceptions": (sys.excepthook, threading.excepthook),
            "logging": (logging.root.level, list(logging.root.handlers)),
            **{f"what handles signal {one}": signal.getsignal(one) for one in signal.valid_signals()}}
before, threads, said = state(), set(threading.enumerate()), io.StringIO()
sys.addaudithook(watch)
with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
    importlib.import_module(sys.argv[1])
observed = list(found)
if said.getvalue():
    observed.append(f"prints {said.getvalue()[:200]!r}")
observed += [f"starts thread {thread.name}" for thread in threading.enumerate() if thread not in threads]
observed += [f"changes {name}" for name, value in state().items() if value != before[name]]
with open(sys.argv[2], "w", encoding="utf-8") as report:
    json.dump(observed, report)
"""


def effects_of_import(module: str) -> list[str]:
    """Return what importing a module does besides defining things: files, processes, threads, output, settings."""
    with TemporaryDirectory() as directory:
        report = Path(directory) / "report.json"
        command = [sys.executable, "-B", "-c", _OBSERVER, module, str(report)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - our own interpreter
        if not report.exists():
            *_, last = ["", *done.stderr.strip().splitlines()]
            return [f"fails when it is imported alone: {last or f'the process ends with status {done.returncode}'}"]
        found: list[str] = json.loads(report.read_text(encoding="utf-8"))
        return found
