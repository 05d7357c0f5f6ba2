"""A service that cannot run here: its composition, its port, and what it connects to."""

from __future__ import annotations

import datetime
import json
import os
import socket
import ssl
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.doctor.installation import Installation, Report

CUBE = '''"""Connects."""
from pydantic import BaseModel, HttpUrl, SecretStr
from cubekit import Cube

class Config(BaseModel):
    url: HttpUrl | None = None
    database: SecretStr | None = None
    brokers: list[str] = []
    cache: dict[str, object] = {}
    issuer: str = "https://issuer.invalid"
    standard: str = "redis://127.0.0.1:%d/0"

class It(Cube[Config]):
    """Connects."""
'''


@pytest.fixture
def listener() -> Iterator[int]:
    """A port that accepts connections."""
    with socket.create_server(("127.0.0.1", 0)) as sock:
        yield sock.getsockname()[1]


@pytest.fixture
def closed() -> int:
    """A port that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as sock:
        port: int = sock.getsockname()[1]
    return port


def service(installation: Installation, text: str, standard: int) -> Path:
    """A service with the cube ``talker``, whose standard address has a port."""
    installation.cube("talker", CUBE % standard)
    path = installation.root / "service.toml"
    path.write_text(f'[service]\nname = "talk"\n[cubes.talker]\nuse = "talker"\n{text}')
    return path


def services(report: Report) -> dict[str, dict[str, Any]]:
    return {one["subject"]: one for one in report.of("services")}


def test_what_answers_is_fine(installation: Installation, listener: int) -> None:
    path = service(installation, f'config.url = "http://127.0.0.1:{listener}/x"\n', listener)
    report = installation.examine(path)
    assert report.status == 0
    found = services(report)
    assert found.keys() == {f"http://127.0.0.1:{listener}", f"redis://127.0.0.1:{listener}"}
    assert {one["severity"] for one in found.values()} == {"ok"}
    assert [one["severity"] for one in report.of("composition")] == ["ok"]


ASKER = '''"""Asks."""
from typing import Annotated, Protocol
from cubekit import Cube, contract

@contract("test.words", version="1.0")
class Words(Protocol):
    async def look_up(self, word: str) -> str: ...

class It(Cube):
    """Asks."""

    words: Annotated[Words, ">=1,<2"]
'''
REMOTE = """[service]
name = "asking"
[cubes.asker]
use = "asker"
[discovery.dictionary]
url = "http://127.0.0.1:%d"
[cubes.words]
use = "words"
from = "dictionary"
colour = "feature"
contracts = ["test.words@1.0"]
"""


def test_the_service_of_a_remote_cube_is_asked(installation: Installation, listener: int, closed: int) -> None:
    installation.cube("asker", ASKER)
    path = installation.root / "service.toml"
    for port, status in ((listener, 0), (closed, 6)):
        path.write_text(REMOTE % port)
        report = installation.examine(path)
        assert report.status == status
        assert services(report).keys() == {f"http://127.0.0.1:{port}"}
        assert [one["severity"] for one in report.of("composition")] == ["ok"]


def test_only_what_does_not_answer_is_6(installation: Installation, listener: int, closed: int) -> None:
    installation.environment["DATABASE"] = f"postgresql+asyncpg://me:secret@127.0.0.1:{closed},127.0.0.1:{listener}/db"
    text = f"""config.database = {{ env = "DATABASE" }}
