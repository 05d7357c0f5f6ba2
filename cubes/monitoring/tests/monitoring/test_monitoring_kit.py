"""The cube on the quality scale: it keeps every rule, and never blocks with everything switched on either."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from anyio import to_thread
from blockbuster import BlockBusterFunction, blockbuster_ctx
from cubekit import CallContext
from cubekit.testing import ControlledClock, crash
from httpx2 import AsyncClient

from cubekit_monitoring.otlp import Otlp

from .collector import Collector
from .receiver import Receiver
from .services import monitored, settled

DIRECTORY = Path(__file__).parents[2]


def test_it_is_platinum() -> None:
    command = [sys.executable, "-m", "cubekit.cli", "test", str(DIRECTORY), "--quality", "platinum", "--json"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    [cube] = json.loads(done.stdout)["cubes"]
    assert {rule["name"]: rule["reason"] for rule in cube["rules"] if not rule["kept"]} == {}


@contextmanager
def nothing_blocks() -> Iterator[None]:
    """Make a call that blocks the event loop raise `blockbuster.BlockingError`."""
    # The detector cannot see what blocks in C: reading certificates, importing gRPC, closing channels.
    unseen = [BlockBusterFunction(*one) for one in ((AsyncClient, "__init__"), (Otlp, "open"), (Otlp, "close"))]
    with blockbuster_ctx("cubekit_monitoring") as detector:
        for function in unseen:
            detector.functions[function.full_name] = function
            function.activate()
        yield


@pytest.mark.anyio
@pytest.mark.parametrize("anyio_backend", ["asyncio"])  # which the detector watches
async def test_exports_and_webhooks_do_not_block(collector: Collector) -> None:
    clock = ControlledClock()
    rule = {"name": "ItRuns", "metric": "cubekit.build.info", "above": 0.5, "for": 0}
    with Receiver() as receiver, nothing_blocks():
        alerts = {"standard": False, "rules": [rule], "webhooks": [{"url": receiver.url}]}
        async with monitored(clock, export={"endpoint": collector.url}, alerts=alerts, gpu=True) as service:
            await service.call("shop.sell", CallContext(sampled=True))
            await settled(clock)
            await to_thread.run_sync(receiver.wait_for, 1)
    assert [span.name for span in collector.spans()] == ["shop.sell"]


@pytest.mark.anyio
async def test_a_crash_lets_go_of_the_collector(collector: Collector, monkeypatch: pytest.MonkeyPatch) -> None:
    closed: list[Otlp] = []
    close = Otlp.close

    def noted(otlp: Otlp) -> None:
        close(otlp)
        closed.append(otlp)

    monkeypatch.setattr(Otlp, "close", noted)
    async with monitored(ControlledClock(), export={"endpoint": collector.url}) as service:
        await crash(service, "monitoring")
    assert len(closed) == 1, "its restart was waiting for the clock"
