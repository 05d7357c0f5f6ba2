"""Fixtures for the tests of ports."""

from __future__ import annotations

import pytest

from tests.ports import http_serving


@pytest.fixture
def anyio_backend() -> str:
    """uvicorn runs on asyncio only."""
    return "asyncio"


@pytest.fixture(autouse=True, params=["protocol", "table", "router"])
def http_path(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> http_serving.HttpPath:
    """Run every test of the port over each way that a request can take: the answers are to be the same."""
    monkeypatch.setattr(http_serving, "current_path", request.param)
    path: http_serving.HttpPath = request.param
    return path
