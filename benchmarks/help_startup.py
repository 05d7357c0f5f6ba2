"""How long ``cubekit --help`` takes among 2,000 installed distributions, against the bare interpreter's start.

Warm: the catalogue of what is installed is in the cache. Cold: it is not, as after an installation.
"""

from __future__ import annotations

import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

__all__ = ["fake_distributions", "run"]

TARGET = 6.0
"""Starts of the bare interpreter that the warm command may take."""
_AN_HOUR = 3600 * 10**9


def run(
    command: Sequence[str] | None = None, *, distributions: int = 2000, cubes: int = 50, runs: int = 15
) -> list[dict[str, Any]]:
    """Measure; return rows of name, value, unit, target and whether it is met.

    :param command: what to start instead of ``cubekit --help``.
    """
    command = [*_cubekit(), "--help"] if command is None else command
    with tempfile.TemporaryDirectory() as directory:
        site, cache = Path(directory) / "site", Path(directory) / "cache"
        fake_distributions(site, distributions, cubes)
        path = os.pathsep.join(filter(None, [str(site), os.environ.get("PYTHONPATH")]))
        environ = {**os.environ, "PYTHONPATH": path, "XDG_CACHE_HOME": str(cache), "NO_COLOR": "1"}
        environ.pop("PYTHONDONTWRITEBYTECODE", None)  # bytecode is on disk, as on anybody's machine after one start
        bare: list[float] = []
        cold: list[float] = []
        warm: list[float] = []
        _seconds(command, environ)  # compiles what was never imported
        # In turns, so that whatever else this machine does weighs on all three alike.
        for _ in range(runs):
            bare.append(_seconds([sys.executable, "-c", "pass"], environ))
            shutil.rmtree(cache, ignore_errors=True)
            cold.append(_seconds(command, environ))
            warm.append(_seconds(command, environ))
    return [
        _row("bare interpreter", statistics.median(bare) * 1000, "ms"),
        _row("cubekit --help, warm", statistics.median(warm) * 1000, "ms"),
        _row("cubekit --help, cold", statistics.median(cold) * 1000, "ms"),
        _row("cubekit --help, warm, against bare", statistics.median(warm) / statistics.median(bare), "x", TARGET),
        _row("cubekit --help, cold, against bare", statistics.median(cold) / statistics.median(bare), "x"),
    ]


def fake_distributions(site: Path, distributions: int, cubes: int) -> None:
    """Fill a directory with installed distributions, the first few of which offer a cube."""
    for number in range(distributions):
        name = f"fake_distribution_{number:04}"
        info = site / f"{name}-1.0.dist-info"
        info.mkdir(parents=True)
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n", encoding="utf-8")
        group = "cubekit.feature" if number < cubes else "console_scripts"
        (info / "entry_points.txt").write_text(f"[{group}]\nfake-{number} = {name}:Fake\n", encoding="utf-8")
    # What changed just now is not cached, and nobody calls --help within two seconds of an installation.
    moment = time.time_ns() - _AN_HOUR
    os.utime(site, ns=(moment, moment))


def _cubekit() -> list[str]:
    installed = shutil.which("cubekit", path=str(Path(sys.executable).parent))
    return [installed] if installed else [sys.executable, "-m", "cubekit"]


def _seconds(command: Sequence[str], environ: Mapping[str, str]) -> float:
    start = time.perf_counter()
    subprocess.run(command, env=environ, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - start


def _row(name: str, value: float, unit: str, target: float | None = None) -> dict[str, Any]:
    return {"name": name, "value": round(value, 2), "unit": unit, "target": target, "ok": not target or value <= target}


def main() -> int:
    """Print the rows; return 1 if a target is missed."""
    rows = run()
    for row in rows:
        target = f"  (target: at most {row['target']:g}{row['unit']})" if row["target"] else ""
        print(f"{'ok  ' if row['ok'] else 'SLOW'} {row['name']:<36} {row['value']:>8.2f} {row['unit']}{target}")
    return 0 if all(row["ok"] for row in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
