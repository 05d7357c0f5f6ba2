"""Registries behind an address: servers that send too much, something else, or elsewhere."""

from __future__ import annotations

import gzip
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from functools import partial
from http.server import BaseHTTPRequestHandler, SimpleHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import IPv4Address
from itertools import repeat
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519
from cryptography.x509.oid import NameOID

from cubekit.ground.diagnostics import CubekitError
from cubekit.registry.sources import Source
from cubekit.registry.trust import trusted_file
from tests.registry.market import Environment

Respond = Callable[[BaseHTTPRequestHandler], None]


@contextmanager
def answering(respond: Respond, tls: ssl.SSLContext | None = None) -> Iterator[str]:
    """A server that answers every GET in one way."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            respond(self)

        def log_message(self, format: str, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        if tls:
            server.socket = tls.wrap_socket(server.socket, server_side=True)
        thread = Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http{'s' if tls else ''}://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


@contextmanager
def served(directory: Path) -> Iterator[str]:
    """Any web server will do: this is the one of Python."""

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, format: str, *args: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(directory))) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


def endless(request: BaseHTTPRequestHandler) -> None:
    request.send_response(200)
    request.end_headers()
    with suppress(OSError):  # the reader has heard enough
        for piece in repeat(b"\n" * 2**16):
            request.wfile.write(piece)


def bomb(request: BaseHTTPRequestHandler) -> None:
    packed = gzip.compress(b"\n" * 2**24)
    request.send_response(200)
    request.send_header("Content-Encoding", "gzip")
    request.send_header("Content-Length", str(len(packed)))
    request.end_headers()
    with suppress(OSError):  # the reader has heard enough
        request.wfile.write(packed)


def refusal(source: Source, most: int = 2**20) -> str:
    with pytest.raises(CubekitError) as caught, source.ask("registry.toml", most=most) as answer:
        for _ in answer.pieces:
            pass
    assert caught.value.diagnostics[0].code == "CK601"
    return caught.value.diagnostics[0].message


@pytest.mark.parametrize("respond", [endless, bomb])
def test_a_server_that_sends_too_much(respond: Respond) -> None:
    with answering(respond) as url:
        assert refusal(Source("company", url)).endswith("registry.toml has more than 1048576 bytes")


def test_a_server_that_sends_more_than_was_signed(tmp_path: Path) -> None:
    (tmp_path / "root.json").write_text("{}", "utf-8")
    with answering(endless) as url, pytest.raises(CubekitError) as caught:
        trusted_file(Source("company", url, root=tmp_path / "root.json"), tmp_path / "kept", offline=False)
    assert caught.value.diagnostics[0].code == "CK609"


def test_a_server_that_sends_readers_to_where_anybody_may_answer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(certificate(tmp_path))
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "both.pem"))

    def found(request: BaseHTTPRequestHandler) -> None:
        request.send_response(200)
        request.end_headers()
        request.wfile.write(b"schema = 1\n")

    def redirect(request: BaseHTTPRequestHandler) -> None:
        request.send_response(302)
        request.send_header("Location", f"{elsewhere}/registry.toml")
        request.end_headers()

    with answering(found) as elsewhere, answering(redirect, tls) as url:
        assert refusal(Source("company", url)).endswith(
            f"registry.toml is redirected to {elsewhere}/registry.toml, which anybody on the way may change"
        )
    with answering(found, tls) as elsewhere, answering(redirect, tls) as url:
        assert Source("company", url).find("registry.toml") == b"schema = 1\n"


def certificate(directory: Path) -> Path:
    """A certificate for this machine, with its key."""
    key = ed25519.Ed25519PrivateKey.generate()
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "test")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number(), now, now + timedelta(1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(IPv4Address("127.0.0.1"))]), critical=False)
        .sign(key, None)
    )
    path = directory / "both.pem"
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path.write_bytes(private + made.public_bytes(serialization.Encoding.PEM))
    return path


def test_a_page_on_which_one_logs_in_does_not_take_the_place_of_a_good_copy(
    environment: Environment, service: Path, registry: Path
) -> None:
    with served(registry) as url:
        (service / "registry.toml").write_text(f'[registries.company]\nsource = "{url}"\n', "utf-8")
        environment.ok("search", cwd=service)
        (registry / "registry.toml").write_text("<html>Log in</html>", "utf-8")
        (problem,) = environment.refused(4, "search", cwd=service)
    assert (problem["code"], problem["file"], problem["line"]) == ("CK102", f"{url}/registry.toml", 1)
    assert len(environment.ok("search", "--offline", cwd=service)["cubes"]) == 2


@pytest.mark.parametrize("root", ["", 'root = "root.json"\n'], ids=["unsigned", "signed"])
def test_any_web_server_can_serve_a_registry(environment: Environment, service: Path, signed: Path, root: str) -> None:
    with served(signed) as url:
        (service / "registry.toml").write_text(f'[registries.company]\nsource = "{url}"\n{root}', "utf-8")
        planned = environment.run("registry", "add", "greeter", "--dry-run", cwd=service)
        warning = "whoever runs its server, or is on the way to it, chooses what you install"
        assert (warning in planned.stdout) is not bool(root)
        added = environment.ok("add", "greeter", cwd=service)
        assert added["unsigned"] == ([] if root else ["company"])
        assert environment.ok("verify", cwd=service)["valid"]
    assert environment.installed()["cubekit-greeter"] == "1.1.0"
    # The server is gone. What was fetched is enough, also to install again.
    (problem,) = environment.refused(6, "verify", cwd=service)
    assert problem["code"] == "CK601"
    assert environment.ok("verify", "--offline", cwd=service)["valid"]
    assert [one["name"] for one in environment.ok("search", "greeter", "--offline", cwd=service)["cubes"]] == [
        "greeter"
    ]
    environment.ok("remove", "greeter", cwd=service)
    environment.ok("add", "greeter", "--offline", cwd=service)
    assert environment.installed()["cubekit-greeter"] == "1.1.0"
