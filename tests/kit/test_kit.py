"""The contract-test kit finds each flaw, and nothing where there is none."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from cubekit.ground.quality import RULES, Level, rules_up_to, scale
from cubekit.kit.imports import effects_of_import

FLAWS = {
    "sound": set[str](),
    "blocking": {"no-blocking"},
    "mistaken": {"operations", "bad-input", "stop-under-load", "cancellation", "restart", "no-blocking"},
    "lying": {"operations", "same-over-bytes", "bad-input"},
    "undeclared": {"declared-failures"},
    "english": {"translations"},
    "fickle": {"idempotence", "same-over-bytes"},
    "two-faced": {"same-over-bytes"},
    "sick": {"health", "restart", "side-by-side"},
    "once-only": set[str]({rule for rule in RULES if rule in {"lifecycle", "cancellation", "restart"}}),
    "hoarding": {"no-leaks", "side-by-side"},
    "stubborn": {"cancellation"},
    "careless": {"configuration"},
    "forgetful": {"lifecycle"},
    "deaf": {"cancellation"},
    "deafer": {"cancellation"},
    "tripping": {"bad-input"},
    "moody": {"same-over-bytes"},
    "promising": {"operations", "same-over-bytes", "no-blocking", "conformance"},
    "drawing": {"no-blocking"},
    "sharing": {"side-by-side"},
    "crashing": {"operations", "bad-input", "cancellation", "stop-under-load", "same-over-bytes", "no-blocking"},
    "unwell": {"health", "restart", "side-by-side", "no-blocking"},
    "paging": {"no-blocking"},
}
"""What each cube of ``flawed_cubes`` breaks, beside what their bare distribution does."""

BARE = {"documentation", "tests", "index", "example", "typed"}


def cubekit(*arguments: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
    words = [str(word) for word in arguments]
    environment = {**os.environ, **environment}
    return subprocess.run(
        [sys.executable, "-m", "cubekit.cli", *words], capture_output=True, text=True, check=False, env=environment
    )


def distribution(directory: Path, cubes: dict[str, str], source: str) -> dict[str, str]:
    """Make a distribution that counts as installed for processes with the returned environment."""
    site = directory / "site"
    metadata = site / "flawed-0.1.0.dist-info"
    metadata.mkdir(parents=True)
    (site / "flawed.py").write_text(source)
    entries = "\n".join(f"{name} = flawed:{kind}" for name, kind in cubes.items())
    (metadata / "METADATA").write_text("Metadata-Version: 2.4\nName: flawed\nVersion: 0.1.0\n")
    (metadata / "entry_points.txt").write_text(f"[cubekit.feature]\n{entries}\n")
    table = "\n".join(f'{name} = "flawed:{kind}"' for name, kind in cubes.items())
    (directory / "pyproject.toml").write_text(
        '[project]\nname = "flawed"\nversion = "0.1.0"\ndescription = "Flawed"\nrequires-python = ">=3.11"\n'
        f'dependencies = ["cubekit-core>=0.1,<0.2"]\n[project.entry-points."cubekit.feature"]\n{table}\n'
    )
    return {"PYTHONPATH": str(site), "CUBEKIT_CACHE_DIR": str(directory / "cache")}


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    directory = tmp_path_factory.mktemp("flawed")
    classes = {name: "".join(part.capitalize() for part in name.split("-")) for name in FLAWS}
    source = (Path(__file__).parent / "flawed_cubes.py").read_text(encoding="utf-8")
    environment = distribution(directory, classes, source)
    done = cubekit("test", directory, "--json", **environment)
    assert done.stdout, done.stderr
    return {cube["name"]: cube for cube in json.loads(done.stdout)["cubes"]}


@pytest.mark.parametrize("name", FLAWS)
def test_each_flaw_is_found(name: str, results: dict[str, Any]) -> None:
    broken = {rule["name"]: rule["reason"] for rule in results[name]["rules"] if not rule["kept"]}
    assert set(broken) >= BARE | FLAWS[name], broken
    if name not in {"once-only", "mistaken", "lying", "crashing"}:
        assert set(broken) == BARE | FLAWS[name], broken
    assert all(broken.values())


@pytest.mark.parametrize(
    ("name", "rule", "said"),
    [
        ("mistaken", "operations", r"mistaken\.third fails with IndexError: .* at \S*flawed\.py:\d+, for \{"),
        ("lying", "operations", r"number \(\S*flawed\.py:\d+\) returns what it does not declare: .*'seven'"),
        ("undeclared", "declared-failures", r"find \(\S*:\d+\) raises NotFound for .*: declare it, errors="),
        ("blocking", "no-blocking", r"blocking\.wait fails with .*time\.sleep at \S*flawed\.py:\d+"),
        ("deaf", "cancellation", r"wait \(\S*:\d+\): it goes on after it is cancelled at \S*flawed\.py:\d+"),
        (
            "forgetful",
            "lifecycle",
            r"still runs after the stop: sleep; begin it with self\.tasks\.start_soon",
        ),
        ("sharing", "side-by-side", r"both instances share Sharing\.kept, which belongs to the class"),
        ("unwell", "health", r"health_check\(\) fails with TypeError: .* observed pressure = nan"),
        ("stubborn", "cancellation", r"RuntimeError: interrupted at \S*flawed\.py:\d+"),
        (
            "once-only",
            "lifecycle",
            r"^\S*: cube .once-only. \(flawed 0\.1\.0\) could not start: .* at \S*flawed\.py:\d+$",
        ),
        ("two-faced", "same-over-bytes", r"greet \(\S*:\d+\) says something else over HTTP, for \{\}"),
    ],
)
def test_the_author_is_told_what_and_where(name: str, rule: str, said: str, results: dict[str, Any]) -> None:
    [reason] = [one["reason"] for one in results[name]["rules"] if one["name"] == rule]
    assert re.search(said, reason.splitlines()[0]), reason


def test_importing_must_be_quiet(tmp_path: Path) -> None:
    source = (
        "import threading\n"
        "from cubekit import Cube\n"
        "print('hello')\n"
        f"open({str(tmp_path / 'trace')!r}, 'w').close()\n"
        "threading.Thread(target=threading.Event().wait, daemon=True).start()\n"
        "class Loud(Cube):\n    'Makes noise.'\n"
    )
    environment = distribution(tmp_path, {"loud": "Loud"}, source)
    done = cubekit("test", tmp_path, "--json", **environment)
    found = json.loads(done.stdout.splitlines()[-1])
    [reason] = [rule["reason"] for rule in found["cubes"][0]["rules"] if rule["name"] == "quiet-import"]
    assert "prints 'hello" in reason
    assert f"writes {tmp_path / 'trace'} at {tmp_path / 'site' / 'flawed.py'}:4" in reason
    assert "starts thread" in reason


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("import os; os.close(os.open('made', os.O_CREAT | os.O_WRONLY))", "writes made"),
        ("import os; os.environ['FLAWED'] = '1'", "sets variable FLAWED"),
        ("import os; os.chdir('/')", "goes to /"),
        ("import socket; socket.getaddrinfo('localhost', 1)", "looks up localhost"),
        ("import sys; sys.path.append('elsewhere')", "changes the path of imports"),
        ("import signal; signal.signal(signal.SIGTERM, print)", "changes what handles signal 15"),
        ("import logging; logging.basicConfig()", "changes logging"),
        ("import gc; gc.disable()", "changes the collection of garbage"),
        ("import os; os._exit(3)", "the process ends with status 3"),
        ("raise SystemExit('no')", "fails when it is imported alone: no"),
        ("import atexit; atexit.register(print, 'bye')", None),
        ("open(__file__).close()", None),
    ],
)
def test_what_an_import_does_is_seen(
    code: str, said: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "flawed.py").write_text(code)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    effects = effects_of_import("flawed")
    assert [said in effect for effect in effects] == [True] if said else not effects, effects


def test_what_is_claimed_must_be_reached(tmp_path: Path) -> None:
    shutil.copy(Path(__file__).parent / "flawed_cubes.py", tmp_path / "source.py")
    environment = distribution(tmp_path, {"sound": "Sound"}, (tmp_path / "source.py").read_text())
    entries = tmp_path / "site" / "flawed-0.1.0.dist-info" / "entry_points.txt"
    entries.write_text(entries.read_text() + "[cubekit.quality]\nsound = silver\n")
    listed = json.loads(cubekit("list", "--json", **environment).stdout)["cubes"]
    assert {cube["name"]: cube["quality"] for cube in listed}["sound"] == "silver"
    done = cubekit("test", tmp_path, **environment)
    assert done.returncode == 1
    assert "flawed" not in done.stderr
    assert "bronze   tests: " in done.stdout
    assert "there are no tests [CK303]" in done.stdout


def test_what_cannot_be_tested_is_said(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text('[project]\nname = "nothing"\n')
    done = cubekit("test", tmp_path)
    assert done.returncode == 4
    assert "the distribution offers no cube [CK303]" in done.stderr


ENDLESS = """
from cubekit import Cube, operation

