"""Composes service files of tests: the cubes that they may name, and what is wrong with a file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Protocol

import pytest
from pydantic import BaseModel, SecretStr

from cubekit import Cube, CubekitError, Diagnostic, contract, operation
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
