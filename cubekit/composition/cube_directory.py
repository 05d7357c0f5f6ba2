"""Checks a cube's directory before its author publishes it."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from cubekit.composition.descriptors import Descriptor, describe
from cubekit.discovery import scan
from cubekit.ground.colours import Colour
from cubekit.ground.diagnostics import CubekitError, Diagnostic, Place
from cubekit.ground.toml_lines import TomlFile, read_toml

__all__ = ["check_cube_directory"]


def check_cube_directory(directory: Path) -> list[Diagnostic]:
    """Return what is wrong with a cube's distribution: metadata, declarations, README, change log, tests.

    :raises CubekitError: if its ``pyproject.toml`` cannot be read.
    """
    metadata = read_toml(directory / "pyproject.toml")
    project = metadata.data.get("project", {})
    found = list(_check_metadata(metadata))
    groups = project.get("entry-points", {})
    cubes = {name: colour for colour in Colour for name in groups.get(colour.group, {})}
    if not cubes:
        return [
            *found,
            Diagnostic(
                "CK303",
                "the distribution offers no cube",
                metadata.place("project"),
                needed=f"an entry point in one of: {', '.join(colour.group for colour in Colour)}",
                fix='[project.entry-points."cubekit.feature"]\nmy-cube = "my_package.cube:MyCube"',
            ),
        ]
    for name in cubes:
        found += _check_cube(name, str(project.get("name", "")), directory, metadata)
    for file, fix in (("README.md", "say what the cube does"), ("CHANGELOG.md", "say what changed in each version")):
        if not (directory / file).exists():
            found.append(Diagnostic("CK303", f"there is no {file}", Place(str(directory)), fix=f"write {file}: {fix}"))
    if not any((directory / "tests").glob("**/test_*.py")):
        found.append(Diagnostic("CK303", "there are no tests", Place(str(directory)), fix="write tests/test_cube.py"))
    return found


def _check_metadata(metadata: TomlFile) -> list[Diagnostic]:
    project = metadata.data.get("project", {})
    found = [
        Diagnostic("CK303", f"the distribution has no {key}", metadata.place("project"), fix=f'[project]\n{key} = "…"')
        for key in ("name", "description", "requires-python")
        if not project.get(key)
    ]
    if not any(str(one).startswith("cubekit-core") for one in project.get("dependencies", [])):
        message = "the distribution does not say which versions of cubekit it was written for"
        fix = 'dependencies = ["cubekit-core>=0.1,<0.2"]'
        found.append(Diagnostic("CK303", message, metadata.place("project", "dependencies"), fix=fix))
    return found


def _check_cube(name: str, distribution: str, directory: Path, metadata: TomlFile) -> list[Diagnostic]:
    place = metadata.place("project", "entry-points")
    info = scan().get(name)
    if info is None:
        fix = f"pip install -e {directory}"
        return [Diagnostic("CK201", f'cube "{name}" is not installed, so its code cannot be checked', place, fix=fix)]
    try:
        installed = version(distribution)
    except PackageNotFoundError:
        installed = ""
    if not installed or info.version != installed:
        message = f'cube "{name}" is installed from another distribution: {info.distribution} {info.version}'
        return [Diagnostic("CK203", message, place, fix=f"pip uninstall {info.distribution}")]
    try:
        descriptor = describe(info)
    except CubekitError as error:
        return list(error.diagnostics)
    return _check_readme(descriptor, directory)


def _check_readme(descriptor: Descriptor, directory: Path) -> list[Diagnostic]:
    readme = directory / "README.md"
    if not readme.exists():
        return []
    text = readme.read_text(encoding="utf-8")
    return [
        Diagnostic(
            "CK303",
            f'README.md does not mention operation "{operation.name}"',
            Place(str(readme)),
            fix=f"say in README.md what {operation.name} does",
        )
        for operation in descriptor.operations
        if operation.exposed and operation.name not in text
    ]
