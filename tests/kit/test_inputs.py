"""Inputs are made of whatever a model may say, and the same ones each time."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from decimal import Decimal
from enum import Enum
from typing import Annotated, Any, Literal
from uuid import UUID

import pytest
from pydantic import Field, HttpUrl

from cubekit import Cube, Model, operation
from cubekit.composition.operations import Operation
from cubekit.kit.inputs import bad_bodies, good_inputs
from cubekit.testing import compose_parts


class Colour(Enum):
    RED = "red"
    BLUE = "blue"


class Cat(Model):
    kind: Literal["cat"]
    lives: int = Field(ge=1, le=9)


class Dog(Model):
    kind: Literal["dog"]
    name: str = Field(min_length=2, max_length=5)


class Tree(Model):
    value: float = Field(gt=0, lt=1)
    children: list[Tree] = []


class Everything(Model):
    day: date
    moment: datetime
    pause: timedelta
    ident: UUID
    price: Decimal
    link: HttpUrl
    colour: Colour
    pet: Annotated[Cat | Dog, Field(discriminator="kind")]
    tree: Tree
    code: Annotated[str, Field(pattern="^[A-Z]{3}-[0-9]+$")]
    pair: tuple[int, str]
    counts: dict[str, int]
    tags: Annotated[set[str], Field(min_length=1)]
    note: str | None = None


class Many(Cube):
    @operation
    async def everything(self, given: Everything) -> None:
        """One model."""

    @operation(http="GET things/{ident}")
    async def thing(self, ident: int, tags: list[str], loud: bool = False) -> None:
        """Path and query."""

    @operation
    async def upload(self, content: bytes) -> None:
        """A document."""

    @operation
    async def nothing(self) -> None:
        """No input."""


OPERATIONS = {one.name: one for one in compose_parts({"many": Many}).cubes["many"].descriptor.operations}


@pytest.mark.parametrize("operation", OPERATIONS.values(), ids=OPERATIONS)
def test_good_inputs_are_taken(operation: Operation) -> None:
    inputs: list[Any] = good_inputs(operation)
    assert len(inputs) >= (1 if operation.name == "nothing" else 5)
    assert good_inputs(operation) == inputs
    if operation.input is not None:
        for data in inputs:
            operation.input.from_data(data)


@pytest.mark.parametrize("operation", OPERATIONS.values(), ids=OPERATIONS)
def test_bad_bodies_are_bytes(operation: Operation) -> None:
    bodies = list(bad_bodies(operation))
    assert len(bodies) >= 10
    assert all(isinstance(body, bytes) for body in bodies)
