"""`dev.py`, run in a small project whose environment is made of stand-ins: no network, no real installation."""

from __future__ import annotations

import itertools
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

DEV = Path(__file__).parent.parent / "dev.py"

_PYTHON = """#!{python}
import json, os, sys
if sys.argv[1:3] == ["-m", "pip"]:
    if os.environ.get("PIP_FAILS"):
        sys.exit(7)
    with open({log!r}, "a") as log:
        log.write(json.dumps(sys.argv[3:]) + "\\n")
"""
_TOOL = """#!{python}
import json, os, sys
print(json.dumps([os.path.basename(sys.argv[0]), *sys.argv[1:], os.getcwd()]))
sys.exit(int(os.environ.get("STATUS", "0")))
"""


class Project:
    """A project with one plain and one compiled distribution."""

    def __init__(self, directory: Path) -> None:
        self.root = directory / "a project"
        self.log = directory / "pip.log"
        compiled = self.root / "cubes" / "fast" / "src" / "fast"
        compiled.mkdir(parents=True)
        shutil.copy(DEV, self.root)
        (self.root / "requirements.lock").write_text("")
        (self.root / "pyproject.toml").write_text('[project]\nname = "core"\n')
        (self.root / "cubes" / "fast" / "pyproject.toml").write_text('[project]\nname = "fast"\n')
        (self.root / "cubes" / "fast" / "hatch_build.py").write_text("")
        self.source = compiled / "core.py"
        self.source.write_text("x = 1\n")
        # `venv` itself is replaced, so that making the environment takes no time.
        stand_in = directory / "stand-in" / "venv.py"
        stand_in.parent.mkdir()
        stand_in.write_text(
            "import pathlib, shutil\n"
            "def create(path, **options):\n"
            f"    shutil.copytree({str(directory / 'environment')!r}, path, dirs_exist_ok=True)\n"
        )
        self.stand_in = stand_in.parent
        tools = directory / "environment" / "bin"
        tools.mkdir(parents=True)
        for name, text in (("python", _PYTHON), ("cubekit", _TOOL), ("pytest", _TOOL), ("tool", _TOOL)):
            script = tools / name
            script.write_text(text.format(python=sys.executable, log=str(self.log)))
            script.chmod(0o755)

    def run(self, *arguments: str, cwd: Path | None = None, **environment: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, str(self.root / "dev.py"), *arguments],
            capture_output=True,
            text=True,
            check=False,
            cwd=cwd or self.root,
            env={**os.environ, "PYTHONPATH": str(self.stand_in), **environment},
        )

    def installed(self) -> list[list[str]]:
        """What pip was asked to install editable, one list a call; the log is emptied."""
        calls = [json.loads(line) for line in self.log.read_text().splitlines()] if self.log.exists() else []
        self.log.unlink(missing_ok=True)
        editable = [[Path(b).name for a, b in itertools.pairwise(call) if a == "--editable"] for call in calls]
        return [names for names in editable if names]


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project(tmp_path)


def test_it_sets_up_once_and_passes_arguments_on(project: Project) -> None:
    done = project.run("tool", "--a", "b c")
    assert (done.returncode, json.loads(done.stdout)[:3]) == (0, ["tool", "--a", "b c"])
    assert project.installed() == [["a project", "fast"]]
    project.run("tool")
    assert project.installed() == []


def test_up_serves_the_example_with_further_arguments(project: Project, tmp_path: Path) -> None:
    done = project.run("up", "--set", "http.port=9000", cwd=tmp_path)
    expected = ["cubekit", "up", "examples/saju", "--set", "http.port=9000", str(project.root)]
    assert json.loads(done.stdout) == expected


def test_test_with_arguments_is_pytest_alone(project: Project) -> None:
    done = project.run("test", "tests/x.py", "-k", "one")
    assert json.loads(done.stdout)[:-1] == ["pytest", "tests/x.py", "-k", "one"]


def test_a_changed_source_is_compiled_again_and_only_its_distribution(project: Project) -> None:
    project.run("tool")
    project.installed()
    project.source.write_text("x = 2\n")
    project.run("tool")
    assert project.installed() == [["fast"]]
    project.run("tool", CUBEKIT_MYPYC="off")
    assert project.installed() == [["fast"]]


def test_a_changed_lock_renews_everything(project: Project) -> None:
    project.run("tool")
    project.installed()
    (project.root / "requirements.lock").write_text("# changed\n")
    project.run("tool")
    assert project.installed() == [["a project", "fast"]]


def test_a_set_up_that_failed_is_done_again(project: Project) -> None:
    failed = project.run("tool", PIP_FAILS="1")
    assert failed.returncode != 0
    assert "pip failed with status 7" in failed.stderr
    assert project.run("tool").returncode == 0
    assert project.installed() == [["a project", "fast"]]


def test_exit_statuses(project: Project) -> None:
    assert project.run("tool", STATUS="5").returncode == 5
    unknown = project.run("no-such-command")
    assert unknown.returncode == 127
    assert "no command 'no-such-command'" in unknown.stderr
    usage = project.run()
    assert usage.returncode == 0
    assert "python3 dev.py up" in usage.stdout


def test_hints(project: Project) -> None:
    code = (
        "import importlib.util, runpy, sys\n"
        "found = importlib.util.find_spec\n"
        "importlib.util.find_spec = lambda name, *rest: None if name == 'ensurepip' else found(name, *rest)\n"
        f"sys.argv = ['dev.py', 'tool']; runpy.run_path({str(project.root / 'dev.py')!r}, run_name='__main__')\n"
    )
    missing = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert missing.returncode != 0
    assert "apt install python3-venv" in missing.stderr
    old = code.replace("found =", "sys.version_info = (3, 9, 1)\nfound =")
    refused = subprocess.run([sys.executable, "-c", old], capture_output=True, text=True, check=False)
    assert refused.returncode != 0
    assert "needs Python 3.11 or newer and this is 3.9" in refused.stderr


def test_the_lock_file_has_hashes_and_no_addresses() -> None:
    lines = (DEV.parent / "requirements.lock").read_text(encoding="utf-8").splitlines()
    pins = [line for line in lines if line[:1].isalnum()]
    assert pins
    assert all("==" in pin and pin.endswith("\\") for pin in pins)
    assert not [line for line in lines if "://" in line or line.startswith("-")]
