"""Every error of a composition: its code, its place, and all of them in one go."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from pydantic import BaseModel, SecretStr

from cubekit import Cube, CubekitError
from cubekit.composition.compose import compose
from cubekit.discovery import Catalogue, CubeInfo
from cubekit.ground.colours import Colour

from .composing import EVERYTHING, Keeper, Settings, composed, installed, only, problems


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(CubekitError, match="CK101"):
        compose(tmp_path / "nothing.toml", catalogue=EVERYTHING)


def test_broken_toml(tmp_path: Path) -> None:
    only(problems(tmp_path, "[service]\nname = 'x\n"), "CK102", 2)


@pytest.mark.parametrize(
    ("text", "suggestion"),
    [
        ("[http]\nprot = 1", 'write "port"'),
        ("[cubes.k]\nuse='keeper'\noptinal = true", 'write "optional"'),
        ("[cubes.k]\nuse='keeper'\nconfig.sise = 3", 'write "size"'),
        ("[cubes.k]\nuse='keeper'\nconfig.shelf.bords = 3", 'write "boards"'),
    ],
)
def test_unknown_keys(tmp_path: Path, text: str, suggestion: str) -> None:
    found = only(problems(tmp_path, text), "CK103", 2 + text.count("\n") + 1)
    assert found.fix == suggestion


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("[http]\nport = '8000'", 4),
        ("[http]\nport = 70000", 4),
        ("[http]\nport = true", 4),
        ("[cubes.k]\nuse = 7", 4),
        ("[cubes.k]\nuse = 'Keeper !'", 4),
        ("[cubes.k]\nuse = 'keeper'\nconfig.size = 'big'", 5),
        ("[cubes.k]\nuse = 'keeper'\nstart_timeout = '5 parsecs'", 5),
        ("[cubes.k]\nuse = 'keeper'\nlimits.queue = 0", 5),
        ("[cubes.k]\noptional = true", 3),
        ("[cubes.'Not A Name']\nuse = 'keeper'", 3),
        ("[supervise.default]\nbackoff = '10s..1s'", 4),
        ("[supervise.default]\nbackoff = 3", 4),
        ("[health]\nmax_age = 0", 4),
        ("[health.groups.x]\ninclude = []", 4),
    ],
)
def test_wrong_values(tmp_path: Path, text: str, line: int) -> None:
    only(problems(tmp_path, text), "CK104", line)


def test_molecules(tmp_path: Path) -> None:
    (tmp_path / "m.toml").write_text("[cubes.k]\nuse = 'keeper'\nconfig.size = 2\n[http]\nport = 1\n")
    text = '[service]\nname = "test"\ninclude = ["m.toml"]\n[cubes.k]\nconfig.size = 3\n'
    plan = composed(tmp_path, text)
    assert plan.cubes["k"].config == Settings(size=3)
    assert plan.http.port == 1
    (tmp_path / "m.toml").write_text("[cubes.k]\nuse = 'keeper'\nconfig.size = 'x'\n")
    (found,) = problems(tmp_path, '[service]\nname = "test"\ninclude = ["m.toml"]\n')
    assert found.place is not None
    assert (Path(found.place.source).name, found.place.line) == ("m.toml", 3)


@pytest.mark.parametrize("content", [None, "x = ", '[service]\ninclude = ["service.toml"]\n'])
def test_molecules_that_cannot_be_included(tmp_path: Path, content: str | None) -> None:
    if content is not None:
        (tmp_path / "m.toml").write_text(content)
    found = problems(tmp_path, '[service]\nname = "test"\ninclude = [\n  "m.toml",\n]\n')
    assert {one.code for one in found} == {"CK105"}


def test_overrides(tmp_path: Path) -> None:
    text = "[cubes.k]\nuse = 'keeper'\nconfig.size = 1\n"
    environ = {"CUBEKIT__CUBES__K__CONFIG__SIZE": "2", "CUBEKIT__HTTP__PORT": "9"}
    plan = composed(tmp_path, text, environ=environ)
    assert (plan.cubes["k"].config, plan.http.port) == (Settings(size=2), 9)
    plan = composed(tmp_path, text, "cubes.k.config.size=3", environ=environ)
    assert plan.cubes["k"].config == Settings(size=3)
    only(problems(tmp_path, text, "nonsense"), "CK106", None)
    found = only(problems(tmp_path, text, "cubes.k.config.size=big"), "CK104", None)
    assert str(found.place).startswith("--set cubes.k.config.size")


def test_secrets_are_references_and_never_shown(tmp_path: Path) -> None:
    text = "[cubes.k]\nuse = 'keeper'\nconfig.secret = {}\n"
    env, file, literal = (text.format(value) for value in ('{ env = "S" }', '{ file = "s.txt" }', '"hunter2"'))
    config = composed(tmp_path, env, environ={"S": "abc"}).cubes["k"].config
    assert isinstance(config, Settings)
    assert config.secret is not None
    assert (config.secret.get_secret_value(), "abc" in repr(config)) == ("abc", False)
    only(problems(tmp_path, env), "CK107", 5)
    only(problems(tmp_path, file), "CK107", 5)
    (tmp_path / "s.txt").write_text("from file\n")
    config = composed(tmp_path, file).cubes["k"].config
    assert isinstance(config, Settings)
    assert config.secret == SecretStr("from file")
    found = only(problems(tmp_path, literal), "CK108", 5)
    assert "hunter2" not in found.render() + str(found.as_json())
    (wrong,) = problems(tmp_path, env + "config.size = 'x'\n", environ={"S": "hunter2"})
    assert "hunter2" not in wrong.render()


@pytest.mark.parametrize(
    "text",
    [
        "[cubes.k]\nuse = 'keeper'\nengine = 'process'",
        "[cubes.k]\nuse = 'keeper'\nreplicas.max = 2",
    ],
)
def test_what_this_version_cannot_do(tmp_path: Path, text: str) -> None:
    only(problems(tmp_path, text), "CK109", 5)


def test_ports(tmp_path: Path) -> None:
    plan = composed(tmp_path, '[service]\nname = "test"\nexpose = ["rest", "ws"]\n')
    assert [(one.code, one.severity) for one in plan.warnings] == [("CK109", "warning")]
    only(problems(tmp_path, '[service]\nname = "test"\nexpose = ["rest", "carrier-pigeon"]\n'), "CK110", 3)


@pytest.mark.parametrize(
    "text",
    [
        "[health.readyz]\ninclude = ['no']",
        "[health.groups.x]\ninclude = ['no']",
        "[supervise.x]\ncubes = ['no']",
    ],
)
def test_names_of_no_cube(tmp_path: Path, text: str) -> None:
    only(problems(tmp_path, text), "CK111", 4)


def test_a_health_group_with_the_name_of_a_cube(tmp_path: Path) -> None:
    only(problems(tmp_path, "[cubes.k]\nuse = 'keeper'\n[health.groups.k]\ninclude = ['k']"), "CK104", 5)


def test_unknown_cube(tmp_path: Path) -> None:
    found = only(problems(tmp_path, "[cubes.k]\nuse = 'keepr'"), "CK201", 4)
    assert found.fix == 'use = "keeper"'
    (tmp_path / "registry.toml").write_text('[cubes.far]\ncolour="feature"\ndistribution="cubekit-far"\nsummary="x"\n')
    assert only(problems(tmp_path, "[cubes.k]\nuse = 'far'"), "CK201", 4).fix == "pip install cubekit-far"
    with (tmp_path / "registry.toml").open("a") as file:
        file.write('[[cubes.far.releases]]\nversion = "1.0"\napi = ">=0.1"\npublisher = "Ada"\n')
    assert only(problems(tmp_path, "[cubes.k]\nuse = 'far'"), "CK201", 4).fix == "cubekit registry add far"


def test_version_that_is_not_admitted(tmp_path: Path) -> None:
    found = only(problems(tmp_path, "[cubes.k]\nuse = 'keeper>=2'"), "CK202", 4)
    assert (found.needed, found.found) == ("keeper >=2", "1.0.0 (dist-keeper)")


def test_two_distributions_with_one_name(tmp_path: Path) -> None:
    claims = tuple(CubeInfo("twin", Colour.FEATURE, "x:y", name, "1") for name in ("one", "two"))
    from cubekit.discovery.cubes import conflict_diagnostic

    catalogue = Catalogue(conflicts={"twin": claims}, diagnostics=(conflict_diagnostic("twin", claims),))
    (found,) = problems(tmp_path, "[cubes.k]\nuse = 'twin'", catalogue=catalogue)
    assert found.code == "CK203"
    assert "one" in found.message
    assert "two" in found.message


def test_contracts_that_nobody_provides(tmp_path: Path) -> None:
    only(problems(tmp_path, "[cubes.r]\nuse = 'reader'"), "CK204", 4)
    found = only(problems(tmp_path, "[cubes.r]\nuse = 'reader'\n[cubes.o]\nuse = 'old'"), "CK204", 4)
    assert found.needed is not None
    assert "test.store" in found.needed
    assert found.found == 'test.store 1.0 from "o" (dist-old 1.0.0)'
    assert composed(tmp_path, "[cubes.m]\nuse = 'maybe'").cubes["m"].bindings == {"store": ()}


def test_ambiguity_and_bind(tmp_path: Path) -> None:
    text = "[cubes.r]\nuse = 'reader'\n{}\n[cubes.k]\nuse = 'keeper'\n[cubes.k2]\nuse = 'keeper'\n"
    found = only(problems(tmp_path, text.format("")), "CK205", 4)
    assert found.fix is not None
    assert found.fix.startswith('bind.store = "k"')
    plan = composed(tmp_path, text.format("bind.store = ['k2', 'k']"))
    assert plan.cubes["r"].bindings == {"store": ("k2", "k")}
    for wrong in ("bind.store = 'r'", "bind.store = 'nobody'", "bind.stroe = 'k'\nbind.store = 'k'"):
        only(problems(tmp_path, text.format(wrong)), "CK206", 4)


def test_cycles(tmp_path: Path) -> None:
    found = only(problems(tmp_path, "[cubes.a]\nuse = 'ring-a'\n[cubes.b]\nuse = 'ring-b'"), "CK207", 4)
    assert "a → b → a" in found.message


def test_providers_come_first(tmp_path: Path) -> None:
    plan = composed(tmp_path, "[cubes.a]\nuse = 'reader'\n[cubes.z]\nuse = 'keeper'")
    assert list(plan.cubes) == ["z", "a"]


def test_colours(tmp_path: Path) -> None:
    found = only(problems(tmp_path, "[cubes.n]\nuse = 'net'\n[cubes.b]\nuse = 'base'"), "CK208", 4)
    assert "network" in str(found.needed)


def test_exclusive_cubes(tmp_path: Path) -> None:
    found = problems(tmp_path, "[cubes.a]\nuse = 'only'\n[cubes.b]\nuse = 'only'")
    assert {one.code for one in found} == {"CK209"}


def test_paths(tmp_path: Path) -> None:
    text = "[cubes.a]\nuse = 'keeper'\n[cubes.b]\nuse = 'keeper'\npath = '{}'"
    composed(tmp_path, text.format("b"))
    only(problems(tmp_path, text.format("a")), "CK210", 6)


def test_scopes(tmp_path: Path) -> None:
    only(problems(tmp_path, "[cubes.s]\nuse = 'scoped'"), "CK211", 4)
    composed(tmp_path, "[cubes.s]\nuse = 'scoped'\n[cubes.g]\nuse = 'guard'")


def test_local_contracts_across_processes(tmp_path: Path) -> None:
    found = problems(tmp_path, "[cubes.u]\nuse = 'user'\nengine = 'process'\n[cubes.o]\nuse = 'opener'")
    assert {one.code for one in found} == {"CK109", "CK212"}


def test_limits_that_cannot_be_enforced(tmp_path: Path) -> None:
    only(problems(tmp_path, "[cubes.k]\nuse = 'keeper'\nlimits.memory = '1GiB'"), "CK213", 5)


def test_plugins(tmp_path: Path) -> None:
    only(problems(tmp_path, '[service]\nname = "test"\nplugins = ["no"]\n'), "CK305", 3)


def test_optional_cubes_are_left_out_with_a_warning(tmp_path: Path) -> None:
    text = "[cubes.k]\nuse = 'keeper'\n[cubes.far]\nuse = 'far'\noptional = true\n"
    text += "[cubes.r]\nuse = 'old>=3'\noptional = true"
    plan = composed(tmp_path, text)
    assert list(plan.cubes) == ["k"]
    assert [(one.name, one.diagnostics[0].code) for one in plan.left_out] == [("far", "CK201"), ("r", "CK202")]
    assert {one.severity for one in plan.warnings} == {"warning"}


def test_all_errors_at_once_in_the_order_of_the_file(tmp_path: Path) -> None:
    text = """[http]
