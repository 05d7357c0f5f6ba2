"""Secrets of configurations: found wherever they stand, and never shown."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, NewType

import pytest
from pydantic import AliasChoices, BaseModel, Field, RootModel, Secret, SecretBytes, SecretStr, field_validator
from typing_extensions import TypedDict

from cubekit import Cube

from .composing import Settings, composed, installed, only, problems


class Login(BaseModel):
    name: str = "me"
    password: SecretStr


@dataclass
class Account:
    key: SecretStr


class Key(TypedDict):
    key: SecretStr


Password = NewType("Password", SecretStr)


class Tree(BaseModel):
    """A model that contains itself."""

    below: dict[str, Tree] = {}
    password: SecretStr | None = None


class Vault(BaseModel):
    one: SecretStr | None = None
    many: list[SecretStr] = []
    pair: tuple[str, SecretStr] | None = None
    row: tuple[SecretStr, ...] = ()
    by_name: dict[str, SecretStr | None] = {}
    login: Login | None = None
    logins: list[Login] = []
    account: Account | None = None
    entry: Key | None = None
    root: RootModel[list[SecretStr]] | None = None
    tree: Tree | None = None
    marked: Annotated[SecretStr, Field(min_length=3)] | None = None
    named: Password | None = None
    raw: SecretBytes | None = None
    number: Secret[int] | None = None
    aliased: SecretStr | None = Field(None, validation_alias=AliasChoices("other-name", "third-name"))
    plain: list[str] = []


class Keeper(Cube[Vault]):
    pass


def vault(directory: Path, text: str, **environ: str) -> Vault:
    config = composed(directory, file(text), catalogue=installed(keeper=Keeper), environ=environ).cubes["k"].config
    assert isinstance(config, Vault)
    return config


def file(config: str) -> str:
    return f"[cubes.k]\nuse = 'keeper'\n{config}\n"


def revealed(value: Any) -> Any:
    """What a configuration says, with its secrets."""
    if isinstance(value, BaseModel):
        return {name: revealed(getattr(value, name)) for name in type(value).model_fields if getattr(value, name)}
    if isinstance(value, list | tuple):
        return [revealed(item) for item in value]
    if isinstance(value, dict):
        return {key: revealed(item) for key, item in value.items()}
    if isinstance(value, Account):
        return {"key": revealed(value.key)}
    return value.get_secret_value() if hasattr(value, "get_secret_value") else value


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
    ("config", "expected"),
    [
        ("config.one = S", {"one": "4100"}),
        ("config.many = [S, S]", {"many": ["4100", "4100"]}),
        ("config.pair = ['a', S]", {"pair": ["a", "4100"]}),
        ("config.row = [S, S]", {"row": ["4100", "4100"]}),
        ("config.by_name.github = S", {"by_name": {"github": "4100"}}),
        ("config.login.password = S", {"login": {"name": "me", "password": "4100"}}),
        ("config.logins = [{ password = S }]", {"logins": [{"name": "me", "password": "4100"}]}),
        ("config.account.key = S", {"account": {"key": "4100"}}),
        ("config.entry.key = S", {"entry": {"key": "4100"}}),
        ("config.root = [S]", {"root": {"root": ["4100"]}}),
        ("config.tree.below.a.password = S", {"tree": {"below": {"a": {"password": "4100"}}}}),
        ("config.marked = S", {"marked": "4100"}),
        ("config.named = S", {"named": "4100"}),
        ("config.raw = S", {"raw": b"4100"}),
        ("config.number = S", {"number": 4100}),
        ("config.third-name = S", {"aliased": "4100"}),
    ],
)
def test_secrets_are_found_wherever_they_stand(tmp_path: Path, config: str, expected: dict[str, Any]) -> None:
    referred = config.replace("S", '{ env = "S" }')
    assert revealed(vault(tmp_path, referred, S="4100")) == expected
    found = problems(tmp_path, file(referred), catalogue=installed(keeper=Keeper))
    assert {(one.code, one.place and one.place.line) for one in found} == {("CK107", 5)}
    for literal in ('"hunter2"', "4100", '["hunter2"]', "{ hunter2 = 1 }"):
        found = problems(tmp_path, file(config.replace("S", literal)), catalogue=installed(keeper=Keeper))
        assert "hunter2" not in "".join(one.render() for one in found)
        assert "CK108" in {one.code for one in found}


def test_references_are_resolved_in_lists_of_plain_values_too(tmp_path: Path) -> None:
    assert vault(tmp_path, "config.plain = ['a', { env = 'S' }]", S="b").plain == ["a", "b"]


@pytest.mark.parametrize("text", ["1e5", "007", "true", "[1]", '"quoted"', " spaced ", "{ env = 1 }", "2026-01-02"])
def test_a_secret_of_the_environment_is_taken_word_for_word(tmp_path: Path, text: str) -> None:
    assert revealed(vault(tmp_path, "", CUBEKIT__CUBES__K__CONFIG__ONE=text)) == {"one": text}
    assert revealed(vault(tmp_path, "", CUBEKIT__CUBES__K__CONFIG__BY_NAME__X=text)) == {"by_name": {"x": text}}


def test_a_secret_of_the_environment_may_refer_to_another_place(tmp_path: Path) -> None:
    given = {"CUBEKIT__CUBES__K__CONFIG__ONE": '{ env = "S" }', "S": "abc"}
    assert revealed(vault(tmp_path, "", **given)) == {"one": "abc"}


def test_secrets_within_a_value_of_the_environment_are_texts(tmp_path: Path) -> None:
    assert revealed(vault(tmp_path, "", CUBEKIT__CUBES__K__CONFIG__MANY='["a", "1e5"]')) == {"many": ["a", "1e5"]}
    environ = {"CUBEKIT__CUBES__K__CONFIG__MANY": "[731731]"}
    (found,) = problems(tmp_path, file(""), catalogue=installed(keeper=Keeper), environ=environ)
    assert (found.code, found.needed) == ("CK104", 'a text in quotes: "…"')
    assert "731731" not in found.render() + str(found.as_json())


def test_a_setting_of_the_command_line_is_no_place_for_a_secret(tmp_path: Path) -> None:
    environ = {"CUBEKIT__CUBES__K__CONFIG__ONE": "fine"}
    found = problems(
        tmp_path, file(""), "cubes.k.config.one=hunter2", catalogue=installed(keeper=Keeper), environ=environ
    )
    assert "hunter2" not in only(found, "CK108", None).render()


@pytest.mark.parametrize(
    "config",
    [
        "config.oen = 'hunter2'",
        "config.many = 'hunter2'",
        "config.login = 'hunter2'",
        "config = { one = 'hunter2', plain = 3 }",
        "config = { oen = 'hunter2' }\nengine = 'process'",
        "config.tree.below.a.passwrod = 'hunter2'",
    ],
)
def test_a_line_that_may_hold_a_secret_is_not_shown(tmp_path: Path, config: str) -> None:
    found = problems(tmp_path, file(config), catalogue=installed(keeper=Keeper))
    assert found
    assert "hunter2" not in "".join(one.render() + str(one.as_json()) for one in found)


def test_a_configuration_that_is_no_table_is_told_once_and_not_shown(tmp_path: Path) -> None:
    assert "hunter2" not in only(problems(tmp_path, file("config = 'hunter2'")), "CK104", 5).render()
    environ = {"CUBEKIT__CUBES__K__CONFIG": "hunter2"}
    assert "hunter2" not in only(problems(tmp_path, file(""), environ=environ), "CK104", None).render()


@pytest.mark.parametrize("use", ["keeper", "nowhere"])
def test_a_line_that_holds_a_configuration_beside_something_else_is_not_shown(tmp_path: Path, use: str) -> None:
    text = f"[cubes]\nk = {{ use = '{use}', engine = 'process', config = {{ one = 'hunter2' }} }}"
    found = problems(tmp_path, text, catalogue=installed(keeper=Keeper))
    assert "CK109" in {one.code for one in found}
    assert "hunter2" not in "".join(one.render() for one in found)
    found = problems(tmp_path, "[[cubes.k]]\nuse = 'keeper'\nconfig.one = 'hunter2'")
    assert "hunter2" not in only(found, "CK104", 3).render()


class Quoting(BaseModel):
    key: SecretStr
    size: int = 1

    @field_validator("key", mode="before")
    @classmethod
    def _check(cls, value: str) -> str:
        if value == "odd":
            raise KeyError(value)
        raise ValueError(f"{value!r} is too short")


class Quotes(Cube[Quoting]):
    pass


def test_a_validator_that_quotes_a_secret_is_not_quoted(tmp_path: Path) -> None:
    text = "[cubes.k]\nuse = 'quotes'\nconfig.key = { env = 'S' }\nconfig.size = 'x'\n"
    found = problems(tmp_path, text, catalogue=installed(quotes=Quotes), environ={"S": "hunter2\n"})
    assert [(one.code, one.place and one.place.line, bool(one.needed)) for one in found] == [
        ("CK104", 5, False),
        ("CK104", 6, True),
    ]
    assert "hunter2" not in "".join(one.render() for one in found)


def test_a_validator_that_fails_is_a_fault_of_the_cube(tmp_path: Path) -> None:
    text = "[cubes.k]\nuse = 'quotes'\nconfig.key = { env = 'S' }\n"
    found = only(problems(tmp_path, text, catalogue=installed(quotes=Quotes), environ={"S": "odd"}), "CK303", 5)
    assert found.found == "KeyError"
