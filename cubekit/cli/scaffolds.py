"""``new``: a cube, a contract or a service to begin with."""

from __future__ import annotations

import builtins
import keyword
import re
import sys
from collections.abc import Iterator
from importlib.resources import files
from importlib.resources.abc import Traversable
from importlib.util import find_spec
from pathlib import Path
from string import Template
from typing import Annotated

import typer

from cubekit.cli.console import console
from cubekit.cli.options import Json
from cubekit.discovery import scan
from cubekit.ground.colours import Colour
from cubekit.ground.diagnostics import CubekitError, Diagnostic

__all__ = ["new"]

_TEMPLATES = files("cubekit.cli") / "templates"
_NAME = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")

Name = Annotated[str, typer.Argument(help="Lower-case words joined by hyphens: my-cube.")]
Directory = Annotated[Path, typer.Option("--dir", help="Where to make it.")]


new = typer.Typer(
    rich_markup_mode=None, no_args_is_help=True, help="Make a cube, a contract or a service to begin with."
)


@new.command("cube")
def new_cube(
    name: Name,
    colour: Annotated[Colour, typer.Option("--color", "--colour", help="What it is for.")] = Colour.FEATURE,
    directory: Directory = Path(),
    json: Json = False,
) -> None:
    """Make a complete cube, whose tests pass as they are."""
    target = _target(name, directory)
    if (installed := scan().get(name)) is not None:
        message = f'a cube called "{name}" is installed already, from {installed.distribution}'
        raise CubekitError(Diagnostic("CK503", message, fix="take another name"))
    kinds = ("cube", f"colours/{colour}")
    values = {"name": name, "module": _module(name), "title": _title(name, "Cube", kinds), "colour": colour}
    written = _write(kinds, target, values)
    steps = [f"cd {target}", "pip install -e '.[test]'", "python -m pytest", "cubekit test .", "cubekit up examples"]
    _done(f"{colour.emoji} cube {name}", target, written, steps)


@new.command("contract")
def new_contract(name: Name, directory: Directory = Path(), json: Json = False) -> None:
    """Make a contract, with the conformance suite of its providers: shop-items becomes shop.items."""
    target = _target(name, directory)
    values = {
        "name": name,
        "contract": name.replace("-", "."),
        "module": _module(f"{name}-contract"),
        "title": _title(name, "Contract", ("contract",)),
    }
    written = _write(("contract",), target, values)
    steps = [f"cd {target}", "pip install -e '.[test]'", "python -m pytest", "cubekit contract show ."]
    _done(f"contract {values['contract']}", target, written, steps)


@new.command("service")
def new_service(name: Name, directory: Directory = Path(), json: Json = False) -> None:
    """Make a service that starts."""
    target = _target(name, directory)
    written = _write(("service",), target, {"name": name})
    _done(f"service {name}", target, written, [f"cubekit up {target}"])


def _module(name: str) -> str:
    module = name.replace("-", "_")
    found = find_spec(module)
    if module in sys.stdlib_module_names or (found is not None and found.origin is not None):
        message = (
            f"Python finds another module called {module}, from {found.origin if found else 'the standard library'}"
        )
        raise CubekitError(Diagnostic("CK503", message, fix=f"take another name, such as my-{name}"))
    return module


def _title(name: str, what: str, kinds: tuple[str, ...]) -> str:
    """The name of the class: one that the templates do not use for something else."""
    title = "".join(word.capitalize() for word in name.split("-"))
    taken = any(re.search(rf"\b{title}\b", text) for kind in kinds for text in _sources(_TEMPLATES / kind))
    return f"{title}{what}" if taken or title in dir(builtins) else title


def _sources(directory: Traversable) -> Iterator[str]:
    for entry in directory.iterdir():
        if entry.is_dir():
            yield from _sources(entry)
        elif entry.name.endswith(".py.tmpl"):
            yield entry.read_text(encoding="utf-8")


def _target(name: str, directory: Path) -> Path:
    if not _NAME.fullmatch(name) or keyword.iskeyword(name):
        message = f"{name!r} cannot be a name"
        needed = "lower-case letters and digits, words joined by hyphens"
        raise CubekitError(Diagnostic("CK504", message, needed=needed, fix="cubekit new cube my-cube"))
    target = directory / name
    if target.exists():
        raise CubekitError(Diagnostic("CK503", f"{target} exists already", fix="take another name, or --dir"))
    return target


def _write(kinds: tuple[str, ...], target: Path, values: dict[str, str]) -> list[Path]:
    """Write templates, the special ones over the general ones."""
    written: dict[Path, None] = {}
    for kind in kinds:
        _write_tree(_TEMPLATES / kind, target, values, written)
    return list(written)


def _write_tree(source: Traversable, target: Path, values: dict[str, str], written: dict[Path, None]) -> None:
    for entry in source.iterdir():
        name = entry.name.replace("MODULE", values.get("module", "")).removesuffix(".tmpl")
        if entry.is_dir():
            _write_tree(entry, target / name, values, written)
            continue
        file = target / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(Template(entry.read_text(encoding="utf-8")).substitute(values), encoding="utf-8")
        written[file] = None


def _done(what: str, target: Path, written: list[Path], steps: list[str]) -> None:
    lines = [f"made {what} in {target}:", *(f"  {file}" for file in sorted(written)), "", "next:"]
    lines += [f"  {step}" for step in steps]
    payload = {"path": str(target), "files": [str(file) for file in sorted(written)], "next": steps}
    console.data("\n".join(lines), payload)