class Endless(Cube):
    "Never comes back."

    @operation
    async def wait(self) -> None:
        "Wait for ever."
        while True:
            pass
"""


def test_a_cube_that_cannot_be_stopped_is_said(tmp_path: Path) -> None:
    environment = distribution(tmp_path, {"endless": "Endless"}, ENDLESS)
    done = cubekit("test", tmp_path, **environment, PYTEST_ADDOPTS="-o faulthandler_timeout=5")
    assert done.returncode == 1
    assert re.search(r'flawed\.py", line \d+ in wait', done.stderr)
    assert "[CK506]" in done.stderr


SLOW = """
import anyio
from cubekit import Cube

class Slow(Cube):
    "Takes its time."

    async def start(self) -> None:
        "Begin."
        await anyio.sleep_forever()
"""


def test_a_cube_that_does_not_start_is_not_tried_again(tmp_path: Path) -> None:
    environment = distribution(tmp_path, {"slow": "Slow"}, SLOW)
    (tmp_path / "examples").mkdir()
    service = '[service]\nname = "slow"\n[cubes.slow]\nuse = "slow"\nstart_timeout = "100ms"\n'
    (tmp_path / "examples" / "service.toml").write_text(service)
    [found] = json.loads(cubekit("test", tmp_path, "--json", **environment).stdout)["cubes"]
    broken = {rule["name"]: rule["reason"] for rule in found["rules"] if not rule["kept"]}
    assert "[CK402]" in broken["lifecycle"]
    assert broken["health"].startswith("not tried: ")
    assert "configuration" not in broken, "what needs no life is tried"


STREAMED = """
    async def word(self) -> str: ...
    def words(self, page: int) -> AsyncIterator[Entry]: ...
