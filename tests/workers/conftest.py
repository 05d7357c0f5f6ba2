"""Fixtures for the tests of workers."""

from __future__ import annotations

from pathlib import Path

import pytest

from .running import CUBES


@pytest.fixture
def service(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    info = tmp_path / "site" / "workercubes-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: workercubes\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(
        "[cubekit.feature]\nworker = workercubes:Worker\none = workercubes:One\nhanging = workercubes:Hanging\n"
    )
    (tmp_path / "site" / "workercubes.py").write_text(CUBES)
    monkeypatch.setenv("CUBEKIT_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "site"))
    file = tmp_path / "service.toml"
    file.write_text('[service]\nname = "many"\n[http]\nworkers = 2\n[cubes.w]\nuse = "worker"\n')
    return file


@pytest.fixture
def anyio_backend() -> str:
    """A worker runs on asyncio."""
    return "asyncio"
