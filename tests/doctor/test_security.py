"""Settings by which others may do more than was meant."""

from __future__ import annotations

from pathlib import Path

import pytest

from cubekit.cli.doctor.exposure import is_loopback
from tests.doctor.installation import Installation, Report

KEY = "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"


def examine(installation: Installation, text: str, *arguments: str) -> Report:
    (installation.root / "service.toml").write_text(f'[service]\nname = "open"\n{text}')
    return installation.examine("--safe-mode", *arguments, installation.root)


def told(report: Report, check: str) -> list[tuple[str, str, int | None]]:
    wrong = [one for one in report.of(check) if one["severity"] != "ok" and one["subject"] != "user"]
    return [(one["severity"], one["subject"], one["line"]) for one in wrong]


def test_nothing_is_open(installation: Installation) -> None:
    report = examine(installation, "")
    assert told(report, "exposure") == told(report, "secrets") == []


@pytest.mark.parametrize("host", ["0.0.0.0", ""])  # noqa: S104 - read, not bound
def test_everybody_is_let_in(installation: Installation, host: str) -> None:
    report = examine(installation, f'[http]\nhost = "{host}"\nport = 0\n')
    assert report.status == 0
    assert told(report, "exposure") == [("warning", "http.host", 4)] * 2
    assert examine(installation, f'[http]\nhost = "{host}"\nport = 0\n', "--strict").status == 1


def test_a_security_cube_leaves_the_endpoints_of_the_runtime_open(installation: Installation) -> None:
    points = "[cubekit.security]\ndoor = door:It\n"
    installation.install("door", entry_points=points, files={"door.py": "raise AssertionError('imported')"})
    report = examine(installation, '[http]\nhost = "0.0.0.0"\nport = 0\n[cubes.door]\nuse = "door>=1"\n')
    (found,) = [one for one in report.of("exposure", "warning") if one["subject"] == "http.host"]
    assert "/metrics" in found["text"]


def test_which_addresses_are_this_machine_alone() -> None:
    assert all(map(is_loopback, ("127.0.0.1", "localhost", "::1", "127.8.8.8")))
    assert not any(map(is_loopback, ("0.0.0.0", "", "::", "192.0.2.1", "shop.example.org")))  # noqa: S104 - read only


def test_origins(installation: Installation) -> None:
    origins = '[http]\ncors = ["https://a.org", "http://localhost:3000",\n  "http://a.org",\n  "*"]\n'
    assert told(examine(installation, origins), "exposure") == [
        ("warning", "http.cors", 5),
        ("warning", "http.cors", 6),
    ]


def test_a_header_that_everybody_may_forge(installation: Installation) -> None:
    installation.environment["FORWARDED_ALLOW_IPS"] = "*"
    report = examine(installation, "")
    assert told(report, "exposure") == [("error", "FORWARDED_ALLOW_IPS", None)]
    assert report.status == 1


def test_what_leaves_the_machine_in_the_clear(installation: Installation) -> None:
    text = '[cubes.a]\nuse = "a"\nconfig.one = "redis://cache.invalid"\nconfig.two = "rediss://cache.invalid"\n'
    assert told(examine(installation, text), "exposure") == [("warning", "encryption", 5)]


def test_secrets_that_are_written_down(installation: Installation) -> None:
    text = """[cubes.a]
use = "a"
config.url = "postgresql://me:hunter2@127.0.0.1:1/db"
config.fine = "postgresql://me@127.0.0.1:1/db"
config.api_key = "hunter2"
config.password = { env = "PASSWORD" }
"""
    report = examine(installation, text)
    assert told(report, "secrets") == [("error", "cubes.a.config.url", 5), ("warning", "cubes.a.config.api_key", 7)]
    assert [one["fix"] for one in report.of("secrets")] == ['url = { env = "URL" }', 'api_key = { env = "API_KEY" }']
    assert "hunter2" not in str(report.payload)


def test_files_that_others_may_read(installation: Installation) -> None:
    root = installation.root
    contents = {
        "token": "x",
        ".env": "A=1",
        "tls.pem": KEY,
        "public.pem": "-----BEGIN CERTIFICATE-----",
        "own.key": KEY,
    }
    for name, content in contents.items():
        (root / name).write_text(content)
        (root / name).chmod(0o600 if name == "own.key" else 0o644)
    report = examine(installation, '[cubes.a]\nuse = "a"\nconfig.token = { file = "token" }\n')
    assert report.status == 1
    fixes = [one["fix"] for one in report.of("secrets", "error")]
    assert sorted(fixes) == sorted(f"chmod 600 {root / name}" for name in (".env", "tls.pem", "token"))
    for name in contents:
        (root / name).chmod(0o600)
    report = examine(installation, '[cubes.a]\nuse = "a"\nconfig.token = { file = "token" }\n')
    assert told(report, "secrets") == []


def test_a_molecule_that_everybody_may_write(installation: Installation) -> None:
    molecule: Path = installation.root / "part.toml"
    molecule.write_text("[http]\nport = 0\n")
    molecule.chmod(0o666)
    report = examine(installation, 'include = ["part.toml"]\n')
    (found,) = report.of("secrets", "error")
    assert (found["file"], found["fix"]) == (str(molecule), f"chmod o-w {molecule}")
