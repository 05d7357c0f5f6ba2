"""For tests of cubes and services: run one in the test, fake what it needs, control the time, inject faults.

Works with asyncio and trio; `anyio`'s pytest plugin runs the tests::

    @pytest.mark.anyio
    async def test_greets() -> None:
        async with running({"hello": Hello}) as service:
            assert await service.call("hello.greet", name="Ada") == "Hello, Ada!"
"""

from __future__ import annotations

from cubekit.testing.clock import ControlledClock
from cubekit.testing.fakes import fake
from cubekit.testing.faults import blocking, crash, dead_collector, failing, full_disk, hanging, leaking, slow
from cubekit.testing.services import Part, compose_parts, http_client, running

__all__ = [
    "ControlledClock",
    "Part",
    "blocking",
    "compose_parts",
    "crash",
    "dead_collector",
    "failing",
    "fake",
    "full_disk",
    "hanging",
    "http_client",
    "leaking",
    "running",
    "slow",
]
