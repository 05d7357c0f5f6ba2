"""Imports a cube in a process of its own, and tells what that did besides."""

from __future__ import annotations

import json
import subprocess
import sys

__all__ = ["effects_of_import"]

_OBSERVER = """
import contextlib, importlib, io, json, logging, os, signal, sys, threading
import cubekit.authoring.cubes, cubekit.authoring.operations, cubekit.authoring.contracts, anyio, pydantic
import anyio.to_thread, asyncio, importlib.resources, opentelemetry.metrics, opentelemetry.trace
EVENTS = {"socket.connect": "connects to", "socket.bind": "listens on", "subprocess.Popen": "runs", "os.system": "runs",
          "os.mkdir": "makes directory", "os.remove": "removes", "os.rename": "renames", "os.putenv": "sets variable",
          "sqlite3.connect": "opens database"}
found = []
def watch(event, arguments):
    if event == "open" and isinstance(arguments[0], str) and isinstance(arguments[1], str):
        if not set("wax+").isdisjoint(arguments[1]) and "__pycache__" not in arguments[0]:
            found.append(f"writes {arguments[0]}")
    elif event in EVENTS:
        found.append(f"{EVENTS[event]} {arguments[0] if event != 'socket.connect' else arguments[1]}")
before = {number: signal.getsignal(number) for number in signal.valid_signals()}
threads, level, handlers = set(threading.enumerate()), logging.root.level, list(logging.root.handlers)
said = io.StringIO()
sys.addaudithook(watch)
with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
    importlib.import_module(sys.argv[1])
observed = list(found)
if said.getvalue():
    observed.append(f"prints {said.getvalue()[:200]!r}")
observed += [f"starts thread {thread.name}" for thread in threading.enumerate() if thread not in threads]
observed += [f"handles signal {number}" for number in before if signal.getsignal(number) is not before[number]]
if (logging.root.level, logging.root.handlers) != (level, handlers):
    observed.append("configures logging")
print(json.dumps(observed))
"""


def effects_of_import(module: str) -> list[str]:
    """Return what importing a module does besides defining things: files, processes, threads, output, warnings."""
    command = [sys.executable, "-B", "-c", _OBSERVER, module]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - our own interpreter
    if done.returncode:
        return [f"fails when it is imported alone: {done.stderr.strip().splitlines()[-1]}"]
    found: list[str] = json.loads(done.stdout.splitlines()[-1])
    return found
