"""Adds cubes to a service file and takes them out, leaving the rest of its text as it is."""

from __future__ import annotations

import tomllib
from collections.abc import Collection, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from cubekit.discovery.cubes import normalised
from cubekit.ground.diagnostics import CubekitError, Diagnostic
from cubekit.ground.toml_lines import TomlFile, read_toml
from cubekit.registry.files import write_whole

__all__ = ["add_cubes", "cubes_of", "remove_cubes", "with_cubes"]


def with_cubes(path: Path, uses: Mapping[str, str]) -> str:
    """Return the text of a service file with further ``[cubes.NAME]`` tables.

    :param uses: the ``use`` of each new instance.
    :raises CubekitError: CK503 if the file has an instance of that name, or its cubes are not written as tables.
    """
    file = read_toml(path)
    tables = [f'[cubes.{name}]\nuse = "{use}"\n' for name, use in uses.items()]
    text = "\n".join([file.text.rstrip("\n") + "\n", *tables]) if uses else file.text
    present = file.data.get("cubes", {})
    if present.keys() & uses.keys() or _read(text) is None:
        taken = sorted(present.keys() & uses.keys())
        raise CubekitError(
            Diagnostic(
                "CK503",
                f"{' and '.join(taken or uses)} cannot be written into the service file",
                file.place("cubes", *taken[:1]),
                found="an instance of that name, which uses another cube" if taken else "cubes that are not tables",
                fix="give that one another name" if taken else "write each cube as a table: [cubes.NAME]",
            )
        )
    return text


def add_cubes(path: Path, uses: Mapping[str, str]) -> None:
    """Append ``[cubes.NAME]`` tables to a service file.

    :raises CubekitError: CK503 as `with_cubes`.
    """
    if uses:
        write_whole(path, with_cubes(path, uses))


def cubes_of(data: Mapping[str, Any]) -> dict[str, str]:
    """The cube of every instance. What is written wrongly is left out, and keeps nobody from removing others."""
    from cubekit.ground.versions import split_use

    found = {}
    tables = data.get("cubes")
    for instance, table in tables.items() if isinstance(tables, Mapping) else ():
        with suppress(ValueError):
            found[instance] = normalised(split_use(str(table.get("use") if isinstance(table, Mapping) else ""))[0])
    return found


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
