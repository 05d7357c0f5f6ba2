"""Plugins that break, hang or crash when they are imported, and contracts that nobody provides."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

from tests.doctor.installation import Installation

SOUND = '''"""A cube."""
from cubekit import Cube, operation


class It(Cube):
    """Says hello."""

    @operation
    async def hello(self) -> str:
        """Say it."""
        return "hello"
'''
CONTRACT = '''"""A contract."""
from typing import Protocol
from cubekit import contract


@contract("shop.items", version="1.1")
class Items(Protocol):
    async def count(self) -> int: ...
'''
PROVIDER = """from cubekit import Cube
from shop_contract import Items

class It(Cube, Items, implements="shop.items@1.1"):
    async def count(self) -> int:
        return 1
"""
CONSUMER = """from typing import Annotated
from cubekit import Cube
from shop_contract import Items

class It(Cube):
    items: Annotated[Items, ">=1.2,<2"]
"""


BROKEN = {
    "missing": ("import sys\nimport nothing_of_that_name\n", "nothing_of_that_name", 2),
    "unreadable": ("def broken(:\n", "SyntaxError", 1),
    "raises": ("import json\n\njson.loads('')\n", "JSONDecodeError", 3),
    "exits": ("import sys\nsys.exit(3)\n", "SystemExit: 3", 2),
    "vanishes": ("import os\nos._exit(0)\n", "ended the process with status 0", None),
    "crashes": ("import ctypes\nctypes.string_at(0)\n", "ended the process by SIGSEGV", 2),
    "interrupts": ("raise KeyboardInterrupt\n", "ended the process by SIGINT", 1),
    "number": ("It = 3\n", "is not a cube", None),
}


def test_what_breaks_at_import_is_told_with_its_line_and_hides_no_other(installation: Installation) -> None:
    installation.cube("sound", SOUND)
    for name, (code, _, _) in BROKEN.items():
        installation.cube(name, code)
    report = installation.examine()
    assert report.status == 1
    found = {one["subject"].split()[-1]: one for one in report.of("plugins", "error")}
    assert found.keys() == BROKEN.keys()
    for name, (_, said, line) in BROKEN.items():
        assert said in found[name]["text"]
        assert found[name]["line"] == line
        assert found[name]["file"] == (str(installation.site / f"{name}.py") if line else None)
        assert found[name]["fix"]
    assert "🟦 sound" in [one["subject"] for one in report.of("plugins", "ok")]


def test_the_line_is_the_plugins_and_not_its_librarys(installation: Installation) -> None:
    library = {"library.py": "def fail():\n    raise ValueError('as ever')\n"}
    installation.install("library", files=library)
    package = {"deep/__init__.py": "", "deep/inner.py": "import library\n\nlibrary.fail()\n",
               "deep/outer.py": "from deep.inner import It\n"}  # fmt: skip
    installation.install("deep", entry_points="[cubekit.feature]\ndeep = deep.outer:It\n", files=package)
    found = installation.examine().only("plugins", "error")
    assert (found["file"], found["line"]) == (str(installation.site / "deep" / "inner.py"), 3)


def test_an_import_that_hangs_is_ended_and_its_line_told(installation: Installation) -> None:
    installation.cube("stuck", "import threading\n\nthreading.Event().wait()\n")
    found = installation.examine("--import-timeout", "8").only("plugins", "error")
    assert "was not done after 8 s" in found["text"]
    assert (found["file"], found["line"]) == (str(installation.site / "stuck.py"), 3)


def test_who_loses_patience_need_not_wait(installation: Installation) -> None:
    pipe = installation.root / "pipe"
    os.mkfifo(pipe)
    installation.cube("stuck", f"import threading\nopen({str(pipe)!r}, 'w').close()\nthreading.Event().wait()\n")
    command = [sys.executable, "-m", "cubekit.cli", "doctor", "--import-timeout", "3600"]
    environment = {**os.environ, "PYTHONPATH": str(installation.site)}
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=environment) as running:
        try:
            pipe.read_bytes()  # until it is being imported
            running.send_signal(signal.SIGINT)
            assert running.communicate()[0] == b""
        finally:
            running.kill()
    assert running.returncode == 1


def test_hooks_and_commands_are_imported_too(installation: Installation) -> None:
    code = "from cubekit import hookimpl\n@hookimpl\ndef cubekit_middlewear(instance): ...\nnothing = 3\n"
    points = "[cubekit.hooks]\nodd = odd\n[cubekit.commands]\nshout = odd:nothing\nwhisper = odd:missing\n"
    installation.install("odd", entry_points=points, files={"odd.py": code})
    report = installation.examine()
    assert report.status == 1
    found = {one["subject"]: one for one in report.of("plugins", "error")}
    assert found.keys() == {"hook odd", "command shout", "command whisper"}
    assert "cubekit_middlewear" in found["hook odd"]["text"]
    assert "no function" in found["command shout"]["text"]
    assert found["command whisper"]["code"] == "CK305"


def test_nothing_is_imported_in_this_process_and_in_safe_mode_nowhere(installation: Installation) -> None:
    marker = installation.root / "imported"
    code = f"import os\nwith open({str(marker)!r}, 'a') as file:\n    print(os.getppid(), file=file)\n"
    installation.cube("seen", code + SOUND)
    assert installation.examine("--safe-mode").status == 0
    assert not marker.exists()
    assert installation.examine().status == 0
    assert len(marker.read_text().splitlines()) == 1


def test_a_contract_that_no_installed_cube_provides(installation: Installation) -> None:
    installation.install("shop-contract", files={"shop_contract.py": CONTRACT})
    installation.cube("consumer", CONSUMER)
    found = installation.examine().only("plugins", "warning")
    assert found["text"].startswith("needs the contract shop.items ")
    assert found["fix"].startswith("cubekit registry search shop.items; or use one of another service")
    installation.cube("provider", PROVIDER)
    assert "1.1 from 🟦 provider" in installation.examine().only("plugins", "warning")["text"]
    (installation.site / "shop_contract.py").write_text(CONTRACT.replace("1.1", "1.2"))
    (installation.site / "provider.py").write_text(PROVIDER.replace("1.1", "1.2"))
    assert installation.examine().status == 0
