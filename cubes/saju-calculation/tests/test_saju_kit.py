"""The cube on the quality scale: it keeps every rule."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

DIRECTORY = Path(__file__).parents[1]


def test_it_is_platinum() -> None:
    command = [sys.executable, "-m", "cubekit.cli", "test", str(DIRECTORY), "--quality", "platinum", "--json"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    [cube] = json.loads(done.stdout)["cubes"]
    assert {rule["name"]: rule["reason"] for rule in cube["rules"] if not rule["kept"]} == {}
