"""Conformance suites: the tests that come with a contract, which every provider passes.

A suite is a module of tests beside the contract, announced by an entry point ``cubekit.conformance`` with the name of
the contract. It names the contract's Protocol in ``CONTRACT``, and its tests take the fixture ``provider``, a proxy of
the contract as other cubes have it::

    CONTRACT = Calendar
    pytestmark = pytest.mark.anyio

    async def test_a_day_in_both_calendars(provider: Calendar) -> None:
        assert (await provider.convert("2024-02-10")).lunar.month == 1
"""

from __future__ import annotations

from importlib.metadata import entry_points
from importlib.util import find_spec
from pathlib import Path

__all__ = ["conformance_suite"]


def conformance_suite(contract: str) -> Path | None:
    """Return the file of the suite of a contract, if one is installed."""
    for entry in entry_points(group="cubekit.conformance", name=contract):
        spec = find_spec(entry.module)
        if spec is not None and spec.origin is not None:
            return Path(spec.origin)
    return None
