"""`names_in`: what the code of a class speaks of, known before any of it runs."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from functools import cached_property
from types import CodeType, FunctionType
from typing import Any

__all__ = ["names_in"]


def names_in(kind: type[Any], base: type[Any]) -> set[str]:
    """Return the names of attributes and globals in the methods of a class, and in those that it inherits.

    :param base: a base of it, whose own methods and whose bases' do not count.
    """
    own = (one for one in kind.__mro__ if one not in base.__mro__)
    members = (member for one in own for member in vars(one).values())
    return {name for member in members for code in _codes(member) for name in code.co_names}


def _codes(member: Any) -> Iterator[CodeType]:
    """The code of a method or property, and of what is defined within it."""
    match member:
        case property():
            member = member.fget
        case cached_property():
            member = member.func
        case classmethod() | staticmethod():
            member = member.__func__
    function = inspect.unwrap(member) if isinstance(member, FunctionType) else None
    pending: list[Any] = [getattr(function, "__code__", None)]
    while pending:
        code = pending.pop()
        if isinstance(code, CodeType):
            yield code
            pending += code.co_consts
