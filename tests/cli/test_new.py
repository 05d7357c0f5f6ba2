"""``cubekit new``: what it makes works as it is."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
import sysconfig
import venv
from contextlib import closing
from pathlib import Path

import pytest

from cubekit.ground.colours import Colour


def run(*command: str | Path, cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    words = [str(word) for word in command]
    return subprocess.run(
        words, capture_output=True, text=True, check=False, cwd=cwd, env={**os.environ, **environment}
    )


def cubekit(*arguments: str, cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return run(sys.executable, "-m", "cubekit.cli", *arguments, cwd=cwd, **environment)


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The interpreter of an environment that sees this one's packages, with a new cube of each colour."""
    directory = tmp_path_factory.mktemp("fresh")
    venv.create(directory, with_pip=False, symlinks=True)
    python = directory / "bin" / "python"
    site = next((directory / "lib").glob("python*/site-packages"))
    (site / "below.pth").write_text(f"import site; site.addsitedir({sysconfig.get_path('purelib')!r})\n")
    for colour in Colour:
        made = cubekit("new", "cube", f"my-{colour}", "--color", colour, cwd=directory)
        assert made.returncode == 0, made.stderr
        assert "cubekit test ." in made.stdout
    pip: list[str | Path] = [
        python,
        "-m",
        "pip",
        "install",
        "--quiet",
        "--no-deps",
        "--no-build-isolation",
        "--no-index",
    ]
    cubes = [part for colour in Colour for part in ("--editable", f"my-{colour}")]
    installed = run(*pip, *cubes, cwd=directory)
    assert installed.returncode == 0, installed.stderr
    return python


@pytest.mark.parametrize("colour", list(Colour))
def test_a_new_cube_passes_every_check_as_it_is(colour: Colour, python: Path) -> None:
    directory = python.parents[1]
    cube, environment = directory / f"my-{colour}", {"CUBEKIT_CACHE_DIR": str(directory / "cache")}
    commands: list[list[str | Path]] = [
        [python, "-m", "pytest", "-q"],
        [python, "-m", "cubekit.cli", "check", "."],
        [python, "-m", "cubekit.cli", "check", "examples"],
        [python, "-m", "cubekit.cli", "test", "."],
        [python, "-m", "ruff", "check", "."],
    ]
    for command in commands:
        done = run(*command, cwd=cube, **environment)
        assert done.returncode == 0, done.stdout + done.stderr
    listed = json.loads(run(python, "-m", "cubekit.cli", "list", "--json", cwd=cube, **environment).stdout)["cubes"]
    [found] = [one for one in listed if one["name"] == f"my-{colour}"]
    assert (found["colour"], found["quality"]) == (colour, "silver")


CHANGED = """
import anyio, sys
from my_data.cube import MyData
from cubekit.testing import Part, running

async def main():
    async with running({"my-data": Part(MyData, settings={"config": {"path": sys.argv[1]}})}) as service:
        await service.call("my-data.put", key="a", value="1")

anyio.run(main)
"""


def test_tables_change_by_a_further_file_that_is_applied_once(python: Path, tmp_path: Path) -> None:
    database = tmp_path / "entries.db"
    schema = python.parents[1] / "my-data" / "src" / "my_data" / "schema"
    changes = ["", "ALTER TABLE entries ADD COLUMN added TEXT;", "ALTER TABLE entries DROP COLUMN added;"]
    for number, change in enumerate(changes, 1):
        if change:
            (schema / f"00{number}_change.sql").write_text(change)
        for _ in range(2):
            done = run(python, "-c", CHANGED, database, cwd=tmp_path)
            assert done.returncode == 0, done.stderr
        with closing(sqlite3.connect(database)) as found:
            assert found.execute("PRAGMA user_version").fetchone() == (number,)
    for file in schema.glob("*_change.sql"):
        file.unlink()


def test_new_cubes_are_typed(python: Path) -> None:
    code = [*(f"my-{colour}/src" for colour in Colour), "my-data/tests"]
    done = run(python, "-m", "mypy", "--strict", *code, cwd=python.parents[1])
    assert done.returncode == 0, done.stdout


