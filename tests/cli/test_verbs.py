"""The command line as a person or a program meets it: subprocesses, exit codes, stdout and stderr."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

EXAMPLE = Path(__file__).parents[2] / "examples" / "saju"
BIRTH = '{"birthDate": "1990-05-15", "birthTime": "14:30", "gender": "male"}'

_PLUGIN = """
import sys
print("imported", file=sys.stderr)

def shout(arguments):
    print(*arguments)
    return 7
"""


@pytest.fixture(autouse=True)
def _own_cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("CUBEKIT_CACHE_DIR", str(tmp_path / "cache"))


def cubekit(*arguments: str | Path, cwd: Path | None = None, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-W", "error", "-m", "cubekit.cli", *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
        cwd=cwd,
        env={**os.environ, **environment},
    )


def payload(*arguments: str | Path, status: int = 0, **environment: str) -> dict[str, Any]:
    done = cubekit(*arguments, "--json", cwd=None, **environment)
    assert done.returncode == status, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    assert found["schema"] == 1
    return found


@pytest.fixture
def broken(tmp_path: Path) -> Path:
    (tmp_path / "service.toml").write_text('[service]\nname = "x"\n[cubes.a]\nuse = "no-such-cube"\n[http]\nprot = 1\n')
    return tmp_path


def test_help_is_cheap() -> None:
    show = (
        "import sys; sys.argv = ['cubekit', '--help']\nfrom cubekit.cli.app import run\n"
        "try: run()\nexcept SystemExit: pass\nprint(*sys.modules, file=sys.stderr)"
    )
    cubekit("list")  # the scan is remembered
    done = subprocess.run([sys.executable, "-c", show], capture_output=True, text=True, check=True)
    loaded = {name.split(".")[0] for name in done.stderr.split()}
    assert loaded.isdisjoint(
        {"pydantic", "anyio", "fastapi", "rich", "importlib_metadata", "packaging", "pluggy", "httpx2"}
    )
    for verb in ("list", "info", "new", "check", "graph", "up", "call", "status", "top", "openapi", "doctor", "bench"):
        assert f"  {verb} " in done.stdout


def test_version() -> None:
    assert cubekit("--version").stdout == "cubekit 0.1.0\n"
    assert json.loads(cubekit("--json", "--version").stdout) == {"schema": 1, "version": "0.1.0"}


@pytest.mark.parametrize("arguments", [["nonsense"], ["up", "--nonsense"], ["graph", ".", "--format", "painting"]])
def test_wrong_usage_is_2(arguments: list[str]) -> None:
    done = cubekit(*arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert "Usage" in done.stderr


def test_info_shows_the_code_that_answers_calls() -> None:
    source = payload("info", "saju-calculation", "--dispatch")["dispatch"]["saju-calculation.calculate"]
    assert "await life.cube.calculate(**arguments)" in source
    assert "breaker" not in source
    source = payload("info", "saju-calculation", "--dispatch", "--service", str(EXAMPLE))["dispatch"]["saju.calculate"]
    compile(source, "<shown>", "exec")


def test_list_imports_nothing_and_knows_after_info() -> None:
    (saju,) = [cube for cube in payload("list")["cubes"] if cube["name"] == "saju-calculation"]
    assert (saju["colour"], saju["version"], saju["contracts"], saju["state"]) == (
        "feature",
        "0.1.0",
        None,
        "installed",
    )
    info = payload("info", "saju-calculation")["cube"]
    assert info["provides"] == [{"name": "saju.calendar", "version": "0.1"}]
    assert info["operations"][0]["http"] == {"method": "POST", "path": "calculate"}
    (saju,) = [cube for cube in payload("list")["cubes"] if cube["name"] == "saju-calculation"]
    assert saju["contracts"] == ["saju.calendar@0.1"]
    assert "🟦" in cubekit("list").stdout
    assert "\033[" not in cubekit("list").stdout, "a pipe gets no colours"


def test_an_unknown_cube_is_3() -> None:
    done = cubekit("info", "saju-calculatoin")
    assert (done.returncode, done.stdout) == (3, "")
    assert "saju-calculation" in done.stderr
    assert payload("info", "nope", status=3)["errors"][0]["code"] == "CK501"


def test_check(broken: Path) -> None:
    assert cubekit("check", EXAMPLE).returncode == 0
    done = cubekit("check", broken)
    assert done.returncode == 4
    assert f"{broken / 'service.toml'}:4: " in done.stderr
    assert "[CK201]" in done.stderr
    assert "[CK103]" in done.stderr
    found = payload("check", broken, status=4)
    assert found["valid"] is False
    assert [(one["code"], one["line"]) for one in found["errors"]] == [("CK201", 4), ("CK103", 6)]
    assert cubekit("check", broken / "nowhere").returncode == 3


@pytest.mark.parametrize("verb", ["up", "graph", "openapi"])
def test_an_invalid_composition_is_4(verb: str, broken: Path) -> None:
    done = cubekit(verb, broken)
    assert (done.returncode, done.stdout) == (4, "")
    assert "CK201" in done.stderr


def test_overrides_reach_every_verb(broken: Path) -> None:
    arguments = ["--set", "cubes.a.use='saju-calculation'"]
    (broken / "service.toml").write_text('[service]\nname = "x"\n[cubes.a]\nuse = "no-such-cube"\n')
    assert cubekit("check", broken, *arguments).returncode == 0
    assert cubekit("check", broken, CUBEKIT__CUBES__A__USE="saju-calculation").returncode == 0


def test_graph() -> None:
    assert "└─ 🟦 saju (saju-calculation 0.1.0)" in cubekit("graph", EXAMPLE).stdout
    assert cubekit("graph", EXAMPLE, "--format", "mermaid").stdout.startswith("graph TD\n")
    assert cubekit("graph", EXAMPLE, "--format", "dot").stdout.startswith('digraph "saju" {')
    assert json.loads(cubekit("graph", EXAMPLE, "--format", "json").stdout)["cubes"][0]["name"] == "saju"


def test_openapi() -> None:
    document = json.loads(cubekit("openapi", EXAMPLE).stdout)
    assert document["openapi"].startswith("3.1")
    assert "/api/v1/saju/calculate" in document["paths"]


def test_call_forms(tmp_path: Path) -> None:
    (tmp_path / "birth.json").write_text(BIRTH)
    flags = ["--birth-date", "1990-05-15", "--birth-time=14:30", "--gender", "male", "--options.clock", "lmt"]
    for form in ([BIRTH], [f"@{tmp_path / 'birth.json'}"], [*flags, "--is-lunar", "false"]):
        done = cubekit("call", EXAMPLE, "saju.calculate", *form)
        assert done.returncode == 0, done.stderr
        assert json.loads(done.stdout)["sajuPan"]["day"]["hanja"] == "庚辰"
    assert payload("call", EXAMPLE, "saju.calculate", BIRTH)["data"]["sajuPan"]["year"]["cheon"] == "경"


def test_call_shows_results_as_their_cube_does() -> None:
    assert "시주    일주    월주    년주" in cubekit("call", EXAMPLE, "saju.calculate", BIRTH, "--pretty").stdout
    # An operation without a view, and a program that asked for JSON, get the data.
    assert cubekit("call", EXAMPLE, "saju.solarTerms", "--year", "1990", "--pretty").stdout.startswith("{")
    assert payload("call", EXAMPLE, "saju.calculate", BIRTH, "--pretty")["data"]["sajuPan"]["day"]["ji"] == "진"


def test_call_failures() -> None:
    done = cubekit("call", EXAMPLE, "saju.calculate", "--birth-date", "1900-02-29", "--gender", "male")
    assert (done.returncode, done.stdout) == (1, "")
    assert "birthDate: There is no date 1900-02-29: February 1900 has 28 days." in done.stderr
    error = payload("call", EXAMPLE, "saju.calculate", "{}", status=1)["error"]
    assert set(error["errors"]) == {"birthDate", "gender"}
    assert cubekit("call", EXAMPLE, "saju.calculat", "{}").returncode == 3
    assert cubekit("call", EXAMPLE).returncode == 2
    assert "CK502" in cubekit("call", "--url", "http://127.0.0.1:1", "saju.calculate", BIRTH).stderr


def test_a_service_that_does_not_answer_is_6() -> None:
    done = cubekit("status", "--url", "http://127.0.0.1:1")
    assert (done.returncode, done.stdout) == (6, "")


def distribution(directory: Path, name: str, entry_points: str, metadata: str = "") -> Path:
    site = directory / "site"
    info = site / f"{name}-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n{metadata}")
    (info / "entry_points.txt").write_text(entry_points)
    return site


def test_commands_of_plugins(tmp_path: Path) -> None:
    site = distribution(tmp_path, "plug", "[cubekit.commands]\nshout = plug:shout\nbad = plug:nothing\n")
    (site / "plug.py").write_text(_PLUGIN)
    shown = cubekit("--help", PYTHONPATH=str(site))
    assert "shout" in shown.stdout
    assert "imported" not in shown.stderr
    done = cubekit("shout", "--loud", "now", PYTHONPATH=str(site))
    assert (done.returncode, done.stdout) == (7, "--loud now\n")
    assert "CK305" in cubekit("bad", PYTHONPATH=str(site)).stderr
    assert "shout" not in cubekit("--safe-mode", "--help", PYTHONPATH=str(site)).stdout


def test_bench(tmp_path: Path) -> None:
    (tmp_path / "fast.py").write_text(
        "def run():\n    return [{'name': 'n', 'value': 2.0, 'unit': 'x', 'target': '<= 3', 'ok': True}]\n"
    )
    done = cubekit("bench", "--dir", tmp_path)
    assert done.stdout.splitlines()[1].split() == ["fast", "n", "2", "x", "<=", "3", "met"]
    assert cubekit("bench", "slow", "--dir", tmp_path).returncode == 3


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion(shell: str) -> None:
    assert "_CUBEKIT_COMPLETE" in cubekit("completion", shell).stdout
    asked = cubekit(_CUBEKIT_COMPLETE="complete_bash", COMP_WORDS="cubekit do", COMP_CWORD="1")
    assert asked.stdout.split() == ["doctor"]


def test_safe_mode_imports_no_plugin(tmp_path: Path) -> None:
    site = distribution(tmp_path, "plug", "[cubekit.feature]\nplug = plug:Plug\n")
    (site / "plug.py").write_text(_PLUGIN)
    for arguments in (["--safe-mode", "info", "plug"], ["info", "plug", "--safe-mode"], ["list", "--safe-mode"]):
        done = cubekit(*arguments, PYTHONPATH=str(site))
        assert done.returncode == 0
        assert "imported" not in done.stderr
    assert cubekit("--safe-mode", "check", EXAMPLE).returncode == 2


def test_a_cube_that_check_could_not_import_is_listed_as_broken(tmp_path: Path) -> None:
    site = distribution(tmp_path, "plug", "[cubekit.feature]\nplug = plug:Plug\n")
    (site / "plug.py").write_text("raise RuntimeError('no luck')\n")
    (tmp_path / "service.toml").write_text('[service]\nname = "x"\n[cubes.p]\nuse = "plug"\n')
    assert payload("check", tmp_path, status=4, PYTHONPATH=str(site))["errors"][0]["code"] == "CK301"
    states = {cube["name"]: cube["state"] for cube in payload("list", PYTHONPATH=str(site))["cubes"]}
    assert states["plug"] == "broken"
    (site / "plug.py").write_text(_PLUGIN)
    states = {cube["name"]: cube["state"] for cube in payload("list", PYTHONPATH=str(site))["cubes"]}
    assert states["plug"] == "installed", "the file has changed, so what was known of it is forgotten"


@pytest.mark.parametrize(
    "fields", [["--a", "1", "--a.b", "2"], ["[1]", "--a", "1"], ["{", "--a", "1"], ["{}", "stray"]]
)
def test_input_that_cannot_be_put_together_is_2(fields: list[str]) -> None:
    done = cubekit("call", EXAMPLE, "saju.calculate", *fields)
    assert done.returncode == 2
    assert "[CK504]" in done.stderr
    assert "Traceback" not in done.stderr


def test_the_service_of_a_call_may_be_left_out() -> None:
    assert cubekit("call", "saju.calculate", BIRTH, cwd=EXAMPLE).returncode == 0


def test_wrong_usage_is_json_too() -> None:
    assert payload("nonsense", status=2)["errors"][0]["code"] == "CK504"


def test_a_name_that_is_installed_is_taken(tmp_path: Path) -> None:
    done = cubekit("new", "cube", "saju-calculation", "--dir", tmp_path)
    assert done.returncode == 1
    assert "CK503" in done.stderr
