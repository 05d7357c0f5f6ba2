"""Fixtures for all tests of the cube."""

from __future__ import annotations

import logging
from collections.abc import Generator, Iterator

import pytest

from .collector import Collector


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Let reports be sent between processes: some tests log half a character, which has no form in UTF-8."""
    report = yield
    report.sections = [(name, text.encode("utf-8", "backslashreplace").decode()) for name, text in report.sections]
    return report


@pytest.fixture(params=["asyncio", "trio"])
def anyio_backend(request: pytest.FixtureRequest) -> str:
    """Every asynchronous test runs on both event loops."""
    backend: str = request.param
    return backend


@pytest.fixture
def collector() -> Iterator[Collector]:
    """A collector that listens."""
    with Collector() as started:
        yield started


@pytest.fixture(autouse=True)
def _proxies_are_for_others(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(autouse=True)
def _info_is_logged() -> Iterator[None]:
    logger = logging.getLogger("cubekit")
    before = logger.level
    logger.setLevel(logging.INFO)
    yield
    logger.setLevel(before)
