"""``cubekit new``: what it makes works as it is."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
import venv
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


def test_a_new_cube_passes_every_check_as_it_is(tmp_path: Path) -> None:
    made = cubekit("new", "cube", "my-cube", "--color", "data", cwd=tmp_path)
    assert made.returncode == 0, made.stderr
    assert "cubekit check ." in made.stdout
    cube = tmp_path / "my-cube"
    venv.create(tmp_path / "fresh", with_pip=False, symlinks=True)
    python = tmp_path / "fresh" / "bin" / "python"
    site = next((tmp_path / "fresh" / "lib").glob("python*/site-packages"))
    (site / "below.pth").write_text(f"import site; site.addsitedir({sysconfig.get_path('purelib')!r})\n")
    environment = {"CUBEKIT_CACHE_DIR": str(tmp_path / "cache")}
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
    commands: list[list[str | Path]] = [
        [*pip, "--editable", "."],
        [python, "-m", "pytest", "-q"],
        [python, "-m", "cubekit.cli", "check", "."],
        [python, "-m", "ruff", "check", "."],
        [python, "-m", "ruff", "format", "--check", "."],
        [python, "-m", "mypy", "--strict", "src", "tests"],
    ]
    for command in commands:
        done = run(*command, cwd=cube, **environment)
        assert done.returncode == 0, done.stdout + done.stderr
    listed = run(python, "-m", "cubekit.cli", "list", cwd=cube, **environment).stdout
    assert "🟨  my-cube" in listed
    (cube / "README.md").write_text("# my-cube\n")
    checked = run(python, "-m", "cubekit.cli", "check", ".", cwd=cube, **environment)
    assert checked.returncode == 4
    assert 'does not mention operation "greet"' in checked.stderr


def test_a_new_service_is_valid_and_takes_cubes(tmp_path: Path) -> None:
    assert cubekit("new", "service", "shop", cwd=tmp_path).returncode == 0
    assert cubekit("check", "shop", cwd=tmp_path).returncode == 0
    cube = ["--set", "cubes.saju.use='saju-calculation'"]
    assert cubekit("check", "shop", *cube, cwd=tmp_path).returncode == 0


@pytest.mark.parametrize("colour", list(Colour))
def test_every_colour(colour: Colour, tmp_path: Path) -> None:
    assert cubekit("new", "cube", "one", "--color", colour, cwd=tmp_path).returncode == 0
    assert f'"cubekit.{colour}"' in (tmp_path / "one" / "pyproject.toml").read_text()


def test_it_overwrites_nothing_and_takes_only_names(tmp_path: Path) -> None:
    (tmp_path / "shop").mkdir()
    assert cubekit("new", "service", "shop", cwd=tmp_path).returncode == 1
    for name in ("Shop", "my_cube", "1st", "class", "../x"):
        assert cubekit("new", "cube", name, cwd=tmp_path).returncode == 2
    assert list(tmp_path.iterdir()) == [tmp_path / "shop"]
