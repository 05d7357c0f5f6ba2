"""What workers and their master say to each other."""

from __future__ import annotations

import itertools
import math
import selectors
import socket

import anyio
import anyio.to_thread
import pytest
from anyio.abc import SocketStream

from cubekit import Event
from cubekit.runtime.bus import Bus
from cubekit.runtime.clock import SystemClock
from cubekit.runtime.healing import Healing
from cubekit.workers.link import Link
from cubekit.workers.messages import Lines, Outgoing, encode
from cubekit.workers.processes import Process, Slot
from cubekit.workers.questions import Questions
from cubekit.workers.switchboard import Switchboard


@pytest.mark.anyio
async def test_what_a_link_cannot_carry_harms_nobody(caplog: pytest.LogCaptureFixture) -> None:
    class Local(Event):
        """Of a class that no other process can find."""

        what: object = None

    ours, theirs = socket.socketpair()
    for end in (ours, theirs):
        end.setblocking(False)
    bus = Bus()
    link = Link(theirs, bus, Healing(SystemClock(), bus))

    async def fail() -> None:
        raise ZeroDivisionError("in a cube")

    link.offer("metrics", fail)

    async def strange() -> object:
        return {"object": object()}

    link.offer("health", strange)
    async with await SocketStream.from_socket(ours) as master, anyio.create_task_group() as tasks:
        tasks.start_soon(link.run)
        link.publish(Local(what=object()))  # cannot be written
        await master.send(encode({"do": "publish", "kind": f"{__name__}:nowhere", "event": {}}))
        for number, what in enumerate(("metrics", "health")):
            await master.send(encode({"do": "collect", "number": number, "what": what}))
            (answer,) = Lines().feed(await master.receive())
            assert answer == {"do": "collected", "number": number, "what": what, "data": None}
        link.publish(Local(what="\udc80"))  # half a character
        (event,) = Lines().feed(await master.receive())
        assert event["event"] == {"what": "\udc80"}
        tasks.cancel_scope.cancel()
    assert len([record for record in caplog.records if record.name == "cubekit.workers"]) == 4


@pytest.mark.anyio
async def test_a_link_ends_quietly_while_events_flow(caplog: pytest.LogCaptureFixture) -> None:
    ours, theirs = socket.socketpair()
    theirs.setblocking(False)
    bus = Bus()
    link = Link(theirs, bus, Healing(SystemClock(), bus))
    with anyio.fail_after(20):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(link.run)
            link.publish(Event())
            assert await anyio.to_thread.run_sync(ours.recv, 1 << 16)
            for _ in range(10_000):
                link.publish(Event())
            await anyio.wait_all_tasks_blocked()  # no more fits into the channel
            ours.close()
    assert not caplog.records


@pytest.mark.anyio
async def test_a_link_loses_events_when_nobody_reads_but_nothing_else(caplog: pytest.LogCaptureFixture) -> None:
    ours, theirs = socket.socketpair()
    theirs.setblocking(False)
    bus = Bus()
    link = Link(theirs, bus, Healing(SystemClock(), bus))
    while not bus.dropped:
        link.publish(Event())
    link.publish(Event())
    link.say({"do": "ready"})
    assert (bus.dropped, len(caplog.records)) == (2, 1)
    lines, last = Lines(), None
    async with await SocketStream.from_socket(ours) as master, anyio.create_task_group() as tasks:
        tasks.start_soon(link.run)
        while last != "ready":
            for message in lines.feed(await master.receive()):
                last = message["do"]
        tasks.cancel_scope.cancel()


def test_a_switchboard_forgets_a_channel_that_was_closed() -> None:
    slot = Slot(0, [])
    ours, theirs = socket.socketpair()
    ours.setblocking(False)
    worker = slot.serving = Process(slot, 1, ours)
    with selectors.DefaultSelector() as selector:
        switchboard = Switchboard(selector, [slot], Questions(), lambda _: None)
        switchboard.connect(worker)
        theirs.close()
        ((key, _),) = selector.select(20)
        switchboard.receive(key.data)
        switchboard.send()
        assert not selector.get_map()
        switchboard.disconnect(worker)


@pytest.mark.parametrize("sizes", [[1], [3, 50, 1000], [1 << 20]])
def test_what_is_sent_in_pieces_arrives_in_order(sizes: list[int]) -> None:
    outgoing, lines = Outgoing(), Lines()
    for number in range(300):
        outgoing.add(encode({"number": number}))
    arrived: list[int] = []
    size = itertools.cycle(sizes)
    while outgoing:
        piece = b"".join(outgoing.first())[: next(size)]
        arrived += [message["number"] for message in lines.feed(piece)]
        outgoing.sent(len(piece))
    assert arrived == list(range(300))


def test_questions_are_answered_when_all_have_answered() -> None:
    asked = Questions()
    question = asked.ask(7, 1, "health", [(0, 7), (1, 8)], [(2, 9)])
    assert asked.patience() > 0
    assert list(asked.collect(question, 8, "b")) == []
    assert list(asked.collect(question, 8, "again")) == []
    (found,) = asked.collect(question, 7, "a")
    assert found.asker == 7
    assert found.answer() == {"do": "answer", "number": 1, "parts": [[0, 7, "a"], [1, 8, "b"], [2, 9, None]]}
    assert list(asked.collect(question, 7, "late")) == []
    assert asked.patience() == math.inf


def test_questions_do_not_wait_for_the_dead_or_for_ever() -> None:
    asked = Questions()
    first = asked.ask(7, 1, "health", [(0, 7), (1, 8), (2, 9)])
    list(asked.collect(first, 7, "a"))
    list(asked.collect(first, 8, "b"))
    assert asked.gone(8) == []
    (found,) = asked.gone(9)
    assert found.answer()["parts"] == [[0, 7, "a"], [1, 8, None], [2, 9, None]]
    asked.ask(7, 2, "health", [], [(0, 7)])
    assert asked.patience() < 0
    assert len(asked.overdue()) == 1
    asked = Questions(patience=0.0)
    asked.ask(7, 3, "health", [(0, 7)])
    (found,) = asked.overdue()
    assert found.answer()["parts"] == [[0, 7, None]]
