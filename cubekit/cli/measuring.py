"""``bench``: the figures of the checkout, on the reader's own machine."""

from __future__ import annotations

import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Annotated, Any

import typer

from cubekit.cli.console import console, table
from cubekit.cli.options import Json
from cubekit.ground.diagnostics import CubekitError, Diagnostic

__all__ = ["bench"]

Names = Annotated[list[str] | None, typer.Argument(help="Benchmarks to run; all by default.")]
Directory = Annotated[Path, typer.Option("--dir", help="Where the benchmarks are.")]


def bench(names: Names = None, directory: Directory = Path("benchmarks"), json: Json = False) -> None:
    """Measure: each benchmark compares with its peers in one run and prints ratios."""
    known = {file.stem: file for file in sorted(directory.glob("*.py")) if not file.stem.startswith("_")}
    if not known:
        fix = "run it in a checkout of cubekit, or give --dir"
        raise CubekitError(Diagnostic("CK501", f"there are no benchmarks in {directory}", fix=fix))
    unknown = [name for name in names or () if name not in known]
    if unknown:
        found = f"there are: {', '.join(known)}"
        raise CubekitError(Diagnostic("CK501", f"there is no benchmark called {', '.join(unknown)}", found=found))
    results: dict[str, list[dict[str, Any]]] = {}
    for name in names or known:
        console.progress(f"{name} …")
        results[name] = _load(known[name]).run()
    rows = [["BENCHMARK", "FIGURE", "VALUE", "TARGET", ""]]
    for name, figures in results.items():
        for figure in figures:
            verdict = ("met" if figure["ok"] else "MISSED") if figure["target"] else ""
            value = f"{figure['value']:,.4g} {figure['unit']}"
            rows.append([name, figure["name"], value, str(figure["target"]), verdict])
    console.data(table(rows), {"benchmarks": results})


def _load(file: Path) -> Any:
    spec = spec_from_file_location(f"cubekit_benchmark_{file.stem}", file)
    if spec is None or spec.loader is None:
        raise CubekitError(Diagnostic("CK501", f"{file} is no Python module"))
    module = module_from_spec(spec)
    sys.modules[spec.name] = module  # where annotations are looked up
    spec.loader.exec_module(module)
    return module
