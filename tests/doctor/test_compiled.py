"""Compiled modules that are old, foreign, changed or gone. None of them is imported, so any bytes will do."""

from __future__ import annotations

import hashlib
import json
import os
from importlib.machinery import EXTENSION_SUFFIXES
from typing import Any

from tests.doctor.installation import WHEEL, Installation

HERE = EXTENSION_SUFFIXES[0]
POINTS = "[cubekit.feature]\nquick = quick.cube:It\n"
SOURCES = {"quick/__init__.py": "", "quick/cube.py": "", "quick/core.py": "x = 1\n"}


def quick(installation: Installation, library: str | None = f"core{HERE}", **more: Any) -> None:
    files: dict[str, str | bytes] = {**SOURCES, **more.pop("files", {})}
    if library:
        files[f"quick/{library}"] = b"\x7fELF, or what passes for it"
    installation.install("quick", entry_points=POINTS, files=files, **more)


def manifest(**said: Any) -> dict[str, str]:
    return {"quick-1.0.dist-info/extra_metadata/compiled.json": json.dumps(said)}


def test_what_was_compiled_from_the_sources_beside_it_is_fine(installation: Installation) -> None:
    quick(installation)
    report = installation.examine("--safe-mode")
    assert report.status == 0
    (found,) = report.of("compiled")
    assert found["severity"] == "ok"


def test_a_source_that_was_changed_after_installing(installation: Installation) -> None:
    quick(installation)
    source = installation.site / "quick" / "core.py"
    source.write_text("x = 2\n")
    os.utime(source, (0, 0))  # however old it pretends to be
    report = installation.examine("--safe-mode")
    assert report.status == 1
    found = report.only("compiled", "error")
    assert found["text"].startswith("old code runs")
    assert found["file"] == str(source)
    assert found["fix"] == "pip install --force-reinstall --no-deps 'quick==1.0'"


def test_a_source_that_was_changed_after_compiling_in_place(installation: Installation) -> None:
    sources = {"quick/core.py": hashlib.sha256(b"x = 1\n").hexdigest()}
    origin = {"quick-1.0.dist-info/direct_url.json": '{"url": "file:///a%20b", "dir_info": {"editable": true}}'}
    quick(installation, files={**manifest(sources=sources), **origin})
    (installation.site / "quick-1.0.dist-info" / "RECORD").write_text("")  # an editable one lists no sources
    source = installation.site / "quick" / "core.py"
    os.utime(source, (2**31, 2**31))  # touched, and the same
    assert installation.examine("--safe-mode").status == 0
    source.write_text("x = 2\n")
    found = installation.examine("--safe-mode").only("compiled", "error")
    assert found["text"].startswith("old code runs")
    assert found["fix"] == "pip install -e '/a b'"


def test_without_any_hash_a_newer_source_is_a_warning(installation: Installation) -> None:
    quick(installation)
    (installation.site / "quick-1.0.dist-info" / "RECORD").write_text("")
    os.utime(installation.site / "quick" / f"core{HERE}", (1000, 1000))
    report = installation.examine("--safe-mode")
    assert report.status == 0
    assert report.only("compiled", "warning")["text"].startswith("old code may run")


def test_a_library_that_was_replaced(installation: Installation) -> None:
    quick(installation)
    (installation.site / "quick" / f"core{HERE}").write_bytes(b"something else")
    found = installation.examine("--safe-mode").only("compiled", "error")
    assert "not those that were installed" in found["text"]


def test_a_library_that_is_gone(installation: Installation) -> None:
    quick(installation)
    (installation.site / "quick" / f"core{HERE}").unlink()
    assert "are gone" in installation.examine("--safe-mode").only("compiled", "warning")["text"]
    quick(installation, None, files=manifest(sources={"quick/core.py": "0" * 64}))
    assert "are gone" in installation.examine("--safe-mode").only("compiled", "warning")["text"]


def test_a_library_for_another_python(installation: Installation) -> None:
    quick(installation, "core.cpython-37m-x86_64-linux-gnu.so")
    found = installation.examine("--safe-mode").only("compiled", "warning")
    assert "so that pure Python runs" in found["text"]
    (installation.site / "quick" / "core.py").unlink()
    assert "no source" in installation.examine("--safe-mode").only("compiled", "error")["text"]


def test_a_wheel_for_another_machine(installation: Installation) -> None:
    quick(installation, None, wheel=WHEEL.replace("py3-none-any", "cp37-cp37m-win32"))
    found = installation.examine("--safe-mode").only("compiled", "error")
    assert found["text"].startswith("was built for cp37-cp37m-win32")


def test_a_build_that_fell_back(installation: Installation) -> None:
    quick(installation, None, files=manifest(reason="gcc: not found"))
    found = installation.examine("--safe-mode").only("compiled", "warning")
    assert found["text"].endswith("gcc: not found")
    assert found["fix"].startswith("CUBEKIT_MYPYC=require pip install ")


def test_metadata_that_are_broken_concern_one_distribution(installation: Installation) -> None:
    quick(installation, files={"quick-1.0.dist-info/extra_metadata/compiled.json": "{"})
    found = installation.examine("--safe-mode").only("compiled", "error")
    assert found["subject"] == "quick"
    assert "cannot be read" in found["text"]
