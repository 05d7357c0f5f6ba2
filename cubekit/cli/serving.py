"""``up`` and ``replace``: a service that runs."""

from __future__ import annotations

import logging
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import suppress
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

_GRACE = 10.0
"""Seconds beyond all limits after which a worker that should end is taken for stuck."""

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
    if plan.http.workers > 1 or plan.recycle.is_wanted:
        return _run_workers(plan)
    import anyio

    from cubekit.cli.serve import Serving

    serving = Serving(plan)
    anyio.run(serving.run, _ending_signals(), backend_options=_event_loop())
    return not serving.forced


def _ending_signals() -> tuple[signal.Signals, ...]:
    """SIGINT, SIGTERM, and the SIGHUP of a terminal that goes unless it is to be ignored, as under ``nohup``."""
    ending = (signal.SIGINT, signal.SIGTERM)
    if sys.platform == "win32" or signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
        return ending
    return (*ending, signal.SIGHUP)


def _run_workers(plan: Plan) -> bool:
    """Serve a plan in several processes; False if it was forced to end."""
    from cubekit.cli.serve import announce
    from cubekit.ports.http.listeners import accept_from_now_on, bind_together, url_of
    from cubekit.workers import Master
    from cubekit.workers.commands import control_path
    from cubekit.workers.control import Control
    from cubekit.workers.leaks import Leaks
    from cubekit.workers.questions import PATIENCE

    http = plan.http
    sockets = bind_together(http.host, http.port, http.workers)
    try:
        url, port = url_of(http.host, sockets[0][0]), sockets[0][0].getsockname()[1]
        control = Control(control_path(plan.name, http.host, port))
        try:
            listeners = [accept_from_now_on(http.host, own) for own in sockets]
        except CubekitError:
            control.close()
            raise
        ready = partial(announce, plan, url, control.path)
        run = partial(_be_worker, plan)
        # Health is what takes longest to tell.
        patience = PATIENCE + plan.health.timeout
        alone = any(planned.descriptor.cube.exclusive for planned in plan.cubes.values())
        master = Master(
            listeners,
            run,
            control=control,
            ready=ready,
            note=_note,
            patience=patience,
            leave_within=plan.http.drain_timeout + _time_to_stop(plan) + _GRACE,
            leaks=Leaks(plan.recycle),
            one_at_a_time=alone,
        )
        master.run()
    finally:
        for sock in (sock for own in sockets for sock in own):
            sock.close()
    return not master.forced


def _time_to_stop(plan: Plan) -> float:
    """Return the seconds in which all cubes have stopped, each after those that depend on it."""
    longest: dict[str, float] = {}
    for name, planned in reversed(list(plan.cubes.items())):
        waits = (longest[other] for other, one in plan.cubes.items() if name in one.depends_on and other in longest)
        longest[name] = 2 * planned.stop_timeout + max(waits, default=0.0)  # to drain, and to stop
    return max(longest.values(), default=0.0)


def _note(text: str) -> None:
    with suppress(OSError):  # whoever listened has gone, and that is no reason to stop
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
    from cubekit.workers.commands import ask

    answer = ask(control, "replace")
    text = "all workers have been replaced" if answer["done"] else f"not replaced: {answer['problem']}"
    console.data(text, answer)
    if not answer["done"]:
        raise typer.Exit(1)
