"""Keys of arguments: equal only if nobody could tell the arguments apart.

Python's own equality is not that: ``1 == True == 1.0``, ``Decimal("1.0") == Decimal("1.00")``, a moment is the same in
every time zone; nor is JSON, which shows secrets as asterisks and leaves excluded fields out.
"""

from __future__ import annotations

import dataclasses
import datetime
import uuid
from collections.abc import Callable, Hashable, Iterable
from decimal import Decimal
from enum import Enum
from ipaddress import IPv4Address, IPv4Interface, IPv4Network, IPv6Address, IPv6Interface, IPv6Network
from pathlib import PurePath
from typing import Any
from zoneinfo import ZoneInfo

from pydantic import AnyUrl, BaseModel, Secret, SecretBytes, SecretStr
from pydantic_core import TzInfo

__all__ = ["NoExactKey", "exact_key"]


class NoExactKey(TypeError):
    """A value of a type whose parts nobody knows here."""


def exact_key(value: Any) -> Hashable:
    """Return a hashable form of a value, with its type and that of every part.

    :raises NoExactKey: if the value, or something in it, is of a type without such a form.
    """
    kind = type(value)
    if kind in _THEMSELVES:
        return kind, value
    form = _FORMS.get(kind) or next((form for base, form in _BASES.items() if isinstance(value, base)), None)
    if form is not None:
        return kind, form(value)
    if dataclasses.is_dataclass(kind):
        return kind, _named((field.name, getattr(value, field.name)) for field in dataclasses.fields(kind))
    raise NoExactKey(kind.__qualname__)


def _items(values: Iterable[Any]) -> Hashable:
    return tuple(exact_key(value) for value in values)


def _named(values: Iterable[tuple[str, Any]]) -> Hashable:
    return tuple((name, exact_key(value)) for name, value in values)


def _model(value: BaseModel) -> Hashable:
    fields = _named((name, getattr(value, name)) for name in type(value).model_fields)
    # What was said and what is a default look alike, but `model_dump(exclude_unset=True)` tells them apart.
    return (
        fields,
        frozenset(value.model_fields_set),
        exact_key(value.model_extra),
        exact_key(value.__pydantic_private__),
    )


def _zone(zone: datetime.tzinfo | None) -> Hashable:
    if zone is None:
        return None
    if isinstance(zone, ZoneInfo) and zone.key:  # one that was read from a file has none
        return ZoneInfo, zone.key
    if isinstance(zone, datetime.timezone | TzInfo):
        return type(zone), zone.utcoffset(None), str(zone)
    raise NoExactKey(type(zone).__qualname__)


_THEMSELVES = frozenset({type(None), bool, int, str, bytes, datetime.date, datetime.timedelta, uuid.UUID})
"""Types whose values are equal only if they are the same."""

_FORMS: dict[type, Callable[[Any], Hashable]] = {
    float: repr,  # 0.0 == -0.0
    complex: repr,
    Decimal: str,
    datetime.datetime: lambda value: (value.isoformat(), _zone(value.tzinfo), value.fold),
    datetime.time: lambda value: (value.isoformat(), _zone(value.tzinfo), value.fold),
    datetime.timezone: _zone,
    ZoneInfo: _zone,
    **dict.fromkeys((IPv4Address, IPv4Interface, IPv4Network, IPv6Address, IPv6Interface, IPv6Network), str),
    list: _items,
    set: lambda value: frozenset(map(exact_key, value)),
    frozenset: lambda value: frozenset(map(exact_key, value)),
    dict: lambda value: tuple((exact_key(key), exact_key(part)) for key, part in value.items()),
}

_BASES: dict[type, Callable[[Any], Hashable]] = {
    BaseModel: _model,
    Enum: lambda value: value.name or value.value,  # unknown bits of a flag have no name
    tuple: _items,
    PurePath: str,
    AnyUrl: str,
    **dict.fromkeys((Secret, SecretStr, SecretBytes), lambda value: exact_key(value.get_secret_value())),
}
"""Forms of values of classes derived from these."""
