"""``test``: the contract-test kit against a cube."""

from __future__ import annotations

import json as jsonlib
import os
import subprocess
import sys
from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

import typer

from cubekit.cli.console import console
from cubekit.cli.options import Json
from cubekit.ground.diagnostics import CubekitError, Diagnostic
from cubekit.ground.quality import Level

__all__ = ["prove"]

_NEEDED = ("pytest", "hypothesis", "blockbuster", "trio")
_ALL_PASSED, _NOTHING_CAN_RUN = 0, 4


def prove(
    path: Annotated[Path, typer.Argument(metavar="DIRECTORY", help="The directory of a cube's distribution.")] = Path(),
    quality: Annotated[Level | None, typer.Option(help="The level to reach; by default the one it claims.")] = None,
    json: Json = False,
) -> None:
    """Hold a cube to the quality scale. Exits with 1 if it breaks a rule of the level, or of one below."""
    from cubekit.composition.cube_directory import cubes_of
    from cubekit.composition.descriptors import describe
    from cubekit.discovery.cache import cache_directory

    _check_installed()
    for cube in cubes_of(path):
        describe(cube)
    with TemporaryDirectory() as directory:
        report = Path(directory) / "report.json"
        status = subprocess.run(  # noqa: S603 - our own interpreter
            _command(path, quality, report),
            stdout=sys.stderr if console.as_json else None,
            env={"HYPOTHESIS_STORAGE_DIRECTORY": str(cache_directory() / "hypothesis"), **os.environ},
            check=False,
        ).returncode
        if status not in {_ALL_PASSED, _NOTHING_CAN_RUN} and not report.exists():
            raise CubekitError(_unended())
        if console.as_json and report.exists():
            cubes = jsonlib.loads(report.read_text(encoding="utf-8"))
            console.event({"passed": status == _ALL_PASSED, "cubes": cubes})
    if status != _ALL_PASSED:
        raise typer.Exit(4 if status == _NOTHING_CAN_RUN else 1)


def _unended() -> Diagnostic:
    message = "the kit did not come to its end: the stacks above tell where the cube hangs, or has left the process"
    return Diagnostic("CK506", message, fix="wait with an await that can be cancelled; let no code of a cube exit")


def _check_installed() -> None:
    if missing := [name for name in _NEEDED if find_spec(name) is None]:
        message = f"the contract-test kit needs {', '.join(missing)}"
        raise CubekitError(Diagnostic("CK505", message, fix="pip install 'cubekit-core[test]'"))


def _command(path: Path, quality: Level | None, report: Path) -> list[str]:
    configuration = str(files("cubekit") / "kit" / "suite" / "pytest.ini")
    command = [sys.executable, "-m", "pytest", "-c", configuration, "--rootdir", str(path.resolve())]
    command += ["--cube", str(path), "--quality-report", str(report)]
    return command + (["--quality", quality] if quality else [])
