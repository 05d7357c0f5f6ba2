"""Several workers of a service: real processes, real sockets, real signals."""

from __future__ import annotations

import http.client
import itertools
import json
import os
import select
import selectors
import signal
import socket
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import anyio
import anyio.to_thread
import pytest
from anyio.abc import SocketStream

from cubekit import CubekitError, Event
from cubekit.runtime.bus import Bus
from cubekit.workers import questions
from cubekit.workers.control import Control, ask
from cubekit.workers.link import Link
from cubekit.workers.messages import Lines, Outgoing, encode
from cubekit.workers.processes import Process, Slot
from cubekit.workers.questions import Questions
from cubekit.workers.switchboard import Switchboard

_CUBES = """
import os
import anyio
from cubekit import Cache, Cube, Event, operation

class Changed(Event):
    what: str

class Worker(Cube):
    value = 0

    async def start(self) -> None:
        if os.environ.get("FAIL") or os.path.exists("fail"):
            raise ValueError("not today")
        if os.path.exists("gate"):
            async with await anyio.open_file("gate") as gate:
                await gate.read()
        if os.path.exists("forever"):
            await anyio.sleep_forever()
        self.subscription = self.events.subscribe(Changed)
        self.tasks.start_soon(self.listen)

    async def listen(self) -> None:
        async for event in self.subscription:
            self.value += 1

    @operation
    async def pid(self) -> int:
        return os.getpid()

    @operation
    async def heard(self) -> list[int]:
        return [os.getpid(), self.value]

    @operation
    async def change(self) -> int:
        self.events.publish(Changed(what="x"))
        return os.getpid()

    @operation
    async def die(self) -> None:
        os.abort()

class One(Cube, exclusive=True):
    pass
"""


@pytest.fixture
def service(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    info = tmp_path / "site" / "workercubes-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: workercubes\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[cubekit.feature]\nworker = workercubes:Worker\none = workercubes:One\n")
    (tmp_path / "site" / "workercubes.py").write_text(_CUBES)
    monkeypatch.setenv("CUBEKIT_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "site"))
    file = tmp_path / "service.toml"
    file.write_text('[service]\nname = "many"\n[http]\nworkers = 2\n[cubes.w]\nuse = "worker"\n')
    return file


class Up:
    """A running service with workers."""

    def __init__(self, process: subprocess.Popen[str], workers: int) -> None:
        self.process = process
        assert process.stdout is not None
        self.events = map(json.loads, process.stdout)
        ready = next(event for event in self.events if event["event"] == "ready")
        assert ready["workers"] == workers
        self.control = Path(ready.get("control", "/nonexistent"))
        self.port = int(ready["url"].rpartition(":")[2])

    def request(self, path: str, method: str = "GET", body: str | None = None) -> Any:
        """Ask on a connection of its own; returns JSON, or text."""
        with closing(http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)) as connection:
            connection.request(method, path, body, {"content-type": "application/json"})
            answer = connection.getresponse()
            text = answer.read().decode()
            assert answer.status == 200, text
            return json.loads(text) if "json" in answer.headers["content-type"] else text

    def call(self, operation: str) -> Any:
        return self.request(f"/api/v1/w/{operation}", "POST", "{}")["data"]

    def workers(self) -> dict[int, int]:
        """The process of each worker that answers, by its number."""
        workers = self.request("/cubes")["workers"]
        return {worker["worker"]: worker["pid"] for worker in workers if worker["answers"]}

    def pids(self) -> set[int]:
        return set(self.workers().values())

    def answering(self) -> set[int]:
        """The processes that answer: connections are spread, so a number of them finds both."""
        return {self.call("pid") for _ in range(40)}

    def calls_of_pid(self) -> float:
        """What the counter of all workers says."""
        begin = 'cubekit_operation_calls_total{instance="w",operation="pid",outcome="OK"} '
        return sum(
            float(line[len(begin) :]) for line in self.request("/metrics").splitlines() if line.startswith(begin)
        )

    def until_note(self, text: str) -> None:
        next(event for event in self.events if event["event"] == "workers" and text in event["note"])


def command(service: Path, *arguments: str) -> list[str]:
    return [sys.executable, "-m", "cubekit.cli", "up", str(service), "--json", "--set", "http.port=0", *arguments]


