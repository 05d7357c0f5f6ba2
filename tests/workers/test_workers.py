"""Several workers of a service: real processes, real sockets, real signals."""

from __future__ import annotations

import http.client
import itertools
import json
import os
import select
import signal
import subprocess
import sys
import threading
from collections import Counter
from contextlib import closing
from pathlib import Path

import pytest

from cubekit.workers.commands import ask

from .running import command, start_held, up


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
def test_a_service_that_is_to_ignore_its_terminal_does(service: Path, workers: int) -> None:
    with up(service, through=("nohup",), workers=workers) as running:
        running.process.send_signal(signal.SIGHUP)
        assert running.call("pid")
        running.process.send_signal(signal.SIGTERM)
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


CALLS = 'cubekit_operation_calls_total{instance="w",operation="pid",outcome="OK"}'


def test_counters_do_not_fall_when_workers_end(service: Path) -> None:
    with up(service) as running:
        assert len(running.answering()) == 2
        assert running.counter(CALLS) == 40
        os.kill(running.workers()[0], signal.SIGKILL)
        running.until_note("another takes its place")
        assert running.counter(CALLS) == 40
        assert len(running.answering()) == 2
        assert ask(running.control, "replace")["done"]
        assert running.counter(CALLS) == 80
        assert len(running.answering()) == 2
        assert running.counter(CALLS) == 120


def others(connection: http.client.HTTPConnection, workers: dict[int, int]) -> dict[int, int]:
    """The workers that a connection does not lead to: it has one for good."""
    connection.request("POST", "/api/v1/w/pid", "{}", {"content-type": "application/json"})
    here = json.loads(connection.getresponse().read())["data"]
    return {number: pid for number, pid in workers.items() if pid != here}


def test_events_for_a_worker_that_is_stuck_get_lost_and_are_counted(service: Path) -> None:
    with up(service) as running, closing(http.client.HTTPConnection("127.0.0.1", running.port, timeout=20)) as one:
        (stuck,) = others(one, running.workers()).values()
        os.kill(stuck, signal.SIGSTOP)
        for _ in range(10):
            one.request("POST", "/api/v1/w/shout", "{}", {"content-type": "application/json"})
            assert one.getresponse().read() == b'{"success":true,"data":null}'
        os.kill(stuck, signal.SIGCONT)
        assert running.counter("cubekit_events_dropped_total") > 0
        assert stuck in running.answering()


def test_a_worker_that_is_away_is_said_to_be(service: Path) -> None:
    with up(service) as running, closing(http.client.HTTPConnection("127.0.0.1", running.port, timeout=20)) as one:

        def get(path: str) -> tuple[int, str]:
            one.request("GET", path)
            answer = one.getresponse()
            return answer.status, answer.read().decode()

        ((away, victim),) = others(one, running.workers()).items()
        os.mkfifo("gate")
        os.kill(victim, signal.SIGKILL)
        with start_held():
            status, text = get("/health")
            assert (status, json.loads(text)["status"]) == (503, "fail")
            (silent,) = json.loads(text)["checks"]["worker:responsive"]
            assert (silent["status"], silent["componentId"]) == ("fail", str(away))
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


def test_workers_end_with_their_master(service: Path) -> None:
    with up(service) as running:
        handles = [os.pidfd_open(pid) for pid in running.pids()]
        running.process.kill()
        for handle in handles:
            assert select.select([handle], [], [], 20)[0], "a process that has ended can be read"
            os.close(handle)


def test_a_worker_that_cannot_start(service: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FAIL", "1")
    whole = [sys.executable, "-m", "cubekit.cli", "up", str(service), "--set", "http.port=0"]
    ended = subprocess.run(whole, capture_output=True, text=True, timeout=60, check=False)
    assert ended.returncode == 1
    assert "ValueError: not today [CK401]" in ended.stderr
    assert "could not start [CK407]" in ended.stderr


def test_what_must_be_one_is_refused(service: Path) -> None:
    service.write_text(service.read_text() + '[cubes.one]\nuse = "one"\n')
    whole = [sys.executable, "-m", "cubekit.cli", "check", str(service), "--json"]
    ended = subprocess.run(whole, capture_output=True, text=True, timeout=60, check=False)
    assert ended.returncode == 4
    (found,) = json.loads(ended.stdout)["errors"]
    assert (found["code"], "exclusive" in found["message"]) == ("CK214", True)


LEAKING = '[recycle]\nmemory = "150MiB"\nevery = "200ms"\n'


@pytest.mark.parametrize("workers", [1, 2])
def test_a_worker_with_too_much_memory_is_recycled_and_nobody_notices(service: Path, workers: int) -> None:
    service.write_text(service.read_text() + LEAKING)
    with up(service, workers=workers) as running:
        before = running.pids()
        leaking = running.call("leak")
        running.until_note("is recycled: it has")
        running.until_note("the worker has been replaced")
        after = running.pids()
        assert leaking not in after
        assert len(after) == workers
        assert len(after & before) == workers - 1
        assert running.answering() == after
        [taken] = running.request("/cubes")["healing"]
        assert taken["step"] == "recycle"
        assert taken["reason"].endswith("and may have 150 MiB")


def test_a_worker_with_an_exclusive_cube_ends_before_its_successor_starts(service: Path) -> None:
    service.write_text(service.read_text() + LEAKING + '[cubes.one]\nuse = "one"\n')
    with up(service, workers=1) as running:
        leaking = running.call("leak")
        running.until_note("the worker has been replaced")
        assert leaking not in running.answering()
        assert running.request("/health")["status"] == "pass"


def test_growth_counts_from_when_a_worker_was_settled(service: Path) -> None:
    policy = '[recycle]\ngrowth = "60MiB"\nsettled = "100ms"\nevery = "100ms"\n'
    service.write_text(service.read_text() + policy)
    with up(service, workers=1) as running:
        [leaking] = running.pids()
        while running.pids() == {leaking}:
            running.call("leak", mib=5)
        running.until_note("is recycled: it has grown by")
        running.until_note("the worker has been replaced")


def test_a_limit_that_no_worker_can_keep_recycles_nobody(service: Path) -> None:
    service.write_text(service.read_text() + '[recycle]\nmemory = "20MiB"\nevery = "50ms"\n')
    with up(service, workers=1) as running:
        [before] = running.pids()
        for _ in range(40):
            assert running.call("pid") == before
        assert running.request("/cubes")["healing"] == []


def test_who_asks_for_a_replacement_while_one_worker_is_recycled_gets_it(service: Path) -> None:
    service.write_text(service.read_text() + LEAKING)
    with up(service) as running:
        before = running.pids()
        os.mkfifo("gate")
        running.call("leak")
        running.until_note("is recycled: it has")
        with start_held():
            running.process.send_signal(signal.SIGHUP)
        running.until_note("the worker has been replaced")
        running.until_note("all workers have been replaced")
        assert not running.pids() & before
