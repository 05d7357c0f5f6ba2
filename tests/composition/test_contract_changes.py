"""Which changes of a contract break somebody, and which version they need."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, Literal, Protocol

import pytest
from pydantic import Field, create_model

from cubekit import Invalid, Model, NotFound, contract
from cubekit.authoring.contracts import contract_of
from cubekit.composition.contract_changes import contract_changes, needed_version
from cubekit.composition.contract_documents import contract_document
from cubekit.ground.versions import Version


class Gone(NotFound):
    """It is gone."""


class Kind(Model):
    """A model that contains itself."""

    name: str
    parts: tuple[Kind, ...] = ()


class Cat(Model):
    """Has the form of a dog."""

    name: str


class Dog(Model):
    """Has the form of a cat."""

    name: str


def document(protocol: Any, *errors: type[Invalid] | type[NotFound]) -> dict[str, Any]:
    declared = contract("test.shop", version="1.2", errors=errors)(protocol)
    info = contract_of(declared)
    assert info is not None
    return contract_document(info)


def with_types(given: Any, returned: Any) -> dict[str, Any]:
    """A contract whose one method takes and returns something."""

    async def order(self: Any, item: Any) -> Any: ...

    order.__annotations__ = {"item": given, "return": returned}
    return document(type("Shop", (Protocol,), {"order": order}))


def model(**fields: Any) -> type[Any]:
    return create_model("Item", __base__=Model, **fields)


def impacts(old: dict[str, Any], new: dict[str, Any]) -> set[str]:
    return {change.impact.value for change in contract_changes(old, new)}


PLAIN = {"name": (str, ...), "size": (int, 1)}


@pytest.mark.parametrize(
    ("before", "after", "as_input", "as_result"),
    [
        (model(**PLAIN), model(**PLAIN), set(), set()),
        (model(**PLAIN), model(**PLAIN, colour=(str, "red")), {"addition"}, {"addition"}),
        (model(**PLAIN), model(**PLAIN, colour=(str, ...)), {"breaking"}, {"addition"}),
        (model(**PLAIN, colour=(str, "red")), model(**PLAIN), {"breaking"}, {"breaking"}),
        (model(name=(str, ...)), model(name=(str | None, ...)), {"addition"}, {"breaking"}),
        (model(name=(str | None, ...)), model(name=(str, ...)), {"breaking"}, {"addition"}),
        (int, float, {"addition"}, {"breaking"}),
        (str, int, {"breaking", "addition"}, {"breaking", "addition"}),
        (Literal["a", "b"], Literal["a", "b", "c"], {"addition"}, {"breaking"}),
        (list[Literal["a", "b"]], list[Literal["a"]], {"breaking"}, {"addition"}),
        (dict[str, int], dict[str, int | None], {"addition"}, {"breaking"}),
        (tuple[int, int], tuple[int, int, int], {"breaking", "addition"}, {"breaking", "addition"}),
        (
            model(size=(int, Field(ge=1))),
            model(size=(int, Field(ge=0))),
            {"addition"},
            {"breaking"},
        ),
        (model(size=(int, 1)), model(size=(int, Field(default=1, le=9))), {"breaking"}, {"addition"}),
        (model(name=(str, Field(description="old"))), model(name=(str, Field(description="new"))), set(), set()),
        (Kind, Kind, set(), set()),
        (model(size=(int, 1)), model(size=(int, 2)), {"breaking"}, set()),
        (model(size=(int, ...)), model(size=(int, 1)), {"addition"}, set()),
        (Literal["a", "b"], str, {"addition"}, {"breaking"}),
        (str, Literal["a", "b"], {"breaking"}, {"addition"}),
        (int, Any, {"addition"}, {"breaking"}),
        (Any, int, {"breaking"}, {"addition"}),
        (Cat | None, Dog | None, set(), set()),
        (list[int] | list[str], list[bool] | list[str], {"breaking", "addition"}, {"breaking", "addition"}),
    ],
)
def test_what_a_type_may_become(before: Any, after: Any, as_input: set[str], as_result: set[str]) -> None:
    assert impacts(with_types(before, None), with_types(after, None)) == as_input
    assert impacts(with_types(str, before), with_types(str, after)) == as_result


class Shop(Protocol):
    async def order(self, item: str, count: int = 1) -> str:
        """Order something."""
        ...

    def watch(self, item: str) -> AsyncIterator[int]:
        """Prices."""
        ...


class MoreMethods(Shop, Protocol):
    async def cancel(self, number: int) -> None:
        """Take an order back."""
        ...


class MoreParameters(Protocol):
    async def order(self, item: str, count: int = 1, gift: bool = False) -> str:
        """Order something."""
        ...

    def watch(self, item: str) -> AsyncIterator[int]:
        """Prices."""
        ...


class ByName(Protocol):
    async def order(self, item: str, *, count: int = 1) -> str:
        """Order something."""
        ...

    def watch(self, item: str) -> AsyncIterator[int]:
        """Prices."""
        ...


class OtherKind(Protocol):
    async def order(self, item: str, count: int = 1) -> str:
        """Order something, in other words."""
        ...

    async def watch(self, item: str) -> int:
        """Price."""
        ...


def test_what_methods_may_become() -> None:
    shop = document(Shop)
    assert impacts(shop, document(MoreMethods)) == {"addition"}
    assert impacts(document(MoreMethods), shop) == {"breaking"}
    assert impacts(shop, document(MoreParameters)) == {"breaking"}, "older providers do not take the parameter"
    assert [change.where for change in contract_changes(shop, document(OtherKind))] == ["watch()"]
    assert impacts(shop, document(Shop, Gone)) == {"addition"}
    assert impacts(document(Shop, Gone), document(Shop)) == {"breaking"}
    assert impacts(shop, document(ByName)) == impacts(document(ByName), shop) == {"breaking"}
    [other] = contract_changes(document(Shop, Gone), document(Shop, type("Gone", (Invalid,), {})))
    assert (other.impact.value, other.text) == ("breaking", "its code was NOT_FOUND and is VALIDATION")


@pytest.mark.parametrize(
    ("old", "added", "broken"), [("0.1", "0.1.1", "0.2"), ("0.3.4", "0.3.5", "0.4"), ("1.2", "1.3", "2.0")]
)
def test_the_version_that_changes_need(old: str, added: str, broken: str) -> None:
    addition = contract_changes(document(Shop), document(MoreMethods))
    breaking = contract_changes(document(MoreMethods), document(Shop))
    assert needed_version(Version(old), []) == Version(old)
    assert needed_version(Version(old), addition) == Version(added)
    assert needed_version(Version(old), [*addition, *breaking]) == Version(broken)


SOURCE = """
from typing import Protocol
from cubekit import contract