"""

NEEDY = """
from collections.abc import AsyncIterator
from pydantic import BaseModel, Field
from typing import Annotated, Protocol
from cubekit import Cube, contract, operation

class Entry(BaseModel):
    word: str = Field(min_length=3, pattern="^[a-z]+$")

@contract("test.words", version="1.0")
class Words(Protocol):
    async def word(self) -> str: ...

class Dictionary(Cube, Words, implements="test.words@1.0"):
    async def word(self) -> str:
        return "lexicon"

class Needy(Cube):
    "Needs words."
    words: Annotated[Words, ">=1,<2"]

    @operation
    async def say(self) -> str:
        "Return a word."
        return await self.words.word()
"""


def test_a_cube_runs_in_the_service_of_its_example(tmp_path: Path) -> None:
    environment = distribution(tmp_path, {"needy": "Needy", "dictionary": "Dictionary"}, NEEDY)
    (tmp_path / "examples").mkdir()
    (tmp_path / "examples" / "service.toml").write_text('[service]\nname = "words"\n[cubes.needy]\nuse = "needy"\n')
    done = cubekit("test", tmp_path, **environment)
    assert done.returncode == 4
    assert "needs  test.words" in done.stderr
    assert "examples/service.toml, which must give it what it needs" in done.stderr
    cubes = '[cubes.needy]\nuse = "needy"\n[cubes.dictionary]\nuse = "dictionary"\n'
    (tmp_path / "examples" / "service.toml").write_text(f'[service]\nname = "words"\n{cubes}')
    found = json.loads(cubekit("test", tmp_path, "--json", **environment).stdout)["cubes"]
    broken = {cube["name"]: {rule["name"] for rule in cube["rules"] if not rule["kept"]} for cube in found}
    assert broken["needy"] == BARE - {"example"}
    assert broken["dictionary"] == BARE - {"example"} | {"conformance"}


@pytest.mark.parametrize(
    "cubes",
    ["", "[cubes.needy]", "[cubes]\nneedy = 3", "[cubes.needy]\nuse = 3", '[cubes.needy]\nuse = "gone"', "[[cubes]]"],
)
def test_a_wrong_example_is_said(cubes: str, tmp_path: Path) -> None:
    environment = distribution(tmp_path, {"needy": "Needy"}, NEEDY)
    (tmp_path / "examples").mkdir()
    (tmp_path / "examples" / "service.toml").write_text(f'[service]\nname = "words"\n{cubes}\n')
    done = cubekit("test", tmp_path, **environment)
    assert done.returncode == 4
    assert re.search(r"service\.toml.* \[CK\d{3}\]", done.stderr)
    assert "INTERNALERROR" not in done.stdout + done.stderr


def test_what_nobody_provides_has_a_stand_in(tmp_path: Path) -> None:
    source = NEEDY.replace("async def word(self) -> str: ...", STREAMED)
    environment = distribution(tmp_path, {"needy": "Needy"}, source)
    [found] = json.loads(cubekit("test", tmp_path, "--json", **environment).stdout)["cubes"]
    assert {rule["name"] for rule in found["rules"] if not rule["kept"]} == BARE


def test_a_readme_names_operations_by_their_whole_name(tmp_path: Path) -> None:
    environment = distribution(tmp_path, {"needy": "Needy"}, NEEDY)
    for text, missing in (("It has its say: `say`.", False), ("As is said, essays say_nothing.", True)):
        (tmp_path / "README.md").write_text(text)
        done = cubekit("check", tmp_path, **environment)
        assert ('does not mention operation "say"' in done.stderr) is missing


@pytest.mark.parametrize(
    ("line", "wrong"),
    [
        ('dependencies = ["cubekit-core>=0.1,<0.2"]', False),
        ('dependencies = ["Cubekit_Core[test] ~=0.1"]', False),
        ('dynamic = ["dependencies"]', False),
        ('dependencies = ["cubekit-core"]', True),
        ('dependencies = ["cubekit-core-extras>=1"]', True),
    ],
)
def test_the_versions_of_cubekit_are_named(line: str, wrong: bool, tmp_path: Path) -> None:
    environment = distribution(tmp_path, {"needy": "Needy"}, NEEDY)
    project = tmp_path / "pyproject.toml"
    project.write_text(project.read_text().replace('dependencies = ["cubekit-core>=0.1,<0.2"]', line))
    done = cubekit("check", tmp_path, **environment)
    assert ("does not say which versions of cubekit" in done.stderr) is wrong


def test_the_scale_needs_every_rule_below() -> None:
    assert scale(()) is None
    assert scale(RULES) is Level.PLATINUM
    assert scale(rules_up_to(Level.GOLD)) is Level.GOLD
    assert scale(set(RULES) - {"health"}) is Level.BRONZE


def test_the_documentation_has_every_rule_with_its_reason() -> None:
    page = (Path(__file__).parents[2] / "docs" / "quality.md").read_text(encoding="utf-8")
    for name, rule in RULES.items():
        assert f"| `{name}` | {rule.promise} | {rule.reason} |" in page
