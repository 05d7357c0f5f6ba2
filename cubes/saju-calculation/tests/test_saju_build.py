"""What was built: compiled where it must be, the same in both modes, without the framework."""

from __future__ import annotations

import hashlib
import json
import os
import random
import subprocess
import sys
from importlib.metadata import distribution
from pathlib import Path
from typing import Any

import cubekit_saju
from cubekit_saju._birth import OPTION_VALUES


def test_require_means_compiled(installed: Any) -> None:
    mode = os.environ.get("CUBEKIT_MYPYC", "auto")
    assert installed.compiled is True or mode != "require"


def test_what_was_compiled_is_written_down(installed: Any) -> None:
    said = json.loads(distribution("cubekit-saju-calculation").read_text("extra_metadata/compiled.json") or "{}")
    source = Path(cubekit_saju.__file__).parent / "_analysis" / "pillars.py"
    if installed.compiled:
        assert said["sources"]["cubekit_saju/_analysis/pillars.py"] == hashlib.sha256(source.read_bytes()).hexdigest()
    else:
        assert "sources" not in said


def test_pure_modules_are_pure(pure: Any) -> None:
    assert pure.compiled is False
    assert pure.module("_calendar.lunar").__file__.endswith(".py")


def test_library_needs_neither_cubekit_nor_pydantic() -> None:
    code = "import sys, cubekit_saju; print(sorted({'cubekit', 'pydantic', 'saju_contract'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_all_is_exact() -> None:
    public = {name for name in vars(cubekit_saju) if not name.startswith("_")} - {
        "annotations",
        "Final",
        "cube",
        "results",
    }
    assert public | {"__version__"} == set(cubekit_saju.__all__)


def test_compiled_and_pure_agree_on_random_births(installed: Any, pure: Any) -> None:
    chance = random.Random(20)
    for _ in range(4_000):
        date = (chance.randint(1599, 2401), chance.randint(0, 13), chance.randint(0, 32))
        time = (chance.randint(-1, 24), chance.randint(-1, 60))
        place, zi = chance.uniform(-180, 180), chance.randint(0, 2)
        assert _outcome(installed, date, time, place, zi) == _outcome(pure, date, time, place, zi)


def test_compiled_and_pure_agree_on_whole_charts(installed: Any, pure: Any) -> None:
    chance = random.Random(21)
    for _ in range(300):
        moment = (
            chance.randint(1600, 2400),
            chance.randint(1, 12),
            chance.randint(1, 28),
            chance.choice([None, 0, 5, 23]),
            chance.randint(0, 59),
        )
        lunar, male = chance.random() < 0.3, chance.random() < 0.5
        options = {name: chance.choice(values) for name, values in OPTION_VALUES.items()}
        assert _chart(installed, moment, lunar, male, options) == _chart(pure, moment, lunar, male, options)


def _outcome(library: Any, date: tuple[int, ...], time: tuple[int, ...], place: float, zi: int) -> object:
    try:
        return library.korean_pillars(*date, *time, place, zi)
    except library.SajuError as error:
        return type(error).__name__, str(error)


def _chart(
    library: Any, moment: tuple[int | None, ...], lunar: bool, male: bool, options: dict[str, Any]
) -> tuple[object, object]:
    try:
        birth = library.Birth(*moment, male=male, lunar=lunar, options=library.Options(**options))
        return library.calculate(birth), library.daily(birth, 2026, 11, 21)
    except library.SajuError as error:
        return type(error).__name__, str(error)