@contract("test.prices", version="{version}")
class Prices(Protocol):
    async def price(self, {parameters}) -> int:
        \"\"\"The price.\"\"\"
        ...
"""


def cubekit(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    words = [str(word) for word in arguments]
    command = [sys.executable, "-m", "cubekit.cli", "contract", *words]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_two_checkouts_are_compared(tmp_path: Path) -> None:
    for name, version, parameters in (
        ("old", "0.1", "item: str"),
        ("new", "0.1.1", "item: str, currency: str"),
        ("raised", "0.2", "item: str, currency: str"),
    ):
        package = tmp_path / name / "src" / "prices"
        package.mkdir(parents=True)
        (package / "__init__.py").write_text(SOURCE.format(version=version, parameters=parameters))
    released = tmp_path / "released.json"
    released.write_text(cubekit("show", tmp_path / "old", "--json").stdout)
    for old in (tmp_path / "old", released):
        done = cubekit("diff", old, tmp_path / "new")
        assert done.returncode == 4
        assert "price(currency)" in done.stdout
        assert "needs  test.prices >=0.2" in done.stdout
        assert "[CK307]" in done.stdout
    done = cubekit("diff", released, tmp_path / "raised", "--json")
    assert done.returncode == 0
    [compared] = json.loads(done.stdout)["contracts"]
    assert (compared["needed"], compared["sufficient"], len(compared["changes"])) == ("0.2", True, 1)


def test_what_is_no_contract_is_said(tmp_path: Path) -> None:
    broken = tmp_path / "broken.json"
    for text in ("{", "{}", "[]", '{"contracts": 3}', '{"contracts": [{"name": "test.prices"}]}'):
        broken.write_text(text)
        assert "broken.json: this is no document of contracts [CK101]" in cubekit("diff", broken, broken).stderr
    for source, code in (("json", "CK101"), ("no_such_module", "CK301")):
        assert f"[{code}]" in cubekit("show", source).stderr


def test_a_schema_without_an_end_is_said(tmp_path: Path) -> None:
    (tmp_path / "prices.py").write_text(SOURCE.format(version="0.1", parameters="item: str"))
    document = json.loads(cubekit("show", tmp_path).stdout)
    [shown] = document["contracts"]
    shown["methods"]["price"]["returns"] = {"$ref": "#/$defs/It", "$defs": {"It": {"$ref": "#/$defs/It"}}}
    endless = tmp_path / "endless.json"
    endless.write_text(json.dumps(document))
    done = cubekit("diff", tmp_path, endless)
    assert "contract test.prices cannot be compared: a schema of it is broken [CK101]" in done.stderr


def test_a_contract_in_one_file_is_found(tmp_path: Path) -> None:
    (tmp_path / "prices.py").write_text(SOURCE.format(version="0.1", parameters="item: str"))
    (tmp_path / "setup.py").write_text("raise SystemExit('this is no module')")
    [shown] = json.loads(cubekit("show", tmp_path).stdout)["contracts"]
    assert shown["name"] == "test.prices"