def test_index_and_readme_are_kept_true(python: Path) -> None:
    cube = python.parents[1] / "my-feature"
    environment = {"CUBEKIT_CACHE_DIR": str(python.parents[1] / "cache")}
    readme, index = (cube / "README.md").read_text(), (cube / "INDEX.md").read_text()
    (cube / "README.md").write_text("# my-feature\n")
    (cube / "INDEX.md").write_text(index.replace("tests/test_cube.py", "tests/test_gone.py"))
    checked = run(python, "-m", "cubekit.cli", "check", ".", cwd=cube, **environment)
    (cube / "README.md").write_text(readme)
    (cube / "INDEX.md").write_text(index)
    assert checked.returncode == 4
    assert 'does not mention operation "greet"' in checked.stderr
    assert 'does not mention configuration key "greeting"' in checked.stderr
    assert "INDEX.md does not name tests/test_cube.py" in checked.stderr
    assert "INDEX.md names tests/test_gone.py, which is not there" in checked.stderr


def test_a_new_contract_and_its_suite(tmp_path: Path) -> None:
    assert cubekit("new", "contract", "shop-items", cwd=tmp_path).returncode == 0
    directory, source = tmp_path / "shop-items", str(tmp_path / "shop-items" / "src")
    for command in (["pytest", "-q"], ["ruff", "check", "."], ["ruff", "format", "--check", "."]):
        done = run(sys.executable, "-m", *command, cwd=directory, PYTHONPATH=source)
        assert done.returncode == 0, done.stdout + done.stderr
    shown = json.loads(cubekit("contract", "show", ".", "--json", cwd=directory).stdout)["contracts"]
    assert [(one["name"], one["version"], list(one["methods"])) for one in shown] == [
        ("shop.items", "0.1", ["get", "put"])
    ]


@pytest.mark.parametrize("colour", list(Colour))
def test_a_new_cube_is_formatted(colour: Colour, tmp_path: Path) -> None:
    assert cubekit("new", "cube", "my-cube", "--color", colour, cwd=tmp_path).returncode == 0
    done = run(sys.executable, "-m", "ruff", "format", "--check", ".", cwd=tmp_path / "my-cube")
    assert done.returncode == 0, done.stdout


def test_a_new_service_is_valid_and_takes_cubes(tmp_path: Path) -> None:
    assert cubekit("new", "service", "shop", cwd=tmp_path).returncode == 0
    assert cubekit("check", "shop", cwd=tmp_path).returncode == 0
    cube = ["--set", "cubes.saju.use='saju-calculation'"]
    assert cubekit("check", "shop", *cube, cwd=tmp_path).returncode == 0


@pytest.mark.parametrize(
    ("arguments", "name"),
    [
        (["cube", "health"], "class HealthCube("),
        (["cube", "entry", "--color", "data"], "class EntryCube("),
        (["contract", "item"], "class ItemContract("),
        (["cube", "greeter"], "class Greeter("),
    ],
)
def test_the_class_has_a_name_of_its_own(arguments: list[str], name: str, tmp_path: Path) -> None:
    assert cubekit("new", *arguments, cwd=tmp_path).returncode == 0
    assert any(name in file.read_text() for file in tmp_path.glob("*/src/*/*.py"))


@pytest.mark.parametrize("name", ["json", "cubekit", "pytest"])
def test_a_module_that_is_there_already_is_not_hidden(name: str, tmp_path: Path) -> None:
    refused = cubekit("new", "cube", name, cwd=tmp_path)
    assert refused.returncode == 1
    assert f"another module called {name}" in refused.stderr
    assert not list(tmp_path.iterdir())


def test_it_overwrites_nothing_and_takes_only_names(tmp_path: Path) -> None:
    (tmp_path / "shop").mkdir()
    assert cubekit("new", "service", "shop", cwd=tmp_path).returncode == 1
    for name in ("Shop", "my_cube", "1st", "class", "../x"):
        assert cubekit("new", "cube", name, cwd=tmp_path).returncode == 2
    assert list(tmp_path.iterdir()) == [tmp_path / "shop"]
