"""A market for tests: distributions as authors build them, and an environment to install into."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import subprocess
import sysconfig
import venv
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

CONTRACT = '''
from typing import Protocol
from cubekit import contract

@contract("test.greeting", version="{version}")
class Greeting(Protocol):
    """Greets."""
    async def greet(self, name: str) -> str:
        """Say hello."""
'''
GREETER = '''
from cubekit import Cube, operation
from greeting_contract import Greeting

class Greeter(Cube, Greeting, implements="test.greeting@{version}"):
    """Greets."""
    @operation
    async def greet(self, name: str) -> str:
        """Say hello."""
        return "Hello, " + name
'''
HOST = '''
from typing import Annotated
from cubekit import Cube, operation
from greeting_contract import Greeting

class Host(Cube):
    """Welcomes."""
    greeting: Annotated[Greeting, "{admitted}"]
    @operation
    async def welcome(self, name: str) -> str:
        """Say welcome."""
        return await self.greeting.greet(name)
'''
PLAIN = '''
from cubekit import Cube

class Plain(Cube):
    """Does nothing."""
'''


def build(
    directory: Path,
    name: str,
    version: str = "1.0.0",
    *,
    modules: dict[str, str],
    cubes: dict[str, str] | None = None,
    requires: Sequence[str] = ("cubekit-core>=0.1,<0.2",),
    owner: str = "Ada",
    declared: str = "",
    quality: str | None = None,
    extras: Sequence[str] = (),
) -> Path:
    """Make a distribution's directory with what its author builds into ``dist``; return the directory."""
    place = directory / f"{name}-{version}"
    wheel_of(
        place / "dist",
        name,
        version,
        modules=modules,
        cubes=cubes or {},
        requires=requires,
        owner=owner,
        quality=quality,
        extras=extras,
    )
    project = f'[project]\nname = "{name}"\nversion = "{version}"\n[tool.cubekit]\n{declared}'
    (place / "pyproject.toml").write_text(project, "utf-8")
    return place


def wheel_of(
    directory: Path,
    name: str,
    version: str,
    *,
    modules: dict[str, str],
    cubes: dict[str, str],
    requires: Sequence[str] = (),
    owner: str = "Ada",
    quality: str | None = None,
    extras: Sequence[str] = (),
) -> Path:
    """Build a wheel."""
    directory.mkdir(parents=True, exist_ok=True)
    stem = f"{name.replace('-', '_')}-{version}"
    metadata = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\nSummary: A {name}\nAuthor: {owner}\n"
    metadata += "Keywords: polite,greeting\nLicense-Expression: MIT\n"
    metadata += "".join(f"Requires-Dist: {text}\n" for text in requires)
    metadata += "".join(f"Provides-Extra: {extra}\n" for extra in extras)
    entries = "".join(f"{cube} = {target}\n" for cube, target in cubes.items())
    if quality is not None:
        entries += "[cubekit.quality]\n" + "".join(f"{cube} = {quality}\n" for cube in cubes)
    content = {f"{module}.py": text for module, text in modules.items()} | {
        f"{stem}.dist-info/METADATA": metadata,
        f"{stem}.dist-info/WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        f"{stem}.dist-info/entry_points.txt": f"[cubekit.feature]\n{entries}",
    }
    record = "".join(f"{file},sha256={_digest(text)},{len(text.encode())}\n" for file, text in content.items())
    content[f"{stem}.dist-info/RECORD"] = record + f"{stem}.dist-info/RECORD,,\n"
    path = directory / f"{stem}-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        for file, text in content.items():
            archive.writestr(zipfile.ZipInfo(file, (2026, 1, 1, 0, 0, 0)), text)
    return path


def _digest(text: str) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=").decode()


def contract(directory: Path, version: str = "1.0") -> Path:
    """The distribution of the contract."""
    modules = {"greeting_contract": CONTRACT.format(version=version)}
    return build(directory, "greeting-contract", f"{version}.0", modules=modules)


