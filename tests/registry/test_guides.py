"""The guides "Publishing" and "Running a private registry", command by command, in a fresh environment."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

from tests.registry.market import Environment

DOCS = Path(__file__).parents[2] / "docs"


def commands(guide: str) -> str:
    return "\n".join(re.findall(r"```sh\n(.*?)```", (DOCS / guide).read_text("utf-8"), re.DOTALL))


def test_a_stranger_publishes_and_installs_a_cube(environment: Environment, tmp_path: Path) -> None:
    binaries = environment.python.parent
    # Building in isolation would take an index from which to install what builds.
    for name, command in (("cubekit", 'cubekit.cli "$@"'), ("pip", 'pip "$@" --no-build-isolation')):
        script = binaries / name
        script.write_text(f'#!/bin/sh\nexec "{environment.python}" -m {command}\n', "utf-8")
        script.chmod(0o755)
    variables = {
        **os.environ,
        **environment.variables,
        "PATH": f"{binaries}{os.pathsep}{os.environ['PATH']}",
    }
    script_text = f"set -eux\n{commands('publishing.md')}\ncd ..\n{commands('private-registry.md')}"
    done = subprocess.run(
        ["bash", "-c", script_text], cwd=tmp_path, env=variables, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "- permission network" in done.stdout
    assert "Hello, Ada!" in done.stdout
    assert "cubekit-hello-world" not in environment.installed()
