"""Cubes and extensions that are known without an import, and what happens when they are imported."""

from __future__ import annotations

import sys
import textwrap
from collections.abc import Callable
from pathlib import Path

import pytest

from cubekit.discovery.cubes import Catalogue, CubeInfo, ExtensionInfo, conflict_diagnostic
from cubekit.ground.colours import Colour
from cubekit.ground.diagnostics import CubekitError, Diagnostic

Module = Callable[[str], str]


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Module:
    """Write a module from its source, and return its name."""
    monkeypatch.syspath_prepend(tmp_path)

    def write(source: str) -> str:
        name = "plugin_of_a_test"
        (tmp_path / f"{name}.py").write_text(textwrap.dedent(source), encoding="utf-8")
        monkeypatch.delitem(sys.modules, name, raising=False)
        return name

    return write


def cube(name: str = "saju", target: str = "nowhere:Saju", distribution: str = "cubekit-saju") -> CubeInfo:
    return CubeInfo(name, Colour.FEATURE, target, distribution, "1.1.4", "/site")


def refused(info: CubeInfo | ExtensionInfo) -> tuple[Diagnostic, BaseException | None]:
    with pytest.raises(CubekitError) as caught:
        info.load()
    (problem,) = caught.value.diagnostics
    return problem, caught.value.__cause__


def test_a_cube_loads_the_class_of_its_target(module: Module) -> None:
    name = module("class Outer:\n    class Inner: pass\n")
    assert cube(target=f"{name}:Outer.Inner").load().__qualname__ == "Outer.Inner"
    assert ExtensionInfo("x", f"{name}:Outer", "d", "1").load() is sys.modules[name].Outer
    assert ExtensionInfo("x", name, "d", "1").load() is sys.modules[name]


@pytest.mark.parametrize(
    ("source", "cause", "found"),
    [
        ("raise RuntimeError('no luck')", RuntimeError, "RuntimeError: no luck"),
        ("raise SystemExit", SystemExit, "SystemExit"),
        ("import sys; sys.exit(3)", SystemExit, "SystemExit: 3"),
        ("class is", SyntaxError, "SyntaxError: invalid syntax"),
        ("def f(): f()\nf()", RecursionError, "RecursionError: maximum recursion depth exceeded"),
        ("def __getattr__(name): raise ZeroDivisionError(name)", ZeroDivisionError, "ZeroDivisionError: "),
        (
            "class Odd(Exception):\n    def __str__(self): raise ValueError\nraise Odd",
            Exception,
            "Odd: (its message cannot be read: ValueError)",
        ),
    ],
)
def test_whatever_a_cube_does_at_import_is_a_diagnostic(
    module: Module, source: str, cause: type[BaseException], found: str
) -> None:
    name = module(source)
    problem, raised = refused(cube(target=f"{name}:Saju"))
    assert problem.code == "CK301"
    assert problem.message == f'cube "saju" (cubekit-saju 1.1.4) cannot be imported from {name}:Saju'
    assert (problem.found or "").startswith(found)
    assert problem.fix == f"mend {name}, or remove it: pip uninstall cubekit-saju"
    assert isinstance(raised, cause)
    assert raised.__traceback__ is not None, "the traceback can still be shown"


def test_an_interrupt_during_an_import_is_not_caught(module: Module) -> None:
    name = module("raise KeyboardInterrupt")
    with pytest.raises(KeyboardInterrupt):
        cube(target=name).load()


def test_a_missing_module_is_mended_by_installing_again(module: Module) -> None:
    problem, cause = refused(cube(target=f"{module('import surely_missing')}:Saju"))
    assert problem.found == "ModuleNotFoundError: No module named 'surely_missing'"
    assert problem.fix == "pip install --force-reinstall 'cubekit-saju==1.1.4'"
    assert isinstance(cause, ModuleNotFoundError)


def test_a_missing_class_is_mended_in_the_entry_point(module: Module) -> None:
    name = module("")
    problem, cause = refused(cube(target=f"{name}:Saju"))
    assert problem.code == "CK301"
    assert problem.fix == f"correct the entry point in the pyproject.toml of cubekit-saju: {name} has no Saju"
    assert isinstance(cause, AttributeError)


@pytest.mark.parametrize(("target", "kind"), [(":Saju", "int"), ("", "module")])
def test_what_is_not_a_class_is_not_a_cube(module: Module, target: str, kind: str) -> None:
    problem, _ = refused(cube(target=module("Saju = 3") + target))
    assert problem.code == "CK302"
    assert problem.found is not None
    assert problem.found.endswith(f"is an object of type {kind}")
    assert problem.fix


def test_a_broken_extension_is_a_diagnostic(module: Module) -> None:
    problem, cause = refused(ExtensionInfo("audit", module("1 / 0"), "cubekit-audit", "2.0"))
    assert problem.code == "CK305"
    assert problem.message.startswith('plugin "audit" (cubekit-audit 2.0) cannot be imported')
    assert isinstance(cause, ZeroDivisionError)


def test_a_cube_in_memory_is_not_imported() -> None:
    class Local:
        pass

    assert CubeInfo("local", Colour.DATA, "nowhere:Local", "tests", "0", in_memory=Local).load() is Local


def test_a_catalogue_finds_a_cube_by_any_spelling_of_its_name() -> None:
    saju = cube("Saju_Calculation")
    catalogue = Catalogue(cubes=(saju,))
    assert saju.name == "saju-calculation"
    assert catalogue.get("saju-calculation") is catalogue.get("Saju.Calculation") is saju
    assert catalogue.get("saju") is None


def test_a_catalogue_suggests_names_that_resemble_a_name() -> None:
    catalogue = Catalogue(cubes=(cube("auth"), cube("saju-calculation")))
    assert catalogue.suggest("Saju_Calculatoin") == ["saju-calculation"]
    assert catalogue.suggest("xyz") == []


def test_further_cubes_take_the_place_of_their_namesakes_and_settle_conflicts() -> None:
    claims = (cube("b", distribution="one"), cube("b", distribution="two"))
    other = Diagnostic("CK306", "something else")
    catalogue = Catalogue(
        cubes=(cube("a"), cube("c")),
        commands=(ExtensionInfo("x", "x", "d", "1"),),
        diagnostics=(conflict_diagnostic("b", claims), other),
        conflicts={"b": claims},
    )
    more = catalogue.with_cubes(cube("c", "new:C"), cube("B", "new:B"))
    assert [(info.name, info.target) for info in more.cubes] == [("a", "nowhere:Saju"), ("b", "new:B"), ("c", "new:C")]
    assert more.conflicts == {}
    assert more.diagnostics == (other,)
    assert more.commands == catalogue.commands
    assert len(catalogue.cubes) == 2, "the catalogue itself is not changed"
    assert catalogue.with_cubes(cube("z")).diagnostics == catalogue.diagnostics
