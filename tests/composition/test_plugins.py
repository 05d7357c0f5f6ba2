"""Plugins that fail while a service is composed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from cubekit import CubekitError, Diagnostic, hookimpl
from cubekit.composition.compose import compose
from cubekit.discovery import Catalogue, CubeInfo, ExtensionInfo
from cubekit.ground.colours import Colour
from cubekit.runtime.service import Service
from cubekit.testing import compose_parts

from .composing import Keeper, only

PLUGINS = """
from cubekit import CubekitError, Diagnostic, hookimpl

class Quiet:
    @hookimpl
    def cubekit_descriptor_loaded(self, descriptor):
        pass

class Loud:
    @hookimpl
    def cubekit_descriptor_loaded(self, descriptor):
        raise ZeroDivisionError("by nothing")

class Strict:
    @hookimpl
    def cubekit_descriptor_loaded(self, descriptor):
        raise CubekitError(Diagnostic("CK303", "too plain"))

quiet, loud, strict = Quiet(), Loud(), Strict()
"""


@pytest.fixture
def catalogue(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Catalogue:
    (tmp_path / "plugins_of_a_test.py").write_text(PLUGINS)
    monkeypatch.syspath_prepend(tmp_path)
    hooks = (ExtensionInfo(name, f"plugins_of_a_test:{name}", "d", "1") for name in ("quiet", "loud", "strict"))
    keeper = CubeInfo("keeper", Colour.FEATURE, "x:y", "dist-keeper", "1", in_memory=Keeper)
    return Catalogue(cubes=(keeper,), hooks=tuple(hooks))


def refused(directory: Path, plugins: str, catalogue: Catalogue) -> tuple[list[Diagnostic], dict[CubeInfo, Any]]:
    text = f'[service]\nname = "x"\nplugins = {plugins}\n[cubes.k]\nuse = "keeper"\n'
    (directory / "service.toml").write_text(text)
    imported: dict[CubeInfo, Any] = {}
    with pytest.raises(CubekitError) as caught:
        compose(directory, catalogue=catalogue, environ={}, imported=imported)
    return list(caught.value.diagnostics), imported


def test_a_hook_that_raises_is_named_with_its_plugin(tmp_path: Path, catalogue: Catalogue) -> None:
    problems, imported = refused(tmp_path, '["quiet", "loud"]', catalogue)
    found = only(problems, "CK305", 3)
    assert found.message == 'plugin "loud" failed in its hook cubekit_descriptor_loaded'
    assert found.found == "ZeroDivisionError: by nothing"
    assert [one.cube for one in imported.values()] == [Keeper], "the cube itself is sound, and remembered so"


def test_a_plugin_may_refuse_a_cube(tmp_path: Path, catalogue: Catalogue) -> None:
    problems, _ = refused(tmp_path, '["strict"]', catalogue)
    assert only(problems, "CK303", 5).message == "too plain"


def test_a_plugin_that_is_named_twice(tmp_path: Path, catalogue: Catalogue) -> None:
    problems, _ = refused(tmp_path, '["quiet", "quiet"]', catalogue)
    assert "named twice" in only(problems, "CK305", 3).message


class Layers:
    """A middleware for every operation, or none to be had."""

    def __init__(self, layer: Any) -> None:
        self.layer = layer

    @hookimpl
    def cubekit_middleware(self, instance: str, operation: Any) -> Any:
        if self.layer is None:
            raise LookupError(f"nothing for {instance}.{operation.name}")
        return self.layer


def test_a_middleware_that_cannot_be_made_is_named_with_its_plugin() -> None:
    plan = compose_parts({"k": Keeper})
    plan.plugins.register("sound", Layers(object()))
    plan.plugins.register("broken", Layers(None))
    with pytest.raises(CubekitError, match='plugin "broken" failed in its hook cubekit_middleware') as caught:
        Service(plan)
    assert caught.value.diagnostics[0].found == "LookupError: nothing for k.get"


def test_middlewares_stand_in_the_order_in_which_plugins_are_named() -> None:
    plan, layers = compose_parts({"k": Keeper}), [object(), object()]
    for number, layer in enumerate(layers):
        plan.plugins.register(str(number), Layers(layer))
    (operation,) = plan.cubes["k"].descriptor.operations
    assert list(plan.plugins.middleware("k", operation)) == layers
