"""An installation of its own: a directory of distributions, and ``cubekit doctor`` on it."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

__all__ = ["Installation", "Report"]

SUFFIX = ".cpython-{}{}".format(*sys.version_info)
WHEEL = "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"


@dataclass(frozen=True)
class Report:
    """What ``doctor --json`` has said."""

    status: int
    payload: dict[str, Any]
    stderr: str

    def of(self, check: str, severity: str | None = None) -> list[dict[str, Any]]:
        """The findings of a check."""
        found = [one for one in self.payload["findings"] if one["check"] == check]
        return [one for one in found if severity in {None, one["severity"]}]

    def only(self, check: str, severity: str) -> dict[str, Any]:
        """The one finding of a check that is so bad; there is no other that is not ok."""
        (found,) = [one for one in self.of(check) if one["severity"] != "ok"]
        assert found["severity"] == severity, found
        return found


@dataclass
class Installation:
    """Distributions beside those of the development environment, in front of them on the path."""

    root: Path
    environment: dict[str, str] = field(default_factory=dict)

    @property
    def site(self) -> Path:
        """Where they are."""
        directory = self.root / "site"
        directory.mkdir(exist_ok=True)
        return directory

    def install(
        self,
        name: str,
        *,
        entry_points: str = "",
        metadata: str = "",
        version: str = "1.0",
        wheel: str = WHEEL,
        files: Mapping[str, str | bytes] | None = None,
    ) -> Path:
        """Install a distribution as pip does, ``RECORD`` included; return its ``.dist-info``."""
        info = f"{name.replace('-', '_')}-{version}.dist-info"
        content = {
            f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n{metadata}",
            f"{info}/WHEEL": wheel,
            f"{info}/entry_points.txt": entry_points,
            **(files or {}),
        }
        record = []
        for path, said in content.items():
            data = said if isinstance(said, bytes) else said.encode()
            target = self.site / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(data)
            sha256 = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
            record.append(f"{path},sha256={sha256},{len(data)}")
        (self.site / info / "RECORD").write_text("\n".join([*record, f"{info}/RECORD,,", ""]))
        return self.site / info

    def cube(self, name: str, code: str, **more: Any) -> Path:
        """Install a cube: a class ``It`` in a module of the cube's name."""
        entry_points = f"[cubekit.feature]\n{name} = {name}:It\n"
        return self.install(name, entry_points=entry_points, files={f"{name}.py": code}, **more)

    def run(
        self, *arguments: str | Path, cwd: Path | None = None, limit: Callable[[], None] | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Run ``cubekit doctor``.

        :param limit: is called in the new process first.
        """
        return subprocess.run(
            [sys.executable, "-W", "error", "-m", "cubekit.cli", "doctor", *map(str, arguments)],
            capture_output=True,
            text=True,
            check=False,
            cwd=cwd or self.root,
            preexec_fn=limit,
            env={
                **os.environ,
                "CUBEKIT_CACHE_DIR": str(self.root / "cache"),
                "PYTHONPATH": str(self.site),
                **self.environment,
            },
        )

    def examine(
        self, *arguments: str | Path, cwd: Path | None = None, limit: Callable[[], None] | None = None
    ) -> Report:
        """Run ``cubekit doctor --json``."""
        done = self.run("--json", *arguments, cwd=cwd, limit=limit)
        payload = json.loads(done.stdout)
        assert payload["schema"] == 1
        return Report(done.returncode, payload, done.stderr)