config.brokers = ["nats://127.0.0.1:{listener}", "amqp://no-such-host.invalid"]
config.cache = {{ host = "127.0.0.1", port = {closed} }}
"""
    report = installation.examine(service(installation, text, listener))
    assert report.status == 6
    found = services(report)
    assert f"postgresql://127.0.0.1:{closed}" in found
    assert found[f"postgresql://127.0.0.1:{closed}"]["line"] == 5
    assert found[f"postgresql://127.0.0.1:{closed}"]["unreachable"]
    assert "Connection refused" in found[f"postgresql://127.0.0.1:{closed}"]["text"]
    assert found[f"tcp://127.0.0.1:{closed}"]["line"] == 7
    assert found[f"nats://127.0.0.1:{listener}"]["severity"] == "ok"
    broker = found["amqp://no-such-host.invalid:5672"]
    assert (broker["severity"], broker["line"]) == ("error", 6)
    assert not any("issuer" in subject for subject in found)
    assert "secret" not in json.dumps(report.payload).replace('"secrets"', "")


def test_the_default_of_a_cube_is_connected_to_unless_in_safe_mode(installation: Installation, closed: int) -> None:
    path = service(installation, "", closed)
    assert f"redis://127.0.0.1:{closed}" in services(installation.examine(path))
    assert installation.examine(path, "--safe-mode").status == 0


def test_what_an_optional_cube_connects_to_is_a_warning(installation: Installation, closed: int) -> None:
    report = installation.examine(service(installation, "optional = true\n", closed))
    assert report.status == 0
    assert report.only("services", "warning")["unreachable"]
    assert installation.examine(installation.root, "--set", "cubes.talker.optional=false").status == 6


def test_an_error_and_something_that_does_not_answer_is_1(installation: Installation, closed: int) -> None:
    installation.cube("broken", "raise ValueError\n")
    assert installation.examine(service(installation, "", closed)).status == 1


def test_a_composition_that_is_wrong(installation: Installation, listener: int) -> None:
    path = service(installation, 'config.sauce = 1\n[cubes.other]\nuse = "nobody"\n', listener)
    report = installation.examine(path)
    assert report.status == 1
    found = report.of("composition", "error")
    assert [(one["code"], one["line"]) for one in found] == [("CK103", 5), ("CK201", 7)]
    path.write_text("[service\n")
    assert installation.run(path).returncode == 4


def test_a_cube_that_hangs_in_composing(installation: Installation, listener: int) -> None:
    path = service(installation, "", listener)
    (installation.site / "talker.py").write_text("import threading\nthreading.Event().wait()\n")
    found = installation.examine("--import-timeout", "8", path).only("composition", "error")
    assert "was not done after 8 s" in found["text"]
    assert (found["file"], found["line"]) == (str(installation.site / "talker.py"), 2)


def test_a_port_that_somebody_has(installation: Installation, listener: int) -> None:
    path = service(installation, f"[http]\nport = {listener}\n", listener)
    report = installation.examine("--safe-mode", path)
    assert report.status == 1
    found = report.only("port", "error")
    assert (found["code"], found["line"]) == ("CK405", 6)
    assert f"process {os.getpid()}" in found["text"]


def test_the_port_of_the_service_itself(installation: Installation, closed: int) -> None:
    path = service(installation, f"[http]\nport = {closed}\n", closed)
    assert installation.examine("--safe-mode", path).of("port", "ok")[0]["text"] == "is free on 127.0.0.1"
    environment = {**os.environ, "PYTHONPATH": str(installation.site)}
    command = [sys.executable, "-m", "cubekit.cli", "up", str(path), "--json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as running:
        assert running.stdout is not None
        assert any(json.loads(line).get("event") == "ready" for line in running.stdout)
        report = installation.examine("--safe-mode", path)
        running.terminate()
    assert report.of("port", "ok")[0]["text"] == 'the service "talk" runs there'


@contextmanager
def encrypted(directory: Path) -> Iterator[int]:
    """A TLS server whose certificate nobody has signed."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.datetime.now(datetime.UTC)
    day = datetime.timedelta(days=1)
    builder = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number(), now - day, now + day)
    certificate = builder.sign(key, hashes.SHA256())
    file = directory / "server.pem"
    private = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    file.write_bytes(key.private_bytes(*private) + certificate.public_bytes(serialization.Encoding.PEM))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            connection, _ = listener.accept()
            with connection, pytest.raises((ssl.SSLError, OSError)):
                context.wrap_socket(connection, server_side=True).recv(1)
                raise OSError("it trusts anybody")

        thread = threading.Thread(target=serve)
        thread.start()
        yield listener.getsockname()[1]
        thread.join()


def test_a_certificate_that_is_not_trusted(installation: Installation, listener: int, tmp_path: Path) -> None:
    with encrypted(tmp_path) as port:
        path = service(installation, f'config.url = "https://127.0.0.1:{port}"\n', listener)
        found = installation.examine(path).only("services", "warning")
    assert "its certificate is not trusted here: " in found["text"]
    assert found["line"] == 5
