"""Every error of a composition: its code, its place, and all of them in one go."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Annotated, Any, Protocol

import pytest
from pydantic import BaseModel, SecretStr

from cubekit import Cube, CubekitError, Diagnostic, contract, operation, route
from cubekit.composition.compose import compose
from cubekit.composition.plan import Plan
from cubekit.discovery import Catalogue, CubeInfo
from cubekit.ground.colours import Colour


@contract("test.store", version="1.2")
class Store(Protocol):
    async def get(self, key: str) -> str:
        """A value."""
        ...


@contract("test.session", version="1.0", remotable=False)
class Session(Protocol):
    def open(self) -> object:
        """A live object."""
        ...


@contract("test.ring", version="1.0")
class Ring(Protocol):
    async def turn(self) -> None:
        """Turn."""
        ...


class Shelf(BaseModel):
    boards: int = 3


class Settings(BaseModel):
    size: int = 1
    shelf: Shelf = Shelf()
    secret: SecretStr | None = None


class Keeper(Cube[Settings], Store, implements="test.store@1.2"):
    @operation
    async def get(self, key: str) -> str:
        return key


class Old(Cube, Store, implements="test.store@1.0"):
    async def get(self, key: str) -> str:
        return key


class Reader(Cube):
    store: Annotated[Store, ">=1.1,<2"]


class Maybe(Cube):
    store: Annotated[Store | None, ">=1.1,<2"]


class Only(Cube, exclusive=True):
    pass


class Scoped(Cube):
    @operation(scope="x:y")
    async def guarded(self) -> None:
        pass


class RingA(Cube, Ring, implements="test.ring@1.0"):
    store: Annotated[Store, ">=1"]

    async def turn(self) -> None:
        pass


class RingB(Cube, Store, implements="test.store@1.2"):
    ring: Annotated[Ring, ">=1"]

    async def get(self, key: str) -> str:
        return key


class Opener(Cube, Session, implements="test.session@1.0"):
    def open(self) -> object:
        return self


class User(Cube):
    session: Annotated[Session, ">=1"]


def installed(**cubes: type[Any] | tuple[type[Any], Colour]) -> Catalogue:
    infos = []
    for name, given in cubes.items():
        cube, colour = given if isinstance(given, tuple) else (given, Colour.FEATURE)
        infos.append(CubeInfo(name, colour, f"x:{name}", f"dist-{name}", "1.0.0", in_memory=cube))
    return Catalogue(cubes=tuple(infos))


EVERYTHING = installed(
    keeper=Keeper,
    old=Old,
    reader=Reader,
    maybe=Maybe,
    only=Only,
    scoped=Scoped,
    ring_a=RingA,
    ring_b=RingB,
    opener=(Opener, Colour.DATA),
    user=User,
    net=(Reader, Colour.NETWORK),
    base=(Keeper, Colour.DATA),
    guard=(Only, Colour.SECURITY),
)


def composed(
    directory: Path, text: str, *settings: str, catalogue: Catalogue = EVERYTHING, environ: dict[str, str] | None = None
) -> Plan:
    file = directory / "service.toml"
    file.write_text(text if "[service]" in text else f'[service]\nname = "test"\n{text}', encoding="utf-8")
    return compose(directory, settings, catalogue=catalogue, environ=environ or {})


def problems(*arguments: Any, **options: Any) -> list[Diagnostic]:
    with pytest.raises(CubekitError) as caught:
        composed(*arguments, **options)
    return list(caught.value.diagnostics)


def only(found: list[Diagnostic], code: str, line: int | None) -> Diagnostic:
    assert [(one.code, one.place and one.place.line) for one in found] == [(code, line)]
    return found[0]


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
        "[http]\n\nworkers = 2",
    ],
)
def test_what_this_version_cannot_do(tmp_path: Path, text: str) -> None:
    only(problems(tmp_path, text), "CK109", 5)


def test_ports(tmp_path: Path) -> None:
    plan = composed(tmp_path, '[service]\nname = "test"\nexpose = ["rest", "ws"]\n')
    assert [(one.code, one.severity) for one in plan.warnings] == [("CK109", "warning")]
    only(problems(tmp_path, '[service]\nname = "test"\nexpose = ["rest", "carrier-pigeon"]\n'), "CK110", 3)


@pytest.mark.parametrize("text", ["[health.readyz]\ninclude = ['no']", "[supervise.x]\ncubes = ['no']"])
def test_names_of_no_cube(tmp_path: Path, text: str) -> None:
    only(problems(tmp_path, text), "CK111", 4)


def test_unknown_cube(tmp_path: Path) -> None:
    found = only(problems(tmp_path, "[cubes.k]\nuse = 'keepr'"), "CK201", 4)
    assert found.fix == 'use = "keeper"'
    (tmp_path / "registry.toml").write_text(
        '[cubes.far]\ncolour="feature"\ndistribution="cubekit-far"\nsummary="x"\nversions=">=1"\nprovides=[]\n'
    )
    assert only(problems(tmp_path, "[cubes.k]\nuse = 'far'"), "CK201", 4).fix == "pip install cubekit-far"


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


class Undeclared(Cube, Store):
    async def get(self, key: str) -> str:
        return key


class Claims(Cube, implements="test.store@1.2"):
    pass


class TooNew(Cube, Store, implements="test.store@1.3"):
    async def get(self, key: str) -> str:
        return key


class Misses(Cube, Store, implements="test.store@1.2"):
    pass


class OtherArguments(Cube, Store, implements="test.store@1.2"):
    async def get(self, name: str) -> str:
        return name


class NoRange(Cube):
    store: Store


class BadRange(Cube):
    store: Annotated[Store, "one or two"]


class Collides(Cube):
    events: Annotated[Store, ">=1"]  # type: ignore[assignment]


class NotAsync(Cube):
    @operation
    def get(self) -> str:
        return ""


class NoReturn(Cube):
    @operation
    async def get(self):  # type: ignore[no-untyped-def]
        return 1


class NoType(Cube):
    @operation
    async def get(self, key) -> int:  # type: ignore[no-untyped-def]
        return 1


class NoJson(Cube):
    @operation
    async def get(self, key: Path | Cube) -> int:
        return 1


class StrayPath(Cube):
    @operation(http="GET things/{id}")
    async def get(self) -> int:
        return 1


class StreamIn(Cube):
    @operation
    async def get(self, items: AsyncIterator[int]) -> int:
        return 1


class TwoLives(Cube):
    async def start(self) -> None:
        pass

    lifespan = Cube.health_check  # type: ignore[assignment]


class PlainRoute(Cube):
    @route("GET here")
    def here(self, request: object) -> object:
        return request


class SameName(Cube):
    @operation
    async def do_it(self) -> None:
        pass

    @operation
    async def doIt(self) -> None:
        pass


@pytest.mark.parametrize(
    ("cube", "code", "text"),
    [
        (Undeclared, "CK303", "without saying which version"),
        (Claims, "CK304", "does not inherit it"),
        (TooNew, "CK304", "not installed"),
        (Misses, "CK304", "missing"),
        (OtherArguments, "CK304", "does not take"),
        (NoRange, "CK303", "without saying which versions"),
        (BadRange, "CK303", "version range"),
        (Collides, "CK303", "every cube has a member"),
        (NotAsync, "CK303", "async def"),
        (NoReturn, "CK303", "return annotation"),
        (NoType, "CK303", "type annotation"),
        (NoJson, "CK303", "no JSON form"),
        (StrayPath, "CK303", "no parameter"),
        (StreamIn, "CK303", "not available"),
        (TwoLives, "CK303", "choose one"),
        (PlainRoute, "CK303", "async def"),
        (SameName, "CK303", "both called doIt"),
        (int, "CK302", "not a cube"),
    ],
)
def test_cubes_that_are_declared_wrongly(tmp_path: Path, cube: type[Any], code: str, text: str) -> None:
    found = only(problems(tmp_path, "[cubes.x]\nuse = 'bad'", catalogue=installed(bad=cube)), code, 4)
    assert text in found.message


def test_a_cube_whose_import_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "broken_plugin.py").write_text("raise RuntimeError('no luck')\n")
    monkeypatch.syspath_prepend(tmp_path)
    catalogue = Catalogue(cubes=(CubeInfo("broken", Colour.FEATURE, "broken_plugin:X", "dist-broken", "1"),))
    found = only(problems(tmp_path, "[cubes.x]\nuse = 'broken'", catalogue=catalogue), "CK301", 4)
    assert found.found == "RuntimeError: no luck"
