"""A registry with a few cubes, a service that names none yet, and an environment to install into."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.registry.market import Environment, contract, greeter, host

SIGNED = '[registries.company]\nsource = "../registry"\nroot = "root.json"\n'
SERVICE = '[service]\nname = "shop"     # ours\n'


@pytest.fixture(scope="session")
def stocked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A registry's directory, published by command: a contract, greeter 1.0.0 and 1.1.0, host 1.0.0."""
    directory = tmp_path_factory.mktemp("stocked")
    author = Environment(directory)
    built = contract(directory)
    # The author has the contract installed, as a cube's development environment does.
    shutil.unpack_archive(next((built / "dist").glob("*.whl")), author.site, "zip")
    cubes = [greeter(directory), greeter(directory, "1.1.0"), host(directory)]
    registry = directory / "registry"
    registry.mkdir()
    author.ok("publish", built, *cubes, "--to", registry)
    return registry


@pytest.fixture
def environment(tmp_path: Path) -> Environment:
    return Environment(tmp_path)


@pytest.fixture
def registry(stocked: Path, tmp_path: Path) -> Path:
    """A copy of the registry, for a test to change."""
    return shutil.copytree(stocked, tmp_path / "registry")


@pytest.fixture
def service(tmp_path: Path, registry: Path) -> Path:
    """A service that knows the registry by its directory."""
    directory = tmp_path / "service"
    directory.mkdir()
    (directory / "service.toml").write_text(SERVICE, "utf-8")
    (directory / "registry.toml").write_text('[registries.company]\nsource = "../registry"\npriority = 5\n', "utf-8")
    return directory


@pytest.fixture
def keys(tmp_path: Path) -> Path:
    return tmp_path / "keys"


@pytest.fixture
def signed(environment: Environment, registry: Path, keys: Path, service: Path) -> Path:
    """The registry, signed, and a service that checks its signatures."""
    root = environment.ok("publish", "--to", registry, "--keys", keys)["root"]
    shutil.copy(root, service / "root.json")
    (service / "registry.toml").write_text(SIGNED, "utf-8")
    return registry
