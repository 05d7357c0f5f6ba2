"""What pytest loads: the options of the kit. The kit itself is loaded when ``--cube`` asks for it."""

from __future__ import annotations

from pathlib import Path

import pytest

__all__ = ["pytest_addoption", "pytest_configure"]


def pytest_addoption(parser: pytest.Parser) -> None:
    """Declare the options."""
    group = parser.getgroup("cubekit", "contract tests of cubes")
    group.addoption("--cube", type=Path, metavar="DIRECTORY", help="The distribution whose cubes are tested.")
    group.addoption(
        "--quality",
        choices=["bronze", "silver", "gold", "platinum"],
        help="The level to reach; by default the one that the cube claims.",
    )
    group.addoption("--quality-report", type=Path, metavar="FILE", help="Write the rules and what became of them.")


def pytest_configure(config: pytest.Config) -> None:
    """Load the kit if a cube is to be tested."""
    config.addinivalue_line("markers", "rule(name): the rule of the quality scale that a test proves")
    if config.getoption("cube") is not None:
        from cubekit.kit.session import CubeSession

        config.pluginmanager.register(CubeSession(config), "cubekit-kit")
