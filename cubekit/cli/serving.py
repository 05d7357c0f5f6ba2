"""``up`` and ``replace``: a service that runs."""

from __future__ import annotations

import logging
import signal
import sys
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cubekit.cli.compositions import compose_and_remember
from cubekit.cli.console import console
from cubekit.cli.options import Json, Service, Settings, Verbose
from cubekit.ground.diagnostics import CubekitError, Diagnostic

if TYPE_CHECKING:
    import socket

    from cubekit.composition.plan import Plan

__all__ = ["replace", "up"]

LogLevel = Annotated[str, typer.Option("--log-level", help="debug, info, warning or error.")]


def up(
    service: Service = Path(),
    settings: Settings = None,
    log_level: LogLevel = "warning",
    json: Json = False,
    verbose: Verbose = False,
) -> None:
    """Run a service until SIGINT or SIGTERM, which drain it; a second signal forces."""
    level = logging.getLevelNamesMapping().get(log_level.upper())
    if level is None:
        raise CubekitError(Diagnostic("CK504", f"there is no log level {log_level!r}", fix="--log-level info"))
    logging.basicConfig(level=level, stream=sys.stderr, format="%(asctime)s %(levelname)-7s %(name)s: %(message)s")
    plan = compose_and_remember(service, settings)
    for warning in plan.warnings:
        console.problem(warning.render())
    if not _run(plan):
        raise typer.Exit(1)


def _run(plan: Plan) -> bool:
    """Serve a plan; False if it was forced to end."""
    if plan.http.workers > 1:
        return _run_workers(plan)
    import anyio

    from cubekit.cli.serve import Serving

    serving = Serving(plan)
    anyio.run(serving.run, (signal.SIGINT, signal.SIGTERM), backend_options=_event_loop())
    return not serving.forced


def _run_workers(plan: Plan) -> bool:
    """Serve a plan in several processes; False if it was forced to end."""
    from cubekit.cli.serve import announce
    from cubekit.ports.http.listeners import listen, url_of
    from cubekit.workers import Master
    from cubekit.workers.control import Control, control_path
    from cubekit.workers.questions import PATIENCE

    http = plan.http
    first = listen(http.host, http.port, shared=True)
    port = first[0].getsockname()[1]
    listeners = [first, *(listen(http.host, port, shared=True) for _ in range(http.workers - 1))]
    url = url_of(http.host, first[0])
    run = partial(_be_worker, plan)
    control = Control(control_path(plan.name, port))
    ready = partial(announce, plan, url, control.path)
    # Health is what takes longest to tell.
    patience = PATIENCE + plan.health.timeout
    master = Master(listeners, run, control=control, ready=ready, note=_note, patience=patience)
    try:
        master.run()
    finally:
        for listener in (sock for sockets in listeners for sock in sockets):
            listener.close()
    return not master.forced


def _note(text: str) -> None:
    if console.as_json:
        console.event({"event": "workers", "note": text})
    else:
        console.progress(text)


def _be_worker(plan: Plan, index: int, sockets: Sequence[socket.socket], channel: socket.socket) -> int:
    import anyio

    from cubekit.workers.worker import run_worker

    try:
        anyio.run(run_worker, plan, sockets, channel, backend_options=_event_loop())
    except BaseExceptionGroup as group:
        known, other = group.split(CubekitError)
        if other is not None:
            raise
        console.diagnostics([found for error in _leaves(known) for found in error.diagnostics])
        return 1
    finally:
        sys.stdout.flush()
    return 0


def _leaves(group: BaseExceptionGroup[CubekitError] | None) -> Iterator[CubekitError]:
    """The exceptions in a group of groups."""
    for error in group.exceptions if group is not None else ():
        if isinstance(error, BaseExceptionGroup):
            yield from _leaves(error)
        else:
            yield error


def _event_loop() -> dict[str, Any]:
    try:
        import uvloop  # noqa: F401 - asked for by name below
    except ImportError:
        return {}
    return {"use_uvloop": True}


def replace(
    control: Annotated[Path, typer.Argument(help="The control socket, as `cubekit up` has printed it.")],
    json: Json = False,
) -> None:
    """Replace the workers of a running service one by one, without a failed request. Exits with 1 if that fails."""
    from cubekit.workers.control import ask

    answer = ask(control, "replace")
    text = "all workers have been replaced" if answer["done"] else f"not replaced: {answer['problem']}"
    console.data(text, answer)
    if not answer["done"]:
        raise typer.Exit(1)