@contextmanager
def up(service: Path, *arguments: str, through: tuple[str, ...] = (), workers: int = 2) -> Iterator[Up]:
    """Run a service in a session of its own.

    :param through: a program that runs it.
    """
    whole = [*through, *command(service, "--set", f"http.workers={workers}", *arguments)]
    pipe = subprocess.PIPE
    with subprocess.Popen(whole, stdin=pipe, stdout=pipe, stderr=pipe, text=True, start_new_session=True) as process:
        try:
            yield Up(process, workers)
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)


def test_workers_share_a_port_and_speak_for_each_other(service: Path) -> None:
    with up(service) as running:
        pids = running.pids()
        assert len(pids) == 2
        assert running.answering() == pids
        metrics = running.request("/metrics")
        assert 'cubekit_operation_calls_total{instance="w",operation="pid",outcome="OK"} 40.0' in metrics
        assert {f'cubekit_worker_up{{worker="{number}"}} 1.0' for number in (0, 1)} <= set(metrics.splitlines())
        health = running.request("/health")
        assert health["status"] == "pass"
        assert [check["componentId"] for check in health["checks"]["w:state"]] == ["0", "1"]
        running.process.send_signal(signal.SIGTERM)
        assert running.process.wait(timeout=20) == 0


def test_events_reach_the_cubes_of_all_workers(service: Path) -> None:
    with up(service) as running:
        publishers = Counter(running.call("change") for _ in range(20))
        assert set(publishers) == running.pids()
        # The relay takes a moment; every answer is one more chance.
        heard: dict[int, int] = {}
        while set(heard.values()) != {20} or len(heard) < 2:
            pid, value = running.call("heard")
            assert value <= 20
            heard[pid] = value


def test_a_worker_that_dies_is_replaced_and_no_connection_waits_in_vain(service: Path) -> None:
    with up(service) as running:
        before = running.pids()
        victim = min(before)
        os.kill(victim, signal.SIGKILL)
        assert victim not in running.answering()
        after = running.pids()
        assert len(after) == 2
        assert victim not in after
        assert max(before) in after
        with closing(http.client.HTTPConnection("127.0.0.1", running.port, timeout=20)) as connection:
            connection.request("POST", "/api/v1/w/die", "{}", {"content-type": "application/json"})
            with pytest.raises((http.client.HTTPException, ConnectionError)):
                connection.getresponse()
        assert len(running.answering()) == 2


def test_all_workers_may_die_at_once(service: Path) -> None:
    with up(service) as running:
        before = running.pids()
        for pid in before:
            os.kill(pid, signal.SIGKILL)
        for _ in before:
            running.until_note("another takes its place")
        assert not before & running.answering()


def test_workers_are_replaced_one_by_one_without_a_failed_request(service: Path) -> None:
    done = threading.Event()
    outcomes: Counter[object] = Counter()

    def load(port: int) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
        while not done.is_set():
            try:
                connection.request("POST", "/api/v1/w/pid", "{}", {"content-type": "application/json"})
                answer = connection.getresponse()
                answer.read()
                outcomes[answer.status] += 1
            except (http.client.HTTPException, OSError) as error:
                outcomes[repr(error)] += 1
        connection.close()

    with up(service) as running:
        threads = [threading.Thread(target=load, args=(running.port,)) for _ in range(4)]
        for thread in threads:
            thread.start()
        before = running.pids()
        running.process.send_signal(signal.SIGHUP)
        running.until_note("all workers have been replaced")
        done.set()
        for thread in threads:
            thread.join()
        assert outcomes.keys() == {200}
        assert not before & running.answering()


def test_the_control_socket(service: Path) -> None:
    with up(service) as running:
        assert oct(running.control.stat().st_mode)[-3:] == "600"
        before = running.pids()
        assert {worker["pid"] for worker in ask(running.control, "status")["workers"]} == before
        assert ask(running.control, "nonsense")["done"] is False
        command = [sys.executable, "-m", "cubekit.cli", "replace", str(running.control)]
        assert subprocess.run(command, capture_output=True, timeout=60, check=False).returncode == 0
        assert not before & running.pids()
        running.process.send_signal(signal.SIGTERM)
        assert running.process.wait(timeout=20) == 0
        assert not running.control.exists()
        gone = subprocess.run([*command, "--json"], capture_output=True, text=True, timeout=60, check=False)
        assert gone.returncode == 6


