"""Checks a cube's directory before its author publishes it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from cubekit.composition.cube_index import check_index
from cubekit.composition.descriptors import Descriptor, describe
from cubekit.discovery import CubeInfo, scan
from cubekit.ground.colours import Colour
from cubekit.ground.diagnostics import CubekitError, Diagnostic, Place
from cubekit.ground.toml_lines import TomlFile, read_toml

__all__ = ["check_cube_directory", "cubes_of", "directory_findings"]


def check_cube_directory(directory: Path) -> list[Diagnostic]:
    """Return what is wrong with a cube's distribution: metadata, declarations, README, INDEX, change log, tests.

    :raises CubekitError: if its ``pyproject.toml`` cannot be read.
    """
    metadata = read_toml(directory / "pyproject.toml")
    try:
        cubes = [describe(cube) for cube in _cubes_of(metadata, directory)]
    except CubekitError as error:
        cubes, problems = [], list(error.diagnostics)
    else:
        problems = []
    return [*problems, *(finding for found in _findings(directory, metadata, cubes).values() for finding in found)]


def cubes_of(directory: Path) -> list[CubeInfo]:
    """Return the installed cubes of a distribution, from its directory.

    :raises CubekitError: if it offers none, or one is not installed, or from elsewhere (CK201, CK203, CK303).
    """
    return _cubes_of(read_toml(directory / "pyproject.toml"), directory)


def directory_findings(directory: Path, cube: Descriptor) -> Mapping[str, list[Diagnostic]]:
    """Return what is wrong with the files around a cube, by rule of the quality scale.

    :raises CubekitError: if its ``pyproject.toml`` cannot be read.
    """
    return _findings(directory, read_toml(directory / "pyproject.toml"), [cube])


def _findings(directory: Path, metadata: TomlFile, cubes: list[Descriptor]) -> dict[str, list[Diagnostic]]:
    return {
        "metadata": _check_metadata(metadata),
        "documentation": _check_documentation(directory, cubes),
        "tests": _check_tests(directory),
        "index": check_index(directory),
    }


def _check_metadata(metadata: TomlFile) -> list[Diagnostic]:
    project = metadata.data.get("project", {})
    built = project.get("dynamic", ())  # these are known once it is built
    found = [
        Diagnostic("CK303", f"the distribution has no {key}", metadata.place("project"), fix=f'[project]\n{key} = "…"')
        for key in ("name", "description", "requires-python")
        if not project.get(key) and key not in built
    ]
    if "dependencies" not in built and not any(_limits_cubekit(str(one)) for one in project.get("dependencies", [])):
        message = "the distribution does not say which versions of cubekit it was written for"
        fix = 'dependencies = ["cubekit-core>=0.1,<0.2"]'
        found.append(Diagnostic("CK303", message, metadata.place("project", "dependencies"), fix=fix))
    return found


def _limits_cubekit(dependency: str) -> bool:
    try:
        requirement = Requirement(dependency)
    except InvalidRequirement:
        return False
    return canonicalize_name(requirement.name) == "cubekit-core" and bool(requirement.specifier or requirement.url)


def _cubes_of(metadata: TomlFile, directory: Path) -> list[CubeInfo]:
    project = metadata.data.get("project", {})
    groups = project.get("entry-points", {})
    names = [name for colour in Colour for name in groups.get(colour.group, {})]
    if not names:
        raise CubekitError(
            Diagnostic(
                "CK303",
                "the distribution offers no cube",
                metadata.place("project"),
                needed=f"an entry point in one of: {', '.join(colour.group for colour in Colour)}",
                fix='[project.entry-points."cubekit.feature"]\nmy-cube = "my_package.cube:MyCube"',
            )
        )
    return [_installed(name, str(project.get("name", "")), directory, metadata) for name in names]


def _installed(name: str, distribution: str, directory: Path, metadata: TomlFile) -> CubeInfo:
    place = metadata.place("project", "entry-points")
    info = scan().get(name)
    if info is None:
        fix = f"pip install -e {directory}"
        message = f'cube "{name}" is not installed, so its code cannot be checked'
        raise CubekitError(Diagnostic("CK201", message, place, fix=fix))
    try:
        installed = version(distribution)
    except PackageNotFoundError:
        installed = ""
    if not installed or info.version != installed:
        message = f'cube "{name}" is installed from another distribution: {info.distribution} {info.version}'
        raise CubekitError(Diagnostic("CK203", message, place, fix=f"pip uninstall {info.distribution}"))
    return info


def _check_documentation(directory: Path, cubes: list[Descriptor]) -> list[Diagnostic]:
    found = [
        Diagnostic("CK303", f"there is no {file}", Place(str(directory)), fix=f"write {file}: {fix}")
        for file, fix in (("README.md", "say what the cube does"), ("CHANGELOG.md", "say what changed in each version"))
        if not (directory / file).exists()
    ]
    for cube in cubes:
        found += _check_readme(cube, directory)
        if not cube.doc:
            fix = f'class {cube.cube.__name__}(Cube):\n    """What it is for."""'
            found.append(Diagnostic("CK303", f"class {cube.cube.__name__} has no docstring", fix=fix))
        found += [
            Diagnostic("CK303", f'operation "{operation.name}" has no docstring', fix="say what it returns")
            for operation in cube.operations
            if operation.exposed and not operation.doc
        ]
    return found


def _check_readme(descriptor: Descriptor, directory: Path) -> list[Diagnostic]:
    readme = directory / "README.md"
    if not readme.exists():
        return []
    text = readme.read_text(encoding="utf-8")
    named = [("operation", operation.name) for operation in descriptor.operations if operation.exposed]
    named += [("configuration key", key) for key in descriptor.config_type.model_fields]
    return [
        Diagnostic(
            "CK303",
            f'README.md does not mention {kind} "{name}"',
            Place(str(readme)),
            fix=f"say in README.md what {name} {'does' if kind == 'operation' else 'means'}",
        )
        for kind, name in named
        if not re.search(rf"(?<!\w){re.escape(name)}(?!\w)", text)
    ]


def _check_tests(directory: Path) -> list[Diagnostic]:
    if any((directory / "tests").glob("**/test_*.py")):
        return []
    return [Diagnostic("CK303", "there are no tests", Place(str(directory)), fix="write tests/test_cube.py")]
