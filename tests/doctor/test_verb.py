"""What the verb itself does: exit codes, JSON, text, and that every check is documented."""

from __future__ import annotations

import re
import resource
from pathlib import Path

from cubekit.cli.doctor import CHECKS
from tests.doctor.installation import Installation

PAGE = Path(__file__).parents[2] / "docs" / "doctor.md"


def few_files() -> None:
    resource.setrlimit(resource.RLIMIT_NOFILE, (1024, 4096))


def test_nothing_wrong_is_0_and_every_finding_says_all(installation: Installation) -> None:
    report = installation.examine()
    assert (report.status, report.payload["ok"], report.payload["errors"]) == (0, True, 0)
    keys = {"check", "severity", "subject", "text", "file", "line", "fix", "code", "unreachable"}
    assert all(one.keys() == keys for one in report.payload["findings"])
    assert {one["check"] for one in report.payload["findings"]} >= {"python", "requirements", "plugins", "compiled"}
    assert report.of("plugins", "ok")


def test_a_warning_is_0_and_with_strict_1(installation: Installation) -> None:
    report = installation.examine("--safe-mode", limit=few_files)
    assert (report.status, report.payload["ok"]) == (0, True)
    assert report.payload["warnings"] >= 1
    report = installation.examine("--safe-mode", "--strict", limit=few_files)
    assert (report.status, report.payload["ok"]) == (1, False)


def test_an_error_is_1_and_told_to_people_with_place_and_fix(installation: Installation) -> None:
    info = installation.cube("old", "", metadata="Requires-Dist: cubekit-core>=9\n")
    done = installation.run("--safe-mode")
    assert done.returncode == 1
    assert done.stderr == ""
    lines = [line.split(maxsplit=1) for line in done.stdout.splitlines() if line]
    at = lines.index(["ERROR", next(rest for kind, *(rest,) in lines if kind == "ERROR")])
    assert lines[at][1].split(maxsplit=2)[2].startswith("needs cubekit-core >=9, which is 0.1.0")
    assert lines[at + 1] == ["at", f"{info}/METADATA:4"]
    assert lines[at + 2] == ["fix:", "pip install --upgrade old"]
    assert done.stdout.splitlines()[-1].startswith("1 error")


def test_a_check_that_fails_is_an_error_and_hides_no_other(installation: Installation) -> None:
    installation.environment["CC"] = '"'
    report = installation.examine("--safe-mode")
    assert report.status == 1
    found = report.only("compiler", "error")
    assert found["text"] == "could not be examined: ValueError: No closing quotation"
    assert report.of("cache", "ok")
    assert "Traceback" in installation.examine("--safe-mode", "--verbose").stderr


def test_what_a_plugin_says_commands_no_terminal(installation: Installation) -> None:
    installation.cube("rude", "raise RuntimeError('\\x1b[2J\\x1b]0;owned\\x07')")
    done = installation.run()
    assert done.returncode == 1
    assert "\x1b" not in done.stdout
    assert r"\x1b[2J" in done.stdout


def test_a_service_that_is_not_there_is_3(installation: Installation) -> None:
    assert installation.run("nowhere").returncode == 3


def test_every_check_has_a_section_and_every_section_is_a_check() -> None:
    sections = re.findall(r"^### `([a-z-]+)`$", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    assert sections == list(CHECKS)
