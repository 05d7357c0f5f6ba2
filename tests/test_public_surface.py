"""What outsiders may import, and what importing it costs."""

from __future__ import annotations

import subprocess
import sys

import cubekit
import cubekit.testing


def test_every_public_name_exists_and_nothing_else_is_public() -> None:
    for module in (cubekit, cubekit.testing):
        assert sorted(module.__all__) == sorted(set(module.__all__))
        assert all(getattr(module, name) is not None for name in module.__all__)
    lazy = set(cubekit._MODULES)
    assert lazy | {"__version__"} == set(cubekit.__all__)


def test_every_public_name_is_documented() -> None:
    undocumented = [
        f"{module.__name__}.{name}"
        for module in (cubekit, cubekit.testing)
        for name in module.__all__
        if not name.startswith("__") and callable(value := getattr(module, name)) and not value.__doc__
    ]
    assert undocumented == []


def test_an_unknown_name_is_an_attribute_error() -> None:
    assert not hasattr(cubekit, "no_such_name")


def test_importing_cubekit_is_cheap() -> None:
    everything = "from cubekit import " + ", ".join(name for name in cubekit.__all__ if not name.startswith("__"))
    heavy = {"fastapi", "starlette", "sqlmodel", "sqlalchemy", "opentelemetry", "torch", "uvicorn", "typer", "httpx2"}
    for code, banned in (("import cubekit", heavy | {"pydantic", "anyio", "pluggy"}), (everything, heavy)):
        show = f"{code}; import sys; print(*{{name.split('.')[0] for name in sys.modules}})"
        loaded = subprocess.run([sys.executable, "-c", show], capture_output=True, text=True, check=True).stdout.split()
        assert banned.isdisjoint(loaded), banned & set(loaded)


def test_test_libraries_are_the_kit_s_alone() -> None:
    show = "import cubekit.testing, cubekit.cli.app, sys; print(*{name.split('.')[0] for name in sys.modules})"
    loaded = subprocess.run([sys.executable, "-c", show], capture_output=True, text=True, check=True).stdout.split()
    assert {"pytest", "hypothesis", "blockbuster"}.isdisjoint(loaded)
