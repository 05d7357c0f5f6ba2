"""The benchmark of ``cubekit --help`` measures what it says; a stand-in takes the place of the command."""

from __future__ import annotations

import sys
from importlib import util
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture
def benchmark_module() -> ModuleType:
    spec = util.spec_from_file_location("help_startup", ROOT / "benchmarks" / "help_startup.py")
    assert spec is not None
    assert spec.loader is not None
    module = util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_stand_in_sees_the_fake_cubes_and_the_rows_are_complete(
    benchmark_module: ModuleType, tmp_path: Path
) -> None:
    stand_in = tmp_path / "stand_in.py"
    stand_in.write_text(
        "import os, pathlib\n"
        "from cubekit.discovery import scan\n"
        "cached = pathlib.Path(os.environ['XDG_CACHE_HOME']).exists()\n"
        "found = sum(cube.name.startswith('fake-') for cube in scan().cubes)\n"
        f"with open({str(tmp_path / 'seen')!r}, 'a') as seen: print(cached, found, file=seen)\n",
        encoding="utf-8",
    )
    rows = benchmark_module.run([sys.executable, str(stand_in)], distributions=20, cubes=3, runs=2)
    assert [row.keys() for row in rows] == [{"name", "value", "unit", "target", "ok"}] * 5
    assert [row["unit"] for row in rows] == ["ms", "ms", "ms", "x", "x"]
    assert all(row["value"] > 0 for row in rows)
    assert [row["target"] for row in rows] == [None, None, None, 6.0, None]
    seen = (tmp_path / "seen").read_text("utf-8").split("\n")[:-1]
    assert {line.split()[1] for line in seen} == {"3"}
    assert [line.split()[0] for line in seen][1::2] == ["False", "False"], "each second run is a cold one"


def test_a_command_that_fails_is_not_measured(benchmark_module: ModuleType) -> None:
    with pytest.raises(Exception, match="exit status 3"):
        benchmark_module.run([sys.executable, "-c", "raise SystemExit(3)"], distributions=1, cubes=0, runs=1)