@contextmanager
def start_held() -> Iterator[None]:
    """Hold the next worker within its start; the block is entered once it is there."""
    if not os.path.exists("gate"):
        os.mkfifo("gate")
    with open("gate", "w"):  # waits for the worker, which then waits for the end of the block
        os.unlink("gate")
        yield


def test_a_worker_that_dies_while_its_successor_starts_keeps_its_place(service: Path) -> None:
    with up(service) as running:
        before = running.pids()
        first = running.workers()[0]
        running.process.send_signal(signal.SIGHUP)
        with start_held():
            os.kill(first, signal.SIGKILL)
            running.until_note("another takes its place")
        running.until_note("all workers have been replaced")
        after = running.workers()
        assert set(after) == {0, 1}
        assert running.answering() == set(after.values())
        assert not before & set(after.values())


def test_a_signal_to_the_whole_process_group_kills_no_worker(service: Path) -> None:
    with up(service) as running:
        before = running.pids()
        os.killpg(running.process.pid, signal.SIGHUP)
        notes = [
            event["note"]
            for event in itertools.takewhile(lambda event: "have been" not in event["note"], running.events)
        ]
        assert notes == ["replacing the workers one by one"]
        assert not before & running.answering()


_IN_A_TERMINAL = """
import os, pty, sys
out = os.dup(1)
pid, terminal = pty.fork()
if pid == 0:
    os.dup2(out, 1)
    os.execv(sys.argv[1], sys.argv[1:])
sys.stdin.read()
os.close(terminal)
sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
"""


@pytest.mark.parametrize("workers", [1, 2])
def test_a_service_whose_terminal_goes_stops(service: Path, workers: int) -> None:
    with up(service, through=(sys.executable, "-c", _IN_A_TERMINAL), workers=workers) as running:
        assert running.call("pid")
        assert running.process.stdin is not None
        running.process.stdin.close()
        assert running.process.wait(timeout=20) == 0


@pytest.mark.parametrize("workers", [1, 2])
def test_a_service_that_starts_can_be_stopped(service: Path, tmp_path: Path, workers: int) -> None:
    (tmp_path / "forever").touch()
    os.mkfifo("gate")
    pipe = subprocess.PIPE
    whole = command(service, "--set", f"http.workers={workers}")
    with subprocess.Popen(whole, stdout=pipe, stderr=pipe, text=True) as process:
        with start_held():
            process.send_signal(signal.SIGTERM)
        _, problems = process.communicate(timeout=20)
    assert (process.returncode, problems) == (0, "")


def test_counters_do_not_fall_when_workers_end(service: Path) -> None:
    with up(service) as running:
        assert len(running.answering()) == 2
        assert running.calls_of_pid() == 40
        os.kill(running.workers()[0], signal.SIGKILL)
        running.until_note("another takes its place")
        assert running.calls_of_pid() == 40
        assert len(running.answering()) == 2
        assert ask(running.control, "replace")["done"]
        assert running.calls_of_pid() == 80
        assert len(running.answering()) == 2
        assert running.calls_of_pid() == 120


def test_a_worker_that_is_away_is_said_to_be(service: Path) -> None:
    with up(service) as running, closing(http.client.HTTPConnection("127.0.0.1", running.port, timeout=20)) as one:

        def get(path: str) -> tuple[int, str]:
            one.request("GET", path)
            answer = one.getresponse()
            return answer.status, answer.read().decode()

        # This connection has one worker for good; the other one dies.
        workers = running.workers()
        one.request("POST", "/api/v1/w/pid", "{}", {"content-type": "application/json"})
        here = json.loads(one.getresponse().read())["data"]
        ((away, victim),) = ((number, pid) for number, pid in workers.items() if pid != here)
        os.mkfifo("gate")
        os.kill(victim, signal.SIGKILL)
        with start_held():
            status, text = get("/health")
            assert (status, json.loads(text)["status"]) == (503, "fail")
            assert json.loads(text)["checks"]["worker:responsive"] == [{"status": "fail", "componentId": str(away)}]
            assert f'cubekit_worker_up{{worker="{away}"}} 0.0' in get("/metrics")[1]
            assert [worker["answers"] for worker in json.loads(get("/cubes")[1])["workers"]].count(False) == 1
        assert len(running.answering()) == 2
        assert get("/health")[0] == 200


