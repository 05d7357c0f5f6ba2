"""``cubekit discover``: from an address to a service that uses what is there."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.remote.serving import Far, far_service

WORDS = """
from typing import Annotated, Protocol
from cubekit import Cube, Model, contract, operation

class Word(Model):
    text: str

@contract("test.words", version="{version}")
class Words(Protocol):
    async def look_up(self, word_given: str) -> {result}: ...

class Reader(Cube):
    \"\"\"Reads.\"\"\"

    words: Annotated[Words, "{range}"]

    @operation
    async def read(self, word: str) -> {result}:
        return await self.words.look_up(word)
"""
NEAR = '[service]\nname = "near"\n[cubes.reader]\nuse = "reader"\n'


@pytest.fixture(scope="module")
def far() -> Iterator[Far]:
    with far_service() as served:
        yield served


@pytest.fixture
def near(tmp_path: Path) -> Path:
    return installed(tmp_path)


def installed(path: Path, version: str = "1.0", admitted: str = ">=1,<2", result: str = "Word") -> Path:
    """A service whose cube was written against some version of the contract."""
    info = path / "cubekit_reader-0.1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: cubekit-reader\nVersion: 0.1\n")
    (info / "entry_points.txt").write_text("[cubekit.feature]\nreader = reader_cube:Reader\n")
    source = WORDS.replace("{version}", version).replace("{range}", admitted).replace("{result}", result)
    (path / "reader_cube.py").write_text(source)
    (path / "service.toml").write_text(NEAR)
    return path


def cubekit(*arguments: str | Path, near: Path | None = None) -> subprocess.CompletedProcess[str]:
    own = {"PYTHONPATH": str(near), "CUBEKIT_CACHE_DIR": str(near / "cache")} if near else {}
    command = [sys.executable, "-W", "error", "-m", "cubekit.cli", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False, env={**os.environ, **own})


def found(done: subprocess.CompletedProcess[str], status: int = 0) -> dict[str, Any]:
    assert done.returncode == status, done.stderr
    payload: dict[str, Any] = json.loads(done.stdout)
    assert payload["schema"] == 1
    return payload


def test_what_it_prints_makes_a_service_that_works(far: Far, near: Path) -> None:
    done = cubekit("discover", far.url, "--service", near, near=near)
    assert done.returncode == 0, done.stderr
    assert "words: test.words fits what is required" in done.stdout
    _, _, section = done.stdout.partition("write into service.toml:")
    (near / "service.toml").write_text(NEAR + section)
    checked = cubekit("check", near, near=near)
    assert checked.returncode == 0, checked.stdout + checked.stderr
    answer = found(cubekit("call", near, "reader.read", "--word", "말", "--json", near=near))
    assert answer["data"] == {"text": "말"}
    edges = found(cubekit("graph", near, "--json", near=near))["edges"]
    assert [(edge["from"], edge["to"]) for edge in edges] == [("reader", "words")]


@pytest.mark.parametrize(
    ("version", "admitted", "result", "reason"),
    [
        ("1.0", ">=1,<2", "int", "test.words 1.0, look_up() →: here it is object Word no more"),
        ("2.0", ">=2,<3", "Word", "test.words >=2,<3 is required, and 1.0 is there"),
    ],
)
def test_what_does_not_fit_is_named(
    far: Far, tmp_path: Path, version: str, admitted: str, result: str, reason: str
) -> None:
    near = installed(tmp_path, version, admitted, result)
    (offer,) = found(cubekit("discover", far.url, "--service", near, "--json", near=near), status=4)["services"]
    (cube,) = offer["cubes"]
    assert reason in cube["misfits"]["test.words"]


def test_who_does_not_answer_is_named_and_the_others_are_shown(far: Far) -> None:
    done = cubekit("discover", far.url, "http://127.0.0.1:1")
    assert done.returncode == 6
    assert "words" in done.stdout
    assert "the service at http://127.0.0.1:1 does not answer: it refused the connection" in done.stderr


@pytest.mark.parametrize("url", ["ftp://a", "127.0.0.1:80", "http://user:secret@a"])
def test_what_is_no_address_is_wrong_usage(url: str) -> None:
    done = cubekit("discover", url)
    assert (done.returncode, done.stdout) == (2, "")
    assert "CK504" in done.stderr
    assert "secret" not in done.stderr
