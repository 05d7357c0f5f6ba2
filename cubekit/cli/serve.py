"""Runs a service with its HTTP port, and tells a person or a program how it goes."""

from __future__ import annotations

import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import anyio

from cubekit.authoring.events import CubeStateChanged
from cubekit.cli.console import console
from cubekit.composition.plan import Plan
from cubekit.ports.http import HttpServer
from cubekit.runtime.bus import EventSubscription
from cubekit.runtime.service import Service
from cubekit.workers.memory import settle

__all__ = ["Serving", "announce"]


def announce(plan: Plan, url: str, control: Path | None = None) -> None:
    """Say that a service is ready, and where.

    :param control: the control socket of its workers' master.
    """
    payload = {"event": "ready", "service": plan.name, "url": url, "cubes": list(plan.cubes)}
    lines = [
        f"{plan.name} is ready at {url}",
        f"  API     {url}/docs",
        f"  health  {url}/health",
        f"  metrics {url}/metrics",
    ]
    if control is not None:
        lines.append(f"  control {control}")
        payload["control"] = str(control)
    console.data("\n".join(lines), payload | {"workers": plan.http.workers})


class Serving:
    """One run of a service, from opening its port to the last cube's end."""

    def __init__(self, plan: Plan) -> None:
        self.forced = False
        """Whether a second signal ended it."""
        self._service = Service(plan)
        self._server = HttpServer(self._service)
        self._stop = anyio.Event()
        self._served = anyio.Event()

    async def run(self, signals: tuple[signal.Signals, ...]) -> None:
        """Serve until a signal arrives.

        :raises CubekitError: if the port cannot be opened, or a required cube cannot start or go on.
        """
        # Before the cubes start, so that an address in use costs nothing.
        self._server.bind()
        try:
            async with anyio.create_task_group() as tasks:
                states = self._service.bus.subscribe(CubeStateChanged)
                tasks.start_soon(self._show, states)
                with anyio.open_signal_receiver(*signals) as received:
                    tasks.start_soon(self._obey, received, tasks.cancel_scope)
                    await tasks.start(self._serve)
                    try:
                        async with self._service.running():
                            settle()
                            if not self._stop.is_set():
                                announce(self._service.plan, self._server.url)
                            await self._stop.wait()
                            await self._drain()
                    finally:
                        with anyio.CancelScope(shield=not self.forced):
                            await self._drain()
                    states.close()
                    tasks.cancel_scope.cancel()
        except BaseExceptionGroup as group:
            # One failure, wrapped by the task group that is an implementation detail here.
            if len(group.exceptions) == 1:
                raise group.exceptions[0] from group.exceptions[0].__cause__
            raise

    async def _serve(self, *, task_status: anyio.abc.TaskStatus[None]) -> None:
        try:
            await self._server.run(task_status=task_status)
        finally:
            self._served.set()

    async def _drain(self) -> None:
        """Let requests under way finish while the cubes that answer them still run."""
        self._server.stop()
        await self._served.wait()

    async def _obey(self, received: AsyncIterator[signal.Signals], everything: anyio.CancelScope) -> None:
        async for _ in received:
            if self._stop.is_set():
                console.problem("forced to stop")
                self.forced = True
                self._server.force()
                everything.cancel()
                return
            console.progress("stopping; once more to force")
            self._stop.set()
            if not self._service.started:
                self._service.stop()

    async def _show(self, states: EventSubscription[CubeStateChanged]) -> None:
        width = max((len(name) for name in self._service.instances), default=0)
        async for event in states:
            colour = self._service.instances[event.instance].planned.descriptor.colour
            if console.as_json:
                console.event({"event": "state", **event.model_dump(), "colour": colour})
                continue
            name = console.paint(event.instance.ljust(width), colour, sys.stderr)
            reason = f"  {event.reason}" if event.reason else ""
            console.progress(f"  {colour.emoji} {name}  {event.after}{reason}")
