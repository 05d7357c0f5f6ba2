"""`dev.py`, run in a small project whose environment is made of stand-ins: no network, no real installation."""

from __future__ import annotations

import ast
import itertools
import json
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement

DEV = Path(__file__).parent.parent / "dev.py"

_START = """#!/bin/sh
'''exec' '{python}' "$0" "$@"
'''
"""  # a script in both languages, as the path of the interpreter may have spaces
_PYTHON = """
import json, os, sys, time
if sys.argv[1:3] == ["-m", "pip"]:
    if os.environ.get("PIP_FAILS"):
        sys.exit(7)
    time.sleep(float(os.environ.get("PIP_SECONDS", "0")))
    with open({log!r}, "a") as log:
        log.write(json.dumps(sys.argv[3:]) + "\\n")
"""
_TOOL = """
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
        (self.stand_in / "sitecustomize.py").write_text(
            "import os, sys\nsys.version = os.environ.get('SYS_VERSION', sys.version)\n"
        )
        tools = directory / "environment" / "bin"
        tools.mkdir(parents=True)
        for name, text in (("python", _PYTHON), ("cubekit", _TOOL), ("pytest", _TOOL), ("tool", _TOOL)):
            script = tools / name
            script.write_text((_START + text).format(python=sys.executable, log=str(self.log)))
            script.chmod(0o755)

    def start(self, *arguments: str, cwd: Path | None = None, **environment: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, str(self.root / "dev.py"), *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=cwd or self.root,
            env={**os.environ, "CUBEKIT_MYPYC": "auto", "PYTHONPATH": str(self.stand_in), **environment},
        )

    def run(self, *arguments: str, cwd: Path | None = None, **environment: str) -> subprocess.CompletedProcess[str]:
        with self.start(*arguments, cwd=cwd, **environment) as process:
            stdout, stderr = process.communicate()
        return subprocess.CompletedProcess(arguments, process.returncode, stdout, stderr)

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


def test_it_says_when_nothing_was_compiled_for_this_python(project: Project) -> None:
    project.source.with_name("core.cpython-39-another.so").touch()
    assert "warning: fast runs as pure Python" in project.run("tool").stderr
    project.source.with_name(f"core{sysconfig.get_config_var('EXT_SUFFIX')}").touch()
    project.source.write_text("x = 2\n")
    assert "warning" not in project.run("tool").stderr
    project.source.with_name(f"core{sysconfig.get_config_var('EXT_SUFFIX')}").unlink()
    assert "warning" not in project.run("tool", CUBEKIT_MYPYC="off").stderr


def test_a_changed_lock_renews_everything(project: Project) -> None:
    project.run("tool")
    project.installed()
    (project.root / "requirements.lock").write_text("# changed\n")
    project.run("tool")
    assert project.installed() == [["a project", "fast"]]


@pytest.mark.parametrize("changed", ["SYS_VERSION", "a distribution less"])
def test_another_python_or_a_distribution_less_renews_the_environment(project: Project, changed: str) -> None:
    project.run("tool")
    project.installed()
    if changed == "SYS_VERSION":
        project.run("tool", SYS_VERSION="3.99.0 (another)")
        assert project.installed() == [["a project", "fast"]]
    else:
        shutil.rmtree(project.root / "cubes" / "fast")
        assert "creating .venv" in project.run("tool").stderr
        assert project.installed() == [["a project"]]


def test_an_edit_undone_after_a_failed_build_is_built_again(project: Project) -> None:
    project.run("tool")
    project.installed()
    project.source.write_text("x = 2\n")
    assert project.run("tool", PIP_FAILS="1").returncode != 0
    project.source.write_text("x = 1\n")
    project.run("tool")
    assert project.installed() == [["fast"]]


def test_two_runs_at_once_set_up_once(project: Project) -> None:
    with project.start("tool", PIP_SECONDS="0.3") as one, project.start("tool", PIP_SECONDS="0.3") as other:
        outputs = [process.communicate()[0] for process in (one, other)]
    assert [json.loads(output)[0] for output in outputs] == ["tool", "tool"]
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


def test_an_old_python_can_read_as_far_as_its_hint() -> None:
    ast.parse(DEV.read_text(encoding="utf-8"), feature_version=(3, 6))


def test_the_lock_file_has_hashes_and_no_addresses() -> None:
    lines = (DEV.parent / "requirements.lock").read_text(encoding="utf-8").splitlines()
    pins = [line for line in lines if line[:1].isalnum()]
    assert pins
    assert all("==" in pin and pin.endswith("\\") for pin in pins)
    assert not [line for line in lines if "://" in line or line.startswith("-")]


def test_the_lock_file_has_what_the_distributions_declare() -> None:
    root = DEV.parent
    files = [root / "pyproject.toml", *root.glob("contracts/*/pyproject.toml"), *root.glob("cubes/*/pyproject.toml")]
    documents = [tomllib.loads(file.read_text(encoding="utf-8")) for file in files]
    pins: dict[str, list[str]] = {}
    for name, version in re.findall(r"^([\w.-]+)==(\S+)", (root / "requirements.lock").read_text(), re.MULTILINE):
        pins.setdefault(name, []).append(version)
    own = {document["project"]["name"] for document in documents}
    for document in documents:
        developing = document.get("dependency-groups", {}).get("dev", [])
        for text in [*document["build-system"]["requires"], *document["project"].get("dependencies", []), *developing]:
            needed = Requirement(text)
            locked = pins.get(needed.name, [])
            assert needed.name in own or list(needed.specifier.filter(locked)), f"{text} is not in {locked}"
