"""Events between cubes."""

from __future__ import annotations

import pytest

from cubekit import Cube, Event, operation
from cubekit.runtime.bus import Bus
from cubekit.testing import running

pytestmark = pytest.mark.anyio


class Drawn(Event, topic="chart.drawn"):
    number: int


class Redrawn(Drawn):
    pass


class Erased(Event):
    pass


def test_topics() -> None:
    assert (Drawn.topic, Redrawn.topic, Erased.topic) == ("chart.drawn", "redrawn", "erased")


async def test_a_listener_hears_its_class_and_derived_classes_from_now_on() -> None:
    bus = Bus()
    bus.publish(Drawn(number=0))
    with bus.subscribe(Drawn) as drawn:
        bus.publish(Drawn(number=1))
        bus.publish(Erased())
        bus.publish(Redrawn(number=2))
    bus.publish(Drawn(number=3))
    assert [event.number async for event in drawn] == [1, 2]


async def test_a_slow_listener_loses_its_oldest_events_and_it_is_counted(caplog: pytest.LogCaptureFixture) -> None:
    bus = Bus(buffer=2)
    with bus.subscribe(Drawn) as drawn:
        for number in range(5):
            bus.publish(Drawn(number=number))
    assert [event.number async for event in drawn] == [3, 4]
    assert bus.dropped == 3
    assert len([record for record in caplog.records if "does not keep up" in record.message]) == 1


async def test_cubes_publish_and_subscribe() -> None:
    class Drawer(Cube):
        @operation
        async def draw(self, number: int) -> None:
            self.events.publish(Drawn(number=number))

    class Listener(Cube):
        def __init__(self) -> None:
            self.heard: list[int] = []

        async def start(self) -> None:
            self.tasks.start_soon(self._listen, self.events.subscribe(Drawn))

        async def _listen(self, drawn: object) -> None:
            async for event in drawn:  # type: ignore[attr-defined]
                self.heard.append(event.number)

        @operation
        async def heard_so_far(self) -> list[int]:
            return self.heard

    import anyio

    async with running({"drawer": Drawer, "listener": Listener}) as service:
        await service.call("drawer.draw", number=7)
        await anyio.wait_all_tasks_blocked()
        assert await service.call("listener.heardSoFar") == [7]
