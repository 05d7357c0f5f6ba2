"""Build hook: compiles the modules named in ``pyproject.toml`` with mypyc.

``CUBEKIT_MYPYC`` decides: ``auto`` (default) compiles and falls back to pure Python with a warning, ``require`` fails
instead of falling back, ``off`` does not compile. Whatever it says, an editable installation first removes from the
source tree what an earlier one compiled for this interpreter: a stale extension module would silently run old code.
Wheels never take extension modules from the source tree.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

MODES = ("auto", "require", "off")
EXTENSIONS = (".so", ".pyd")
SETUP = """
import sys
from mypyc.build import mypycify
from setuptools import setup

extensions = mypycify({arguments!r}, opt_level="3", group_name={group!r})
for extension in extensions:
    if sys.platform != "win32":
        # All modules are one library, so calls between them may be inlined.
        extension.extra_compile_args.append("-fno-semantic-interposition")
setup(name="extensions", packages=[], ext_modules=extensions)
"""


class MypycHook(BuildHookInterface[Any]):
    """Compile for a wheel, or beside the sources for an editable installation."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Compile before hatchling collects the files."""
        mode = os.environ.get("CUBEKIT_MYPYC", "auto")
        if mode not in MODES:
            raise SystemExit(f"CUBEKIT_MYPYC must be one of {', '.join(MODES)}, not {mode!r}")
        self._outcome: dict[str, Any] = {}
        self._work = tempfile.TemporaryDirectory(prefix="mypyc-")
        if version == "editable":
            self._remove_stale()
        if mode == "off":
            return
        libraries = self._compile(required=mode == "require")
        self._write_down(build_data)
        if not libraries:
            return
        for relative, library in libraries.items():
            if version == "editable":
                shutil.copy2(library, self._source / relative)
            else:
                build_data["force_include"][str(library)] = str(relative)
        build_data["pure_python"] = False
        build_data["infer_tag"] = True

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:
        """Remove the compiler's files after hatchling has packed the result."""
        self._work.cleanup()

    def _write_down(self, build_data: dict[str, Any]) -> None:
        """Say in the metadata which sources were compiled, or why none was: ``cubekit doctor`` reads it."""
        path = Path(self._work.name, "compiled.json")
        path.write_text(json.dumps(self._outcome), encoding="utf-8")
        build_data["extra_metadata"][str(path)] = path.name

    @property
    def _source(self) -> Path:
        return Path(self.root, "src")

    def _remove_stale(self) -> None:
        for path in self._source.rglob(f"*{sysconfig.get_config_var('EXT_SUFFIX')}"):
            path.unlink()

    def _compile(self, *, required: bool) -> dict[Path, Path]:
        """Return where each library belongs, relative to ``src``, and where it is; nothing if compiling failed."""
        work = Path(self._work.name)
        package: str = self.config["package"]
        shutil.copytree(self._source / package, work / package, ignore=shutil.ignore_patterns("__pycache__"))
        modules = [f"{package}/{module}.py" for module in self.config["modules"]]
        sources = {module: hashlib.sha256((work / module).read_bytes()).hexdigest() for module in modules}
        setup = SETUP.format(arguments=["--strict", *modules], group=package)
        command = [sys.executable, "-c", setup, "build_ext", "--build-lib", "lib", "--build-temp", "temp"]
        done = subprocess.run(command, cwd=work, capture_output=True, text=True, check=False)  # noqa: S603 -- own command
        if done.returncode == 0:
            self._outcome = {"sources": sources}
            built = work / "lib"
            return {path.relative_to(built): path for path in sorted(built.rglob("*")) if path.suffix in EXTENSIONS}
        output = f"{done.stdout}{done.stderr}".strip()
        if required:
            raise SystemExit(f"CUBEKIT_MYPYC=require, but mypyc failed:\n{output}")
        reason = output.splitlines()[-1] if output else f"exit status {done.returncode}"
        self._outcome = {"reason": reason}
        self.app.display_warning(f"{package}: not compiled, pure Python is used instead ({reason})")
        return {}