def test_a_successor_that_cannot_start_leaves_everything_as_it_is(service: Path, tmp_path: Path) -> None:
    with up(service) as running:
        before = running.pids()
        (tmp_path / "fail").touch()
        answer = ask(running.control, "replace")
        assert answer["done"] is False
        assert "its predecessor goes on" in answer["problem"]
        assert running.answering() == before


def test_a_control_socket_that_was_left_is_taken_over_and_a_living_one_is_not(tmp_path: Path) -> None:
    path = tmp_path / "x.sock"
    left = Control(path)
    left.socket.close()
    control = Control(path)
    with pytest.raises(CubekitError, match="another master has it"):
        Control(path)
    control.close()


def test_workers_end_with_their_master(service: Path) -> None:
    with up(service) as running:
        handles = [os.pidfd_open(pid) for pid in running.pids()]
        running.process.kill()
        for handle in handles:
            assert select.select([handle], [], [], 20)[0], "a process that has ended can be read"
            os.close(handle)


def test_a_worker_that_cannot_start(service: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FAIL", "1")
    command = [sys.executable, "-m", "cubekit.cli", "up", str(service), "--set", "http.port=0"]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert ended.returncode == 1
    assert "ValueError: not today [CK401]" in ended.stderr
    assert "could not start [CK407]" in ended.stderr


def test_what_must_be_one_is_refused(service: Path) -> None:
    service.write_text(service.read_text() + '[cubes.one]\nuse = "one"\n')
    command = [sys.executable, "-m", "cubekit.cli", "check", str(service), "--json"]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert ended.returncode == 4
    (found,) = json.loads(ended.stdout)["errors"]
    assert (found["code"], "exclusive" in found["message"]) == ("CK214", True)


@pytest.mark.anyio
async def test_what_a_link_cannot_carry_harms_nobody(caplog: pytest.LogCaptureFixture) -> None:
    class Local(Event):
        """Of a class that no other process can find."""

        what: object = None

    ours, theirs = socket.socketpair()
    for end in (ours, theirs):
        end.setblocking(False)
    bus = Bus()
    link = Link(theirs, bus)

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
    link = Link(theirs, Bus())
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
    link = Link(theirs, bus)
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
        switchboard = Switchboard(selector, [slot], lambda _: None)
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


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


def test_questions_are_answered_when_all_have_answered() -> None:
    asked = Questions()
    question = asked.ask(7, 1, "health", [(0, 7), (1, 8)], [(2, 9)])
    assert asked.patience() is not None
    assert list(asked.collect(question, 8, "b")) == []
    assert list(asked.collect(question, 8, "again")) == []
    (found,) = asked.collect(question, 7, "a")
    assert found.asker == 7
    assert found.answer() == {"do": "answer", "number": 1, "parts": [[0, 7, "a"], [1, 8, "b"], [2, 9, None]]}
    assert list(asked.collect(question, 7, "late")) == []
    assert asked.patience() is None


def test_questions_do_not_wait_for_the_dead_or_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = Questions()
    first = asked.ask(7, 1, "health", [(0, 7), (1, 8), (2, 9)])
    list(asked.collect(first, 7, "a"))
    list(asked.collect(first, 8, "b"))
    assert asked.gone(8) == []
    (found,) = asked.gone(9)
    assert found.answer()["parts"] == [[0, 7, "a"], [1, 8, None], [2, 9, None]]
    asked.ask(7, 2, "health", [], [(0, 7)])
    assert asked.patience() == 0
    assert len(asked.overdue()) == 1
    monkeypatch.setattr(questions, "PATIENCE", 0.0)
    asked.ask(7, 3, "health", [(0, 7)])
    (found,) = asked.overdue()
    assert found.answer()["parts"] == [[0, 7, None]]