prot = 3
[cubes.a]
use = 'nothing-like-it'
[cubes.k]
use = 'keeper'
config.size = 'x'
[cubes.s]
use = 'scoped'
[health.readyz]
include = ['zzz']
"""
    found = [(one.code, one.place.line if one.place else None) for one in problems(tmp_path, text)]
    assert found == [("CK103", 4), ("CK201", 6), ("CK104", 9), ("CK211", 11), ("CK111", 13)]


class Vault(BaseModel):
    token: SecretStr = SecretStr("")
    tokens: list[SecretStr] = []
    named: dict[str, SecretStr] = {}
    pair: tuple[int, SecretStr] | None = None
    nested: list[Settings] = []


class Safe(Cube[Vault]):
    pass


VAULT = installed(safe=Safe)


def test_secrets_within_lists_and_tables(tmp_path: Path) -> None:
    text = """[cubes.s]
use = "safe"
config.tokens = [{ env = "A" }, { env = "B" }]
config.named = { one = { env = "A" } }
config.pair = [1, { env = "B" }]
config.nested = [{ secret = { env = "A" } }]
"""
    plan = composed(tmp_path, text, catalogue=VAULT, environ={"A": "alpha", "B": "beta"})
    config = plan.cubes["s"].config
    assert isinstance(config, Vault)
    assert [one.get_secret_value() for one in config.tokens] == ["alpha", "beta"]
    assert config.named["one"].get_secret_value() == "alpha"
    assert config.pair is not None
    assert config.pair[1].get_secret_value() == "beta"
    assert config.nested[0].secret == SecretStr("alpha")
    written = '[cubes.s]\nuse = "safe"\nconfig.tokens = ["hunter2"]\nconfig.named = { one = "hunter2" }\n'
    found = problems(tmp_path, written, catalogue=VAULT)
    assert [one.code for one in found] == ["CK108", "CK108"]
    assert "hunter2" not in "".join(one.render() + str(one.as_json()) for one in found)


def test_a_secret_from_the_environment_is_the_text_that_stands_there(tmp_path: Path) -> None:
    text = "[cubes.s]\nuse = 'safe'"
    for value in ("1e5", "true", '"quoted"', "[1]", "2024-01-01", " x "):
        environ = {"CUBEKIT__CUBES__S__CONFIG__TOKEN": value}
        config = composed(tmp_path, text, catalogue=VAULT, environ=environ).cubes["s"].config
        assert isinstance(config, Vault)
        assert config.token.get_secret_value() == value
    environ = {"CUBEKIT__CUBES__S__CONFIG__TOKENS": '["a", "b"]'}
    config = composed(tmp_path, text, catalogue=VAULT, environ=environ).cubes["s"].config
    assert isinstance(config, Vault)
    assert [one.get_secret_value() for one in config.tokens] == ["a", "b"]


def test_a_line_beside_a_secret_is_hidden_whatever_else_is_wrong_with_it(tmp_path: Path) -> None:
    found = problems(tmp_path, "[cubes.k]\nuse = 'keeper'\nconfig = { secret = 'hunter2', size = 'x' }")
    assert {one.code for one in found} == {"CK108", "CK104"}
    assert "hunter2" not in "".join(one.render() for one in found)


def test_errors_of_configuration_are_told_beside_a_cycle(tmp_path: Path) -> None:
    text = "[cubes.a]\nuse = 'ring-a'\n[cubes.b]\nuse = 'ring-b'\n[cubes.k]\nuse = 'keeper'\nconfig.size = 'x'\n"
    bind = "[cubes.a.bind]\nstore = 'b'\n"
    assert {one.code for one in problems(tmp_path, text + bind)} == {"CK207", "CK104"}


@pytest.mark.parametrize(
    ("more", "code"),
    [("config.size = 'x'", "CK104"), ("config.secret = { env = 'NO' }", "CK107"), ("engine = 'process'", "CK109")],
)
def test_an_optional_cube_is_left_out_whatever_is_wrong_with_it(tmp_path: Path, more: str, code: str) -> None:
    plan = composed(tmp_path, f"[cubes.k]\nuse = 'keeper'\noptional = true\n{more}\n[cubes.m]\nuse = 'maybe'")
    assert list(plan.cubes) == ["m"]
    assert [one.name for one in plan.left_out] == ["k"]
    assert [(one.code, one.severity) for one in plan.warnings] == [(code, "warning")]


def test_a_cube_for_another_cubekit(tmp_path: Path) -> None:
    (info,) = installed(keeper=Keeper).cubes
    catalogue = Catalogue(cubes=(replace(info, requires_cubekit=">=99"),))
    found = only(problems(tmp_path, "[cubes.k]\nuse = 'keeper'", catalogue=catalogue), "CK202", 4)
    assert found.needed == "cubekit-core >=99"
