"""Services that are monitored."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import anyio
from cubekit import Clock, Cube, operation
from cubekit.ground.colours import Colour
from cubekit.runtime.service import Service
from cubekit.testing import ControlledClock, Part, running

from cubekit_monitoring.cube import Monitoring


class Shop(Cube):
    """Knows nothing of monitoring, but for a counter of its own."""

    async def start(self) -> None:
        self.sold = self.meter.create_counter("shop.sold", "{item}", "Items sold")

    @operation
    async def sell(self, item: str = "hat", count: int = 1) -> str:
        self.sold.add(count, {"item": item})
        self.log.warning("sold %s", item)
        return item

    @operation
    async def fail(self) -> None:
        raise ZeroDivisionError("the till is empty")


def parts(**config: Any) -> dict[str, Part]:
    """A shop, and a cube that monitors it."""
    config = {"gpu": False, **config}
    return {
        "shop": Part(Shop),
        "monitoring": Part(Monitoring, Colour.MONITORING, settings={"path": "metrics", "config": config}),
    }


async def settled(clock: ControlledClock) -> None:
    """Wait until everybody has done what there is to do at this time: the rules were evaluated once."""
    await clock.until_asleep()
    await anyio.wait_all_tasks_blocked()


@asynccontextmanager
async def monitored(clock: Clock | None = None, sample: float = 1.0, **config: Any) -> AsyncIterator[Service]:
    """Run the shop with monitoring."""
    telemetry: Mapping[str, Any] = {"sample": sample}
    async with running(parts(**config), clock=clock, telemetry=telemetry) as service:
        yield service
