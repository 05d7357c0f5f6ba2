"""Adds cubes to a service file and takes them out, leaving the rest of its text as it is."""

from __future__ import annotations

import tomllib
from collections.abc import Collection
from pathlib import Path

from cubekit.ground.diagnostics import CubekitError, Diagnostic
from cubekit.ground.toml_lines import TomlFile, read_toml
from cubekit.registry.files import write_whole

__all__ = ["add_cubes", "remove_cubes", "users_of"]


def add_cubes(path: Path, uses: dict[str, str]) -> None:
    """Append ``[cubes.NAME]`` tables to a service file.

    :param uses: the ``use`` of each new instance.
    """
    if uses:
        tables = [f'[cubes.{name}]\nuse = "{use}"\n' for name, use in uses.items()]
        write_whole(path, "\n".join([read_toml(path).text.rstrip("\n") + "\n", *tables]))


def users_of(file: TomlFile, cube: str) -> list[str]:
    """The instances of a service file that use a cube."""
    from cubekit.ground.versions import split_use

    tables = file.data.get("cubes", {})
    return [name for name, table in tables.items() if split_use(str(table.get("use", "")))[0] == cube]


def remove_cubes(file: TomlFile, instances: Collection[str]) -> None:
    """Take the tables of instances out of a service file.

    :raises CubekitError: CK504 if they are written in a way that cannot be cut out as whole tables.
    """
    if not instances:
        return
    lines = file.text.split("\n")
    starts = {line for line in file.lines.values() if lines[line - 1].lstrip().startswith("[")}
    own = {line for keys, line in file.lines.items() if keys[:1] == ("cubes",) and keys[1:2] and keys[1] in instances}
    kept: list[str] = []
    cutting = False
    for number, text in enumerate(lines, start=1):
        if number in starts:
            cutting = number in own
        if not cutting:
            kept.append(text)
    wanted = {**file.data, "cubes": {name: one for name, one in file.data["cubes"].items() if name not in instances}}
    result = "\n".join(kept)
    if _read(result) != {key: value for key, value in wanted.items() if key != "cubes" or value}:
        place = file.place("cubes", next(iter(instances)))
        message = f"{' and '.join(instances)} cannot be cut out of the service file"
        raise CubekitError(Diagnostic("CK504", message, place, fix="delete it there by hand, and run this again"))
    write_whole(file.path, result)


def _read(text: str) -> object:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return None
