"""Several workers of a service: real processes, real sockets, real signals."""

from __future__ import annotations

import http.client
import json
import os
import select
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
import pytest
from anyio.abc import SocketStream

from cubekit import CubekitError, Event
from cubekit.runtime.bus import Bus
from cubekit.workers.control import Control, ask
from cubekit.workers.link import Link
from cubekit.workers.messages import Lines, encode
from cubekit.workers.questions import Questions

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

class Hanging(Cube):
    async def health_check(self):
        await anyio.sleep_forever()
"""


@pytest.fixture
def service(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    info = tmp_path / "site" / "workercubes-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: workercubes\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(
        "[cubekit.feature]\nworker = workercubes:Worker\none = workercubes:One\nhanging = workercubes:Hanging\n"
    )
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

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        assert process.stdout is not None
        self.events = map(json.loads, process.stdout)
        ready = next(event for event in self.events if event["event"] == "ready")
        assert ready["workers"] == 2
        self.control = Path(ready["control"])
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

    def pids(self) -> set[int]:
        return {worker["pid"] for worker in self.request("/cubes")["workers"] if worker["answers"]}

    def answering(self) -> set[int]:
        """The processes that answer: connections are spread, so a number of them finds both."""
        return {self.call("pid") for _ in range(40)}

    def until_note(self, text: str) -> None:
        next(event for event in self.events if event["event"] == "workers" and text in event["note"])


@contextmanager
def up(service: Path, *arguments: str) -> Iterator[Up]:
    command = [sys.executable, "-m", "cubekit.cli", "up", str(service), "--json", "--set", "http.port=0", *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            yield Up(process)
        finally:
            if process.poll() is None:
                process.kill()


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


def test_a_check_that_hangs_does_not_make_a_worker_look_dead(service: Path) -> None:
    service.write_text(service.read_text() + '[cubes.h]\nuse = "hanging"\noptional = true\n[health]\ntimeout = "2s"\n')
    with up(service) as running:
        checks = running.request("/health")["checks"]
        assert [check["status"] for check in checks["w:state"]] == ["pass", "pass"]
        assert [(check["status"], check["output"]) for check in checks["h:state"]] == [
            ("fail", "health_check() did not answer within 2 s")
        ] * 2
        assert "worker:responsive" not in checks


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
    async with await SocketStream.from_socket(ours) as master, anyio.create_task_group() as tasks:
        tasks.start_soon(link.run)
        link.publish(Local(what=object()))  # cannot be written
        await master.send(encode({"do": "publish", "kind": f"{__name__}:nowhere", "event": {}}))
        await master.send(encode({"do": "collect", "number": 3, "what": "metrics"}))
        (answer,) = Lines().feed(await master.receive())
        assert answer == {"do": "collected", "number": 3, "data": None}
        tasks.cancel_scope.cancel()
    assert len([record for record in caplog.records if record.name == "cubekit.workers"]) == 3


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


def test_questions_are_answered_when_all_have_answered() -> None:
    asked = Questions()
    question = asked.ask(7, 1, [(0, 7), (1, 8)])
    assert asked.patience() is not None
    assert list(asked.collect(question, 8, "b")) == []
    assert list(asked.collect(question, 8, "again")) == []
    ((asker, answer),) = asked.collect(question, 7, "a")
    assert asker == 7
    assert answer == {"do": "answer", "number": 1, "parts": [[0, 7, "a"], [1, 8, "b"]]}
    assert list(asked.collect(question, 7, "late")) == []
    assert asked.patience() is None


def test_questions_do_not_wait_for_the_dead_or_for_ever() -> None:
    asked = Questions()
    first = asked.ask(7, 1, [(0, 7), (1, 8)])
    list(asked.collect(first, 7, "a"))
    ((_, answer),) = asked.gone(8)
    assert answer["parts"] == [[0, 7, "a"], [1, 8, None]]
    asked = Questions(patience=0.0)
    asked.ask(7, 2, [(0, 7)])
    ((_, answer),) = asked.overdue()
    assert answer["parts"] == [[0, 7, None]]
