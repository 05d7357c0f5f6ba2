"""With TLS: a service is believed if its certificate is one of those that the service file trusts."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import anyio
import pytest
from anyio.abc import ByteStream, SocketAttribute
from anyio.streams.tls import TLSListener
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from cubekit.composition.remotes import DiscoverySection
from cubekit.runtime.remote.connection import Connection, Request
from cubekit.runtime.remote.wire import Broken

pytestmark = pytest.mark.anyio

ASKED = Request("GET", "/")


def certified(path: Path, name: str) -> tuple[Path, Path]:
    """Write a certificate of our own, and its key."""
    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.now(UTC)
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address(name))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    public, private = path / f"{name}.pem", path / f"{name}.key"
    public.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    form = serialization.PrivateFormat.PKCS8
    private.write_bytes(key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption()))
    return public, private


@asynccontextmanager
async def served(certificate: Path, key: Path) -> AsyncIterator[tuple[str, list[ByteStream]]]:
    """A server with a certificate; and what has connected to it."""
    taken: list[ByteStream] = []

    async def answer(stream: ByteStream) -> None:
        taken.append(stream)
        async with stream:
            try:
                while True:
                    await stream.receive()
                    await stream.send(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok")
            except (anyio.EndOfStream, anyio.BrokenResourceError):
                return

    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate, key)
    async with await anyio.create_tcp_listener(local_host="127.0.0.1") as plain, anyio.create_task_group() as tasks:
        port = plain.extra(SocketAttribute.local_port)  # noqa: S610 - no query of a database
        # What a client says that does not believe it is no error of the server.
        listener = TLSListener(plain, context, handshake_timeout=10)
        tasks.start_soon(listener.serve, answer)
        yield f"https://127.0.0.1:{port}", taken
        tasks.cancel_scope.cancel()


async def test_a_certificate_that_is_trusted(tmp_path: Path) -> None:
    certificate, key = certified(tmp_path, "127.0.0.1")
    async with served(certificate, key) as (url, taken):
        connection = Connection(DiscoverySection(url=url), certificate)
        for _ in range(3):
            assert (await connection.ask(ASKED)).body == b"ok"
        await connection.close()
        assert len(taken) == 1


@pytest.mark.parametrize(
    ("name", "trusted", "why"),
    [
        pytest.param("127.0.0.1", False, "self-signed certificate", id="of nobody known"),
        pytest.param("127.0.0.2", True, "IP address mismatch", id="of another host"),
    ],
)
async def test_others_are_not_believed(tmp_path: Path, name: str, trusted: bool, why: str) -> None:
    certificate, key = certified(tmp_path, name)
    async with served(certificate, key) as (url, taken):
        connection = Connection(DiscoverySection(url=url), certificate if trusted else None)
        with pytest.raises(Broken, match=why) as caught:
            await connection.ask(ASKED)
        assert not caught.value.sent
        assert taken == []
