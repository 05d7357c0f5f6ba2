"""The guide "Your first cube in ten minutes" does what it says, in a fresh environment."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sysconfig
import venv
from pathlib import Path

GUIDE = Path(__file__).parents[1] / "docs" / "first-cube.md"
PIP_OPTIONS = ["--quiet", "--no-deps", "--no-build-isolation", "--no-index"]


def test_the_guide_works(tmp_path: Path) -> None:
    venv.create(tmp_path / "fresh", with_pip=False, symlinks=True)
    python = tmp_path / "fresh" / "bin" / "python"
    site = next((tmp_path / "fresh" / "lib").glob("python*/site-packages"))
    (site / "below.pth").write_text(f"import site; site.addsitedir({sysconfig.get_path('purelib')!r})\n")
    environment = {**os.environ, "CUBEKIT_CACHE_DIR": str(tmp_path / "cache")}

    def run(line: str) -> None:
        command, *arguments = shlex.split(line, comments=True)
        words = ["pip", "install", *PIP_OPTIONS, *arguments[1:]] if command == "pip" else ["cubekit.cli", *arguments]
        done = subprocess.run(
            [python, "-m", *words], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
        )
        assert (done.returncode != 0) is line.endswith("# fails"), done.stdout + done.stderr

    for language, block in re.findall(r"```(\w+)\n(.*?)```", GUIDE.read_text(encoding="utf-8"), re.DOTALL):
        if language == "sh":
            for line in block.splitlines():
                run(line)
        elif language == "py":
            code = tmp_path / "hello" / "src" / "hello" / "cube.py"
            imported = code.read_text().replace("from cubekit import Cube,", "from cubekit import Cube, Invalid,")
            code.write_text(f"{imported}\n{block}")
        else:
            with (tmp_path / "hello" / "README.md").open("a") as readme:
                readme.write(block)
