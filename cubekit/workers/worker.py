"""`run_worker`: one worker, from its fork to its end."""

from __future__ import annotations

import signal
import socket
from collections.abc import Sequence

import anyio
from anyio.abc import TaskStatus

from cubekit.composition.plan import Plan
from cubekit.ports.http import HttpServer
from cubekit.runtime.service import Service
from cubekit.workers.link import Link
from cubekit.workers.memory import settle

__all__ = ["run_worker"]


async def run_worker(plan: Plan, listeners: Sequence[socket.socket], channel: socket.socket) -> None:
    """Start the service, then serve, until SIGTERM comes, a successor has come, or the master is gone.

    Called with SIGTERM blocked, so that none gets lost before somebody listens to it.

    Requests are accepted only once the cubes run: until then they wait in the listener, or another worker has them.

    :raises CubekitError: as `Service.run` does.
    """
    service = Service(plan)
    link = Link(channel, service.bus, service.healing)
    server = HttpServer(service, peers=link)
    server.adopt(listeners)
    service.bus.relay = link.publish
    stop = anyio.Event()

    def end() -> None:
        stop.set()
        if not service.started:
            service.stop()

    async def obey(*, task_status: TaskStatus[None]) -> None:
        with anyio.open_signal_receiver(signal.SIGTERM) as received:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})
            task_status.started()
            async for _ in received:
                end()

    async def follow() -> None:
        await link.run()
        end()

    async def leave() -> None:
        await link.told_to_leave.wait()
        server.stop(patient=True)
        stop.set()

    async with anyio.create_task_group() as tasks:
        await tasks.start(obey)
        tasks.start_soon(follow)
        tasks.start_soon(leave)
        async with service.running():
            if not stop.is_set():
                async with anyio.create_task_group() as serving:
                    await serving.start(server.run)
                    settle()
                    link.say({"do": "ready"})
                    await stop.wait()
                    if not link.told_to_leave.is_set():
                        server.stop()
            if link.told_to_leave.is_set():
                await link.hand_in()
        tasks.cancel_scope.cancel()
