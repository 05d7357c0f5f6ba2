"""The base of values that travel between cubes and to clients."""

from __future__ import annotations

from typing import Generic, TypeVar

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

__all__ = ["Model", "Page"]

T = TypeVar("T")


class Model(BaseModel):
    """A frozen pydantic model whose JSON names are camelCase and whose Python names are snake_case.

    Plain `pydantic.BaseModel` works too: the edge of a service writes camelCase either way. Unknown fields are refused
    at the edge and ignored between cubes, so that a newer consumer does not break an older provider.
    """

    model_config = ConfigDict(frozen=True, alias_generator=to_camel, validate_by_name=True, validate_by_alias=True)


class Page(Model, Generic[T]):
    """One page of a list. Over HTTP the items are ``data`` and the rest is ``pagination``."""

    items: tuple[T, ...]
    page: int = Field(ge=1)
    """Number of this page; the first one is 1."""
    limit: int = Field(ge=1)
    """Items on a full page."""
    total: int = Field(ge=0)
    """Items on all pages together."""

    @property
    def total_pages(self) -> int:
        """How many pages there are; at least 1."""
        return max(1, -(-self.total // self.limit))
