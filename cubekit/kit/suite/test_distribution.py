"""What stands around the code."""

from __future__ import annotations

import inspect
from importlib.util import find_spec
from pathlib import Path

import pytest

from cubekit.composition.cube_directory import directory_findings
from cubekit.ground.diagnostics import CubekitError
from cubekit.kit.imports import effects_of_import
from cubekit.kit.subjects import Subject

_OF_FILES = ("metadata", "documentation", "tests", "index")


@pytest.mark.parametrize("rule", [pytest.param(rule, marks=pytest.mark.rule(rule)) for rule in _OF_FILES])
def test_the_files_are_complete_and_true(cube: Subject, rule: str) -> None:
    """`cubekit check` finds nothing wrong with them."""
    found = directory_findings(cube.directory, cube.descriptor)[rule]
    assert not found, "\n\n".join(diagnostic.render() for diagnostic in found)


@pytest.mark.rule("quiet-import")
def test_importing_it_does_nothing_else(cube: Subject) -> None:
    """No file is written, no process or thread started, nothing printed, no connection made."""
    effects = effects_of_import(cube.descriptor.cube.__module__)
    assert not effects, f"importing {cube.descriptor.cube.__module__} {'; '.join(effects)}"


@pytest.mark.rule("example")
def test_the_example_is_a_valid_service_that_uses_it(cube: Subject) -> None:
    """`cubekit check examples` finds nothing wrong with it."""
    assert cube.example is not None, f"there is no {cube.directory / 'examples' / 'service.toml'}"
    try:
        cube.planned(cube.plan())
    except CubekitError as error:
        pytest.fail(str(error))


@pytest.mark.rule("typed")
def test_its_types_reach_the_user(cube: Subject) -> None:
    """The package is marked as typed, and what it offers is annotated."""
    spec = find_spec(cube.package)
    places = spec.submodule_search_locations if spec else None
    assert any(Path(place, "py.typed").is_file() for place in places or ()), f"{cube.package} has no py.typed"
    bare = [
        f"{name}({parameter.name})"
        for name, function in inspect.getmembers(cube.descriptor.cube, inspect.isfunction)
        if function.__module__.startswith(cube.package) and not name.startswith("_")
        for parameter in list(inspect.signature(function).parameters.values())[1:]
        if parameter.annotation is parameter.empty
    ]
    bare += [
        f"{name}() -> ?"
        for name, function in inspect.getmembers(cube.descriptor.cube, inspect.isfunction)
        if function.__module__.startswith(cube.package) and "return" not in function.__annotations__
    ]
    assert not bare, f"without annotation: {', '.join(bare)}"


@pytest.mark.rule("translations")
def test_its_failures_are_translated(cube: Subject) -> None:
    """Every failure with a message of its own says it in another language too."""
    contracts = [provision.contract for provision in cube.descriptor.provides.values()]
    declared = {kind for operation in cube.operations for kind in operation.options.errors}
    declared |= {kind for contract in contracts for kind in contract.errors}
    bare = [kind.__qualname__ for kind in declared if "message" in vars(kind) and not vars(kind).get("translations")]
    assert not bare, f"failures without translations: {', '.join(sorted(bare))}"
