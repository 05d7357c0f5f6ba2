"""How long ``cubekit registry search`` and ``cubekit list`` take among 2,000 known and 2,000 installed distributions.

Against ``cubekit --help`` in the same environment. Warm: what is installed and what the registry says is in the cache;
cold: the registry was changed, so it is read and checked as a whole.
"""

from __future__ import annotations

import importlib.util
import os
import statistics
import sys
import tempfile
from pathlib import Path
from types import ModuleType
from typing import Any

__all__ = ["fake_registry", "run"]

TARGET = 3.0
"""Times of ``cubekit --help`` that a verb may take."""


def run(*, entries: int = 2000, distributions: int = 2000, cubes: int = 50, runs: int = 9) -> list[dict[str, Any]]:
    """Measure; return rows of name, value, unit, target and whether it is met."""
    startup = _beside("help_startup")
    command = startup._cubekit()
    with tempfile.TemporaryDirectory() as directory:
        site, cache, registry = (Path(directory) / name for name in ("site", "cache", "registry.toml"))
        startup.fake_distributions(site, distributions, cubes)
        registry.write_text(fake_registry(entries), encoding="utf-8")
        path = os.pathsep.join(filter(None, [str(site), os.environ.get("PYTHONPATH")]))
        environ = {**os.environ, "PYTHONPATH": path, "CUBEKIT_CACHE_DIR": str(cache), "NO_COLOR": "1"}
        environ.pop("PYTHONDONTWRITEBYTECODE", None)
        search = [*command, "registry", "search", "fake", "1999", "--registry", str(registry)]
        verbs = {"--help": [*command, "--help"], "list": [*command, "list"], "registry search": search}
        for verb in verbs.values():  # fills the caches
            startup._seconds(verb, environ)
        times: dict[str, list[float]] = {name: [] for name in [*verbs, "registry search, cold"]}
        for _ in range(runs):  # in turns, so that whatever else this machine does weighs on all alike
            for name, verb in verbs.items():
                times[name].append(startup._seconds(verb, environ))
            os.utime(registry)
            times["registry search, cold"].append(startup._seconds(search, environ))
    medians = {name: statistics.median(values) for name, values in times.items()}
    rows = [_row(f"cubekit {name}", seconds * 1000, "ms") for name, seconds in medians.items()]
    rows += [
        _row(f"cubekit {name} against --help", medians[name] / medians["--help"], "x", TARGET)
        for name in ("list", "registry search")
    ]
    return rows


def fake_registry(entries: int) -> str:
    """The text of a registry with many cubes of three releases each."""
    parts = ["schema = 1\n"]
    for number in range(entries):
        name = f"fake-{number:04}"
        parts.append(
            f'[cubes.{name}]\ncolour = "feature"\ndistribution = "cubekit-{name}"\nsummary = "Fakes number {number}"\n'
            f'licence = "MIT"\nowners = ["Ada"]\nkeywords = ["fake", "number-{number}"]\n'
        )
        parts += [
            f'[[cubes.{name}.releases]]\nversion = "{version}"\napi = ">=0.1,<0.2"\npublisher = "Ada"\n'
            f'provides = ["fake.contract-{number}@1.0"]\nfiles = [\n'
            f'    {{ name = "cubekit_fake-{version}-py3-none-any.whl", sha256 = "{number:064x}" }},\n]\n'
            for version in ("0.1.0", "0.2.0", "1.0.0")
        ]
    return "".join(parts)


def _beside(name: str) -> ModuleType:
    """Another benchmark of this directory, which is no package."""
    spec = importlib.util.spec_from_file_location(name, Path(__file__).with_name(f"{name}.py"))
    if spec is None or spec.loader is None:
        raise ImportError(name)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _row(name: str, value: float, unit: str, target: float | None = None) -> dict[str, Any]:
    return {"name": name, "value": round(value, 2), "unit": unit, "target": target, "ok": not target or value <= target}


def main() -> int:
    """Print the rows; return 1 if a target is missed."""
    rows = run()
    for row in rows:
        target = f"  (target: at most {row['target']:g}{row['unit']})" if row["target"] else ""
        print(f"{'ok  ' if row['ok'] else 'SLOW'} {row['name']:<42} {row['value']:>8.2f} {row['unit']}{target}")
    return 0 if all(row["ok"] for row in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