def greeter(directory: Path, version: str = "1.0.0", **more: Any) -> Path:
    """A cube that provides the contract."""
    settings = {
        "modules": {"cubekit_greeter": GREETER.format(version="1.0")},
        "cubes": {"greeter": "cubekit_greeter:Greeter"},
        "requires": ["cubekit-core>=0.1,<0.2", "greeting-contract>=1,<2"],
        "declared": 'permissions = ["network"]\n',
    }
    return build(directory, "cubekit-greeter", version, **(settings | more))


def host(directory: Path, version: str = "1.0.0", admitted: str = ">=1,<2") -> Path:
    """A cube that requires the contract."""
    return build(
        directory,
        "cubekit-host",
        version,
        modules={"cubekit_host": HOST.format(admitted=admitted)},
        cubes={"host": "cubekit_host:Host"},
        requires=["cubekit-core>=0.1,<0.2", "greeting-contract>=1,<2"],
    )


def plain(directory: Path, name: str, version: str = "1.0.0", **more: Any) -> Path:
    """A cube without contracts."""
    module = f"cubekit_{name.replace('-', '_')}"
    return build(
        directory, f"cubekit-{name}", version, modules={module: PLAIN}, cubes={name: f"{module}:Plain"}, **more
    )


@dataclass
class Environment:
    """An environment of its own, in which the command line runs; pip reaches no index but a directory of it."""

    directory: Path
    index: Path = field(init=False)
    site: Path = field(init=False)

    def __post_init__(self) -> None:
        venv.create(self.directory / "venv", with_pip=False, symlinks=True)
        self.index = self.directory / "index"
        self.index.mkdir()
        (self.site,) = (self.directory / "venv" / "lib").glob("*/site-packages")
        # Processes the .pth files of editable installations too, which a plain path would not.
        below = sysconfig.get_path("purelib")
        (self.site / "below.pth").write_text(f"import site; site.addsitedir({below!r})\n")

    @property
    def python(self) -> Path:
        return self.directory / "venv" / "bin" / "python"

    @property
    def variables(self) -> dict[str, str]:
        """A cache of its own, and a pip that reaches no other index."""
        return {
            "CUBEKIT_CACHE_DIR": str(self.directory / "cache"),
            "XDG_CACHE_HOME": str(self.directory / "sigstore"),
            "XDG_DATA_HOME": str(self.directory / "sigstore"),
            "PIP_CONFIG_FILE": os.devnull,
            "PIP_NO_INDEX": "1",
            "PIP_FIND_LINKS": str(self.index),
        }

    def run(self, *arguments: str | Path, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
        """Run ``cubekit …``."""
        return subprocess.run(
            [str(self.python), "-m", "cubekit.cli", *map(str, arguments)],
            capture_output=True,
            text=True,
            check=False,
            cwd=cwd or self.directory,
            env={**os.environ, **self.variables},
            stdin=subprocess.DEVNULL,
        )

    def ok(self, *arguments: str | Path, cwd: Path | None = None) -> dict[str, Any]:
        """Run ``cubekit registry … --json``, which must succeed."""
        done = self.run("registry", *arguments, "--json", cwd=cwd)
        assert done.returncode == 0, done.stdout + done.stderr
        found: dict[str, Any] = json.loads(done.stdout)
        return found

    def refused(self, status: int, *arguments: str | Path, cwd: Path | None = None) -> list[dict[str, Any]]:
        """Run ``cubekit registry … --json``, which must fail with a status; return the errors."""
        done = self.run("registry", *arguments, "--json", cwd=cwd)
        assert done.returncode == status, done.stdout + done.stderr
        found: list[dict[str, Any]] = json.loads(done.stdout)["errors"]
        return found

    def installed(self) -> dict[str, str]:
        """Versions of what was installed here."""
        names = (path.name.removesuffix(".dist-info").partition("-") for path in self.site.glob("*.dist-info"))
        return {name.replace("_", "-"): version for name, _, version in names}


def refused(environment: Environment, service: Path, *arguments: str) -> dict[str, Any]:
    """The one reason why something is not trusted."""
    (problem,) = environment.refused(5, *(arguments or ("add", "greeter")), cwd=service)
    assert environment.installed() == {}
    return problem


def change(path: Path, old: str, new: str) -> None:
    text = path.read_text("utf-8")
    assert old in text
    path.write_text(text.replace(old, new), "utf-8")
