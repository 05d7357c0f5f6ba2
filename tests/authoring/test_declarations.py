"""What authors write is understood, or refused with words that help."""

from __future__ import annotations

from typing import Any, Protocol

import pytest
from pydantic import BaseModel

from cubekit import (
    Cache,
    Conflict,
    Cube,
    DeclarationError,
    Event,
    Failure,
    Invalid,
    Model,
    NoConfig,
    Page,
    contract,
    operation,
    route,
)
from cubekit.authoring.contracts import contract_of
from cubekit.authoring.operations import operation_options, route_options


class Config(BaseModel):
    size: int = 1


def test_the_config_model_is_read_from_the_base() -> None:
    class Sized(Cube[Config]):
        pass

    class Plain(Cube):
        pass

    class Derived(Sized):
        pass

    assert (Sized.config_type, Plain.config_type, Derived.config_type) == (Config, NoConfig, Config)


def test_class_keywords_are_inherited() -> None:
    class One(Cube, exclusive=True, backends=("asyncio",)):
        pass

    class Two(One):
        pass

    assert (Two.exclusive, Two.backends) == (True, ("asyncio",))


@pytest.mark.parametrize("text", ["saju.calendar", "saju.calendar@", "@1", "saju.calendar@one", "Saju Calendar@1"])
def test_implements_needs_a_name_and_a_version(text: str) -> None:
    with pytest.raises(DeclarationError, match="implements"):

        class Wrong(Cube, implements=text):
            pass


def test_operations_remember_their_options() -> None:
    @operation(
        http="GET a/{b}", scope="s", timeout="2s", idempotent=True, cache=Cache("1m"), rate="5/s", errors=(Conflict,)
    )
    async def method() -> None:
        pass

    options = operation_options(method)
    assert options is not None
    assert (options.http, options.scope, options.timeout, options.rate) == (("GET", "a/{b}"), "s", 2.0, (5, 1.0))
    assert options.cache is not None
    assert (options.cache.seconds, options.errors, options.idempotent) == (60.0, (Conflict,), True)


@pytest.mark.parametrize(
    "options", [{"http": "FETCH x"}, {"http": "GET ../x"}, {"timeout": "soon"}, {"timeout": 0}, {"rate": "often"}]
)
def test_options_that_cannot_be_understood(options: dict[str, str]) -> None:
    async def method() -> None:
        pass

    declare: Any = operation
    with pytest.raises(DeclarationError, match="@operation on"):
        declare(**options)(method)


def test_routes() -> None:
    @route("GET callback/{provider}")
    async def method(self: object, request: object) -> object:
        return request

    found = route_options(method)
    assert found is not None
    assert (found.method, found.path) == ("GET", "callback/{provider}")
    with pytest.raises(DeclarationError, match="@route on"):
        route("callback")(method)


def test_contracts_are_protocols_with_a_version() -> None:
    with pytest.raises(DeclarationError, match=r"must be a typing\.Protocol"):
        contract("a.b", version="1")(Config)
    with pytest.raises(DeclarationError, match="version"):

        @contract("a.b", version="new")
        class Wrong(Protocol):
            pass


def test_a_remotable_contract_is_asynchronous() -> None:
    with pytest.raises(DeclarationError, match="remotable=False"):

        @contract("a.b", version="1")
        class Wrong(Protocol):
            def get(self) -> int: ...

    @contract("a.b", version="1", remotable=False)
    class Right(Protocol):
        def get(self) -> int: ...

    info = contract_of(Right)
    assert info is not None
    assert (str(info), info.methods, info.remotable) == ("a.b@1", ("get",), False)


def test_failures_speak_several_languages() -> None:
    class TooBig(Invalid):
        message = "{size} is too big."
        translations = {"ko": "{size}은(는) 너무 큽니다."}

    failure = TooBig(field="size", size=3)
    assert (str(failure), failure.localized("ko-KR"), failure.localized("fr")) == (
        "3 is too big.",
        "3은(는) 너무 큽니다.",
        "3 is too big.",
    )
    assert (failure.code, failure.status, failure.field, TooBig.slug()) == ("VALIDATION", 422, "size", "too-big")


def test_every_standard_failure_has_a_korean_message() -> None:
    kinds = Failure.__subclasses__()
    assert len(kinds) >= 10
    assert all("ko" in kind.translations for kind in kinds if kind.__module__.startswith("cubekit.authoring"))


def test_models_are_frozen_and_speak_camel_case() -> None:
    class Person(Model):
        first_name: str

    ada = Person(first_name="Ada")
    assert Person.model_validate({"firstName": "Ada"}) == ada
    with pytest.raises(ValueError, match="frozen"):
        ada.first_name = "Eve"


@pytest.mark.parametrize(("total", "pages"), [(0, 1), (10, 1), (11, 2)])
def test_pages_know_how_many_there_are(total: int, pages: int) -> None:
    assert Page[int](items=(), page=1, limit=10, total=total).total_pages == pages


def test_events_are_frozen() -> None:
    class Done(Event):
        number: int

    with pytest.raises(ValueError, match="frozen"):
        Done(number=1).number = 2
