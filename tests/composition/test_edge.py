"""JSON at the edge: camelCase whatever the model, strict about names, errors by JSON name."""

from __future__ import annotations

import dataclasses
import json
from typing import Annotated, Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, Field, computed_field
from typing_extensions import TypedDict

from cubekit import Model
from cubekit.composition.edge import EdgeCodec, InvalidInput, MalformedInput


class Inner(BaseModel):
    zip_code: int
    inner_ones: list[Inner] = []


class Plain(BaseModel):
    first_name: str
    inner_thing: Inner
    by_name: dict[str, Inner] = {}
    named: int = Field(default=0, alias="x_y")

    @computed_field  # type: ignore[prop-decorator]
    @property
    def full_size(self) -> int:
        return len(self.first_name)


class Ours(Model):
    first_name: str


@dataclasses.dataclass
class Data:
    first_name: str


class Typed(TypedDict):
    first_name: str


GOOD = {
    "firstName": "Ada",
    "innerThing": {"zipCode": 1, "innerOnes": [{"zipCode": 2}]},
    "byName": {"a_b": {"zipCode": 3}},
}


def test_plain_models_speak_camel_case_at_every_depth() -> None:
    codec = EdgeCodec(Plain)
    value = codec.from_json(json.dumps(GOOD).encode())
    assert isinstance(value, Plain)
    assert isinstance(value.inner_thing, Inner)
    assert value.by_name["a_b"].zip_code == 3
    written = json.loads(codec.to_json(value))
    assert written["innerThing"] == {"zipCode": 1, "innerOnes": [{"zipCode": 2, "innerOnes": []}]}
    assert (written["x_y"], written["fullSize"]) == (0, 3)
    assert value.model_dump()["inner_thing"]["zip_code"] == 1, "the model itself is as its author wrote it"


@pytest.mark.parametrize("kind", [Ours, Data, Typed])
def test_other_kinds_of_objects(kind: Any) -> None:
    codec = EdgeCodec(kind)
    assert json.loads(codec.to_json(codec.from_json(b'{"firstName": "Ada"}'))) == {"firstName": "Ada"}
    with pytest.raises(InvalidInput) as caught:
        codec.from_json(b'{"first_name": "Ada"}')
    assert set(caught.value.errors) == {"firstName", "first_name"}


def test_errors_are_by_json_path() -> None:
    with pytest.raises(InvalidInput) as caught:
        EdgeCodec(Plain).from_json(b'{"innerThing": {"zipCode": "x", "innerOnes": [{}], "extra": 1}}')
    assert set(caught.value.errors) == {
        "firstName",
        "innerThing.zipCode",
        "innerThing.innerOnes.0.zipCode",
        "innerThing.extra",
    }


@pytest.mark.parametrize(
    ("raw", "line", "column"),
    [(b"", 1, 0), (b'{"a":\n 1,}', 2, 4), (b"[" * 100_000, 1, 202), (b'{"a": 1} x', 1, 10), (b"\xff", 1, 1)],
)
def test_malformed_json_has_a_position(raw: bytes, line: int, column: int) -> None:
    with pytest.raises(MalformedInput) as caught:
        EdgeCodec(Plain).from_json(raw)
    assert (caught.value.params["line"], caught.value.params["column"]) == (line, column)


def test_a_result_of_another_type_is_an_error() -> None:
    with pytest.raises(TypeError):
        EdgeCodec(Plain).to_json({"firstName": 3})


def test_the_schema_has_the_json_names() -> None:
    schema = EdgeCodec(Plain).json_schema("validation")
    assert set(schema["properties"]) == {"firstName", "innerThing", "byName", "x_y"}
    assert set(schema["$defs"]["Inner"]["properties"]) == {"zipCode", "innerOnes"}


@given(st.binary(max_size=200))
def test_any_bytes_are_a_value_or_a_failure(raw: bytes) -> None:
    try:
        value = EdgeCodec(Plain).from_json(raw)
    except (InvalidInput, MalformedInput):
        return
    assert isinstance(value, Plain)


def nested(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.fixed_dictionaries({"zipCode": st.integers(), "innerOnes": st.lists(inner, max_size=3)})


@given(st.recursive(st.fixed_dictionaries({"zipCode": st.integers()}), nested, max_leaves=8))
def test_what_was_read_is_written_again(data: dict[str, Any]) -> None:
    codec = EdgeCodec(Inner)
    value = codec.from_data(data)
    assert codec.from_json(codec.to_json(value)) == value


class Cat(BaseModel):
    pet_kind: Literal["cat"]
    lives_left: int


class Dog(BaseModel):
    pet_kind: Literal["dog"]
    is_good: bool


class Owner(BaseModel):
    pet: Annotated[Cat | Dog, Field(discriminator="pet_kind")]
    age: int | float


def test_discriminators_have_the_json_name() -> None:
    codec = EdgeCodec(Owner)
    owner = codec.from_json(b'{"pet": {"petKind": "dog", "isGood": true}, "age": 3}')
    assert owner.pet == Dog(pet_kind="dog", is_good=True)
    assert codec.to_json(owner) == b'{"pet":{"petKind":"dog","isGood":true},"age":3}'
    schema = codec.json_schema("validation")
    assert schema["properties"]["pet"]["discriminator"]["propertyName"] == "petKind"


def test_error_names_have_no_alternatives_in_them() -> None:
    with pytest.raises(InvalidInput) as caught:
        EdgeCodec(Owner).from_json(b'{"pet": {"petKind": "cat"}, "age": "x"}')
    assert set(caught.value.errors) == {"pet.livesLeft", "age"}
    with pytest.raises(InvalidInput) as caught:
        EdgeCodec(Owner).from_json(b'{"pet": {"petKind": "bird"}, "more": 1}')
    assert set(caught.value.errors) == {"pet", "age", "more"}
