"""Cubes that are declared wrongly, and what is said of them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Annotated, Any, Generic, Protocol, TypeVar

import pytest
from pydantic import BaseModel

from cubekit import Cube, contract, operation, route
from cubekit.authoring.contracts import DeclarationError
from cubekit.authoring.cubes import NoConfig
from cubekit.discovery import Catalogue, CubeInfo
from cubekit.ground.colours import Colour

from .composing import (
    Shelf,
    Store,
    installed,
    only,
    problems,
)


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


class PlainGet(Cube, Store, implements="test.store@1.2"):
    def get(self, key: str) -> str:  # type: ignore[override]
        return key


class StreamedGet(Cube, Store, implements="test.store@1.2"):
    async def get(self, key: str) -> AsyncIterator[str]:  # type: ignore[override]
        yield key


class MoreArguments(Cube, Store, implements="test.store@1.2"):
    async def get(self, key: str, version: int) -> str:  # type: ignore[override]
        return f"{key}{version}"


class AwaitedStream(Cube):
    @operation
    async def items(self) -> AsyncIterator[int]:
        raise NotImplementedError


class NoWriter(Cube):
    @operation(json="write")
    async def read(self) -> int:
        return 1


class TextWriter(Cube):
    @operation(json="write")
    async def read(self) -> int:
        return 1

    async def write(self) -> str:
        return "1"


class OtherWriter(Cube):
    @operation(json="write")
    async def read(self, page: int = 1) -> int:
        return page

    async def write(self, page: int = 2) -> bytes:
        return str(page).encode()


class WrittenStream(Cube):
    @operation(json="write")
    async def items(self) -> AsyncIterator[int]:
        yield 1

    async def write(self) -> bytes:
        return b"1"


class Unresolvable(Cube):
    store: "Annotated[1 / 0, '>=1']"  # type: ignore[valid-type]  # noqa: UP037


@pytest.mark.parametrize(
    ("cube", "code", "text"),
    [
        (PlainGet, "CK304", "get() is a plain `def`, and contract test.store@1.2 promises `async def`"),
        (StreamedGet, "CK304", "get() is a stream"),
        (AwaitedStream, "CK303", "is awaited and no stream"),
        (Unresolvable, "CK303", "division by zero"),
        (Undeclared, "CK303", "without saying which version"),
        (Claims, "CK304", "does not inherit it"),
        (TooNew, "CK304", "not installed"),
        (Misses, "CK304", "missing"),
        (OtherArguments, "CK304", "does not take"),
        (MoreArguments, "CK304", "or needs more"),
        (NoRange, "CK303", "without saying which versions"),
        (BadRange, "CK303", "version range"),
        (Collides, "CK303", "every cube has a member"),
        (NotAsync, "CK303", "async def"),
        (NoReturn, "CK303", "return annotation"),
        (NoType, "CK303", "type annotation"),
        (NoJson, "CK303", "no JSON form"),
        (StrayPath, "CK303", "no parameter"),
        (StreamIn, "CK303", "not available"),
        (NoWriter, "CK303", "json='write' names no method"),
        (TextWriter, "CK303", "return `bytes`"),
        (OtherWriter, "CK303", "must have the same parameters"),
        (WrittenStream, "CK303", "not for a stream"),
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


@pytest.mark.parametrize("form", ["GET {id}/{id}", "GET {id", "GET {1}", "GET {}"])
def test_http_forms_that_cannot_be(form: str) -> None:
    with pytest.raises(DeclarationError):

        @operation(http=form)
        async def method(self: object) -> None:
            pass


def test_a_contract_promises_streams_without_async() -> None:
    with pytest.raises(DeclarationError, match="leave out `async`"):

        @contract("test.odd", version="1.0")
        class Odd(Protocol):
            async def items(self) -> AsyncIterator[int]:
                """Items."""
                ...


T = TypeVar("T", bound=BaseModel)


class Base(Cube[T], Generic[T]):
    """A base for cubes that have their configuration in common with nobody."""


class Derived(Base[Shelf]):
    pass


class Further(Derived):
    pass


def test_the_configuration_of_a_generic_base() -> None:
    assert Derived.config_type is Shelf
    assert Further.config_type is Shelf
    assert Base.config_type is NoConfig
