"""Optional cubes are left out for whatever is wrong with them, and the report says why."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import pytest
from pydantic import BaseModel, SecretStr

from cubekit import Cube
from cubekit.composition.plan import Plan
from cubekit.discovery import Catalogue, CubeInfo
from cubekit.ground.colours import Colour

from .composing import EVERYTHING, Store, composed, only, problems


class Settings(BaseModel):
    longitude: float = 0
    secret: SecretStr | None = None


class Saju(Cube[Settings], Store, implements="test.store@1.2"):
    async def get(self, key: str) -> str:
        return key


class Reading(Cube[Settings]):
    calendar: Annotated[Store, ">=1"]


class Trio(Cube, backends=("trio",)):
    pass


def left_out(plan: Plan) -> dict[str, list[str]]:
    """The codes for which each cube was left out; each of them is also a warning."""
    warnings = [(one.code, one.message) for one in plan.warnings]
    assert all((one.code, one.message) in warnings for left in plan.left_out for one in left.diagnostics)
    return {left.name: [one.code for one in left.diagnostics] for left in plan.left_out}


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("use = 'nowhere'", "CK201"),
        ("use = 'keeper>=2'", "CK202"),
        ("use = 'reader'\nbind.store = 'nobody'", "CK206"),
        ("use = 'keeper'\nconfig.size = 'x'", "CK104"),
        ("use = 'keeper'\nconfig.sise = 1", "CK103"),
        ("use = 'keeper'\nconfig.secret = { env = 'S' }", "CK107"),
        ("use = 'keeper'\nconfig.secret = 'hunter2'", "CK108"),
        ("use = 'keeper'\nengine = 'process'", "CK109"),
        ("use = 'keeper'\nreplicas.max = 2", "CK109"),
        ("use = 'keeper'\nlimits.memory = '1GiB'", "CK213"),
    ],
)
def test_whatever_is_wrong_with_it(tmp_path: Path, text: str, code: str) -> None:
    plan = composed(tmp_path, f"[cubes.o]\noptional = true\n{text}\n[cubes.k]\nuse = 'only'")
    assert (list(plan.cubes), left_out(plan)) == (["k"], {"o": [code]})
    assert "hunter2" not in "".join(one.render() for one in plan.warnings)
    assert code in {one.code for one in problems(tmp_path, f"[cubes.o]\n{text}\n")}


def test_everything_that_is_wrong_with_it(tmp_path: Path) -> None:
    text = "[cubes.o]\nuse = 'keeper'\noptional = true\nengine = 'process'\nreplicas.max = 2\nconfig.size = 'x'"
    assert left_out(composed(tmp_path, text)) == {"o": ["CK109", "CK109", "CK104"]}


def test_a_line_with_a_secret_is_not_shown(tmp_path: Path) -> None:
    plan = composed(tmp_path, "[cubes.o]\nuse = 'keeper'\noptional = true\nconfig = { secret = 'hunter2', size = 'x' }")
    assert left_out(plan) == {"o": ["CK108", "CK104"]}
    shown = [one.render() for one in (*plan.warnings, *plan.left_out[0].diagnostics)]
    assert "hunter2" not in "".join(shown)


def test_who_needs_it_learns_why_it_is_not_there(tmp_path: Path) -> None:
    text = "[cubes.k]\nuse = 'keeper'\noptional = true\nconfig.size = 'x'\n[cubes.r]\nuse = 'reader'\n"
    found = problems(tmp_path, text)
    assert [(one.code, one.severity) for one in found] == [("CK104", "warning"), ("CK204", "error")]
    assert left_out(composed(tmp_path, text + "optional = true")) == {"k": ["CK104"], "r": ["CK204"]}


def test_the_example_of_the_public_contract(tmp_path: Path) -> None:
    (tmp_path / "molecules").mkdir()
    (tmp_path / "molecules" / "observed.toml").write_text("[http]\nport = 1\n")
    text = """
[service]
name = "saju"
include = ["molecules/observed.toml"]
expose = ["rest", "sse", "ws"]
plugins = []

[http]
host = "127.0.0.1"
port = 8000
workers = 1

[cubes.saju]
use = "saju-calculation>=0.1,<1"
config.longitude = 126.978

[cubes.reading]
use = "ai-interpretation~=0.1"
optional = true
bind.calendar = "saju"
path = "ai"
engine = "process"
replicas = { min = 1, max = 4 }
limits = { memory = "2GiB", queue = 512, deadline = "30s" }
config.secret = { env = "SOME_VARIABLE" }

[supervise.default]
strategy = "one_for_one"
max = 3
within = "30s"
backoff = "100ms..10s"

[health.readyz]
include = ["saju"]
"""
    saju, reading = (
        CubeInfo(name, Colour.FEATURE, "x:y", f"cubekit-{name}", "0.1.0", in_memory=cube)
        for name, cube in {"saju-calculation": Saju, "ai-interpretation": Reading}.items()
    )
    plan = composed(tmp_path, text, catalogue=Catalogue(cubes=(saju, reading)))
    assert list(plan.cubes) == ["saju"]
    assert left_out(plan) == {"reading": ["CK109", "CK109", "CK107"]}


def test_a_cube_for_another_cubekit_is_not_imported(tmp_path: Path) -> None:
    info = CubeInfo("later", Colour.FEATURE, "nowhere:Later", "dist-later", "1.0", requires_cubekit=">=9,<10")
    catalogue = Catalogue(cubes=(*EVERYTHING.cubes, info))
    found = only(problems(tmp_path, "[cubes.l]\nuse = 'later'", catalogue=catalogue), "CK202", 4)
    assert found.needed == "cubekit-core <10,>=9"
    plan = composed(tmp_path, "[cubes.l]\nuse = 'later'\noptional = true", catalogue=catalogue)
    assert left_out(plan) == {"l": ["CK202"]}
