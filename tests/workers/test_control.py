"""The control socket of a master."""

from __future__ import annotations

import os
import selectors
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from cubekit import CubekitError
from cubekit.workers import control as module
from cubekit.workers.commands import ask, control_path
from cubekit.workers.control import Client, Control

from .running import up


def test_the_control_socket(service: Path) -> None:
    with up(service) as running:
        assert oct(running.control.stat().st_mode)[-3:] == "600"
        before = running.pids()
        assert ask(running.control, "nonsense")["done"] is False
        command = [sys.executable, "-m", "cubekit.cli", "replace", str(running.control)]
        assert subprocess.run(command, capture_output=True, timeout=60, check=False).returncode == 0
        assert not before & running.pids()
        running.process.send_signal(signal.SIGTERM)
        assert running.process.wait(timeout=20) == 0
        assert not running.control.exists()
        gone = subprocess.run([*command, "--json"], capture_output=True, text=True, timeout=60, check=False)
        assert gone.returncode == 6


def test_a_control_socket_that_was_left_is_taken_over_and_a_living_one_is_not(tmp_path: Path) -> None:
    path = tmp_path / "x.sock"
    left = Control(path)
    left.socket.close()
    control = Control(path)
    with pytest.raises(CubekitError, match="another master has it"):
        Control(path)
    control.close()


def connect(path: Path) -> socket.socket:
    client = socket.socket(socket.AF_UNIX)
    client.settimeout(20)
    client.connect(os.fspath(path))
    return client


@pytest.mark.parametrize(
    "sent", [b"[" * 4000 + b"\n", b"x" * 5000, b"nonsense\n", b"\xff\n", b"[]\n", b'{"do": "nonsense"}\n']
)
def test_what_is_no_command_harms_nobody(service: Path, sent: bytes) -> None:
    with up(service) as running:
        with connect(running.control) as client:
            client.sendall(sent)
            assert b'"done":false,"problem":"' in client.recv(1000)
        assert len(running.answering()) == 2


@pytest.fixture
def step(tmp_path: Path) -> Iterator[Callable[[], list[object]]]:
    """Makes one step of a master that has nothing but its control socket; returns the commands."""
    control = Control(tmp_path / "x.sock")
    selector = selectors.DefaultSelector()
    control.register(selector)

    def step() -> list[object]:
        happened = [key.data for key, _ in selector.select(max(0.0, min(1.0, control.patience())))]
        found = [control.command(one) for one in happened]
        for command in found:
            if command is not None:
                control.answer(command[0], {"done": True})
        control.tidy()
        return [command[1] for command in found if command is not None]

    yield step
    control.close()
    selector.close()


def test_clients_are_limited_and_so_is_their_time(
    tmp_path: Path, step: Callable[[], list[object]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_PATIENCE", 0.2)
    monkeypatch.setattr(module, "_PAUSE", 0.01)
    idle = [connect(tmp_path / "x.sock") for _ in range(module._MOST_CLIENTS + 8)]
    with connect(tmp_path / "x.sock") as last:
        last.sendall(b'{"do": "replace"}\n')
        while not step():
            pass
        assert last.recv(100) == b'{"done":true}\n'
    for client in idle:
        while not _readable(client):
            step()
        assert b"no command has come" in client.recv(1000)
        client.close()


def _readable(client: socket.socket) -> bool:
    with selectors.DefaultSelector() as selector:
        selector.register(client, selectors.EVENT_READ)
        return bool(selector.select(0))


def test_no_more_files_are_no_reason_to_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(module, "_PAUSE", 0.0)
    control = Control(tmp_path / "x.sock")
    with selectors.DefaultSelector() as selector, connect(control.path):
        control.register(selector)
        with monkeypatch.context() as patched:
            patched.setattr(socket.socket, "accept", _no_more_files)
            assert control.command(control) is None
        assert "Too many open files" in caplog.text
        assert not selector.get_map()
        control.tidy()
        control.command(control)
        assert len([key for key in selector.get_map().values() if isinstance(key.data, Client)]) == 1
    control.close()


def _no_more_files(self: socket.socket) -> None:
    raise OSError(24, "Too many open files")


def test_only_a_private_directory_will_do(tmp_path: Path) -> None:
    (tmp_path / "open").mkdir(mode=0o755)
    (tmp_path / "file").touch()
    (tmp_path / "link").symlink_to(tmp_path)
    for parent, says in (("open", "chmod 700"), ("file", "File exists"), ("link", "no directory of this user")):
        with pytest.raises(CubekitError, match=says) as caught:
            Control(tmp_path / parent / "x.sock")
        assert caught.value.diagnostics[0].fix
    with pytest.raises(CubekitError, match="path too long"):
        Control(tmp_path / f"{'x' * 200}.sock")


def test_every_address_of_every_service_has_a_path_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    names = ["a", "b", "a/b", "긴" * 50, "x" * 300]
    paths = {control_path(name, host, port) for name in names for host in ("::1", "127.0.0.1") for port in (1, 2)}
    assert len(paths) == 20
    assert max(len(os.fsencode(path)) for path in paths) <= 100
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path / ("x" * 99)))
    assert len(os.fsencode(control_path("a", "::1", 1))) <= 100


def test_a_socket_of_somebody_else_is_no_master(tmp_path: Path) -> None:
    path = tmp_path / "other.sock"
    with socket.socket(socket.AF_UNIX) as other:
        other.bind(os.fspath(path))
        other.listen()

        def answer() -> None:
            connection, _ = other.accept()
            with connection:
                connection.recv(100)
                connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")

        thread = threading.Thread(target=answer)
        thread.start()
        with pytest.raises(CubekitError, match="no master of cubekit"):
            ask(path, "replace")
        thread.join()
    with pytest.raises(CubekitError, match="too long"):
        ask(tmp_path / ("x" * 200), "replace")


def test_a_port_that_is_taken_is_refused_before_anybody_notices(service: Path, tmp_path: Path) -> None:
    with up(service) as running:
        for text in (service.read_text(), service.read_text().replace('"many"', '"other"')):
            other = tmp_path / "other.toml"
            other.write_text(text)
            command = [sys.executable, "-m", "cubekit.cli", "up", str(other), "--set", f"http.port={running.port}"]
            ended = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
            assert ended.returncode == 1
            assert f"127.0.0.1:{running.port} is in use by another program [CK405]" in ended.stderr
        with up(service, "--set", f"http.port={running.port}", "--set", "http.host=127.0.0.2") as elsewhere:
            assert elsewhere.port == running.port
            assert elsewhere.control != running.control
        assert len(running.answering()) == 2
