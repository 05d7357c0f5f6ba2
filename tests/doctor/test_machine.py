"""A machine that has too little, is set wrongly, or is open to others."""

from __future__ import annotations

import ctypes
import os
import resource
import sys
import time
from pathlib import Path

import pytest

from cubekit.cli.doctor.case import Case
from cubekit.cli.doctor.storage import disk
from cubekit.discovery import scan
from tests.doctor.installation import Installation


def limited(kind: int, soft: int) -> None:
    hard = resource.getrlimit(kind)[1]
    resource.setrlimit(kind, (soft, hard))


@pytest.mark.parametrize(("limit", "severity", "status"), [(128, "error", 1), (1024, "warning", 0)])
def test_too_few_file_descriptors(installation: Installation, limit: int, severity: str, status: int) -> None:
    report = installation.examine("--safe-mode", limit=lambda: limited(resource.RLIMIT_NOFILE, limit))
    assert report.status == status
    found = report.only("file-descriptors", severity)
    assert found["text"].startswith(f"{limit} for each process, thus some {limit - 64} connections")
    assert found["fix"].startswith("ulimit -n ")


def test_the_memory_of_a_process_may_be_limited(installation: Installation) -> None:
    report = installation.examine("--safe-mode", limit=lambda: limited(resource.RLIMIT_AS, 2 << 30))
    (found,) = report.of("memory")
    assert "MiB are left to this process (ulimit -v)" in found["text"]


@pytest.mark.parametrize(
    ("toml", "severity", "said", "line"),
    [
        ("[http]\nworkers = 1000000\n", "error", "http.workers = 1000000 takes some", None),
        ('[recycle]\nmemory = "900000GiB"\n', "warning", "lets http.workers = 1 and a successor take", 4),
    ],
)
def test_more_memory_than_there_is(
    installation: Installation, toml: str, severity: str, said: str, line: int | None
) -> None:
    service = installation.root / "service.toml"
    service.write_text(f'[service]\nname = "big"\n{toml}')
    found = installation.examine("--safe-mode", service).only("memory", severity)
    assert said in found["text"]
    assert found["line"] == line


def test_little_space() -> None:
    found = list(disk(Case(scan()), enough=1 << 80))
    assert {one.severity for one in found} == {"warning"}
    assert all("MiB are free at " in one.text for one in found)


def test_a_cache_that_cannot_be_written(installation: Installation) -> None:
    (installation.root / "file").touch()
    installation.environment["CUBEKIT_CACHE_DIR"] = str(installation.root / "file" / "cache")
    report = installation.examine("--safe-mode")
    assert report.status == 0
    assert "cannot be written" in report.only("cache", "warning")["text"]


def test_directories_that_everybody_may_write(installation: Installation) -> None:
    cache = installation.root / "cache"
    cache.mkdir()
    cache.chmod(0o777)
    installation.site.chmod(0o777)
    report = installation.examine("--safe-mode")
    assert report.status == 1
    assert report.only("cache", "error")["fix"] == f"chmod 700 {cache}"
    assert report.only("python", "error")["fix"] == f"chmod o-w {installation.site}"


def test_no_compiler(installation: Installation) -> None:
    empty = installation.root / "bin"
    empty.mkdir()
    installation.environment["PATH"] = str(empty)
    report = installation.examine("--safe-mode")
    assert report.status == 0
    assert report.only("compiler", "warning")["text"].startswith("there is none: ")
    installation.environment["CC"] = "no-such-compiler -O2"
    assert "$CC is no-such-compiler" in installation.examine("--safe-mode").only("compiler", "warning")["text"]


def test_a_compiler_that_does_not_run(installation: Installation) -> None:
    broken = installation.root / "cc"
    broken.write_text("#!/bin/sh\necho 'cannot find libc' >&2\nexit 4\n")
    broken.chmod(0o755)
    installation.environment["CC"] = str(broken)
    assert "does not run (cannot find libc)" in installation.examine("--safe-mode").only("compiler", "warning")["text"]


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux is asked who keeps its clock")
def test_what_the_kernel_says_of_the_clock_is_told(installation: Installation) -> None:
    kept = Path("/run/systemd/timesync/synchronized").exists()
    said = ctypes.CDLL(None).adjtimex(ctypes.create_string_buffer(512))
    found = installation.examine("--safe-mode").of("clock")
    assert [one["severity"] for one in found] == ["ok" if kept or said != 5 else "warning"]


def test_a_clock_that_is_behind_what_is_installed(installation: Installation) -> None:
    info = installation.cube("future", "")
    os.utime(info / "METADATA", (time.time() + 86400, time.time() + 86400))
    report = installation.examine("--safe-mode")
    assert report.status == 1
    (found,) = report.of("clock", "error")
    assert "future was installed at " in found["text"]
    assert found["file"] == str(info / "METADATA")
    assert "timedatectl" in found["fix"]


@pytest.mark.parametrize(
    ("toml", "expected"),
    [
        ('source = "http://registry.invalid/cubes"', [("error", "neither encrypted nor signed", False),
                                                      ("warning", "cannot be reached", True)]),
        ('source = "https://registry.invalid"', [("warning", "not signed", False),
                                                 ("warning", "cannot be reached", True)]),
        ('source = "http://127.0.0.1:1"', [("warning", "cannot be reached: Connection refused", True)]),
        ('source = "shared"\nroot = "lost.json"', [("error", "cannot be checked", False)]),
        ('source = "shared"', [("error", "everybody may write into", False)]),
    ],
)  # fmt: skip
def test_registries(installation: Installation, toml: str, expected: list[tuple[str, str, bool]]) -> None:
    (installation.root / "shared").mkdir()
    (installation.root / "shared").chmod(0o777)
    (installation.root / "registry.toml").write_text(f"schema = 1\n[registries.company]\n{toml}\n")
    report = installation.examine("--safe-mode")
    found = report.of("registries")
    assert [(one["severity"], one["unreachable"], one["line"]) for one in found] == [
        (severity, unreachable, 3) for severity, _, unreachable in expected
    ]
    assert all(said in one["text"] for one, (_, said, _) in zip(found, expected, strict=True))
    assert report.status == (1 if expected[0][0] == "error" else 0)


def test_a_registry_that_cannot_be_understood(installation: Installation) -> None:
    (installation.root / "registry.toml").write_text("[registries.company]\nsauce = 1\n")
    report = installation.examine("--safe-mode")
    assert report.status == 1
    assert {one["line"] for one in report.of("registries", "error")} <= {1, 2}
