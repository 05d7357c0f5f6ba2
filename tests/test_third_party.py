"""A stranger's cube, installed into a fresh environment, joins the example service without touching it."""

from __future__ import annotations

import json
import os
import subprocess
import sysconfig
import urllib.request
import venv
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parent.parent
BIRTH = {"birthDate": "1990-05-15", "birthTime": "14:30", "gender": "male"}


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The interpreter of an environment that sees this one's packages, and has the stranger's cube on top."""
    directory = tmp_path_factory.mktemp("fresh")
    venv.create(directory, with_pip=False, symlinks=True)
    python = directory / "bin" / "python"
    site = subprocess.run(
        [python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout.strip()
    # Processes the .pth files of editable installations too, which a plain path would not.
    below = sysconfig.get_path("purelib")
    (Path(site) / "below.pth").write_text(f"import site; site.addsitedir({below!r})\n")
    install = [str(python), "-m", "pip", "install", "--quiet", "--no-deps", "--no-build-isolation", "--no-index"]
    subprocess.run([*install, str(ROOT / "examples" / "third-party")], check=True, capture_output=True, text=True)
    return python


def test_it_is_one_short_file() -> None:
    lines = (ROOT / "examples" / "third-party" / "src" / "saju_neighbour.py").read_text(encoding="utf-8").splitlines()
    assert len(lines) <= 25


def ask(url: str, operation: str) -> tuple[str, str]:
    request = urllib.request.Request(
        f"{url}/api/v1/neighbour/{operation}", json.dumps(BIRTH).encode(), {"content-type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=20) as answer:
        return answer.headers["content-type"], answer.read().decode()


def test_it_joins_a_running_service(python: Path, tmp_path: Path) -> None:
    environment = {**os.environ, "CUBEKIT_CACHE_DIR": str(tmp_path)}
    listed = subprocess.run(
        [python, "-m", "cubekit.cli", "list", "--json"], capture_output=True, text=True, check=True, env=environment
    )
    found = {cube["name"]: cube for cube in json.loads(listed.stdout)["cubes"]}
    assert found["neighbour"]["colour"] == "feature"
    settings = ["--set", "http.port=0", "--set", 'cubes.neighbour.use="neighbour"']
    command = [str(python), "-m", "cubekit.cli", "up", str(ROOT / "examples" / "saju"), "--json", *settings]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as process:
        assert process.stdout is not None
        url = next(event["url"] for event in map(json.loads, process.stdout) if event["event"] == "ready")
        try:
            with urllib.request.urlopen(f"{url}/cubes", timeout=20) as answer:
                manifest: dict[str, Any] = json.load(answer)
            states = {cube["name"]: cube["state"] for cube in manifest["cubes"]}
            assert states == {"saju": "running", "neighbour": "running"}
            assert json.loads(ask(url, "dayPillar")[1]) == {"success": True, "data": "庚辰"}
            kind, stream = ask(url, "pillars")
            assert kind.startswith("text/event-stream")
            data = [json.loads(line[6:]) for line in stream.splitlines() if line.startswith("data: ")]
            assert data[:3] == ["庚午", "辛巳", "庚辰"]
            assert stream.count("event: end") == 1
        finally:
            process.terminate()
            process.communicate(timeout=30)
    assert process.returncode == 0
