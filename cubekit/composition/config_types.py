"""What the type of a configuration says about the values in it: which are secrets, at whatever depth."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import is_dataclass
from types import UnionType
from typing import Annotated, Any, NewType, TypeGuard, Union, get_args, get_origin, get_type_hints

from pydantic import AliasChoices, BaseModel, RootModel, Secret, SecretBytes, SecretStr
from pydantic.fields import FieldInfo
from typing_extensions import TypeAliasType, is_typeddict

__all__ = ["Kinds", "holds_secret", "is_secret", "kinds_of", "kinds_within", "takes_list", "takes_table"]

Kinds = tuple[Any, ...]
"""The types that a value may have; none if nothing is known of it."""


def kinds_of(annotation: Any) -> Kinds:
    """The alternatives of an annotation, each without what only names or decorates it."""
    if get_origin(annotation) is Annotated:
        return kinds_of(get_args(annotation)[0])
    if get_origin(annotation) in {Union, UnionType}:
        return tuple(kind for part in get_args(annotation) for kind in kinds_of(part))
    if isinstance(annotation, TypeAliasType):
        return kinds_of(annotation.__value__)
    if isinstance(annotation, NewType):
        return kinds_of(annotation.__supertype__)
    if _is_class(annotation, RootModel):
        return kinds_of(annotation.model_fields["root"].annotation)
    return (annotation,)


def kinds_within(kinds: Kinds, key: str | int) -> Kinds:
    """The kinds of what stands under a key of a table, or at a position of a list."""
    return tuple(kind for outer in kinds for inner in _under(outer, key) for kind in kinds_of(inner))


def holds_secret(kinds: Kinds, known: Kinds = ()) -> bool:
    """Whether a value of one of these kinds may be a secret, or have one anywhere in it.

    :param known: kinds that are being looked at already: a model may contain itself.
    """
    return any(
        is_secret(kind)
        or any(holds_secret(kinds_of(part), (*known, *kinds)) for part in _parts(kind) if kind not in known)
        for kind in kinds
    )


def is_secret(kind: Any) -> bool:
    """Whether it is one of pydantic's types for secrets."""
    return _is_class(kind, SecretStr, SecretBytes, Secret)


def takes_table(kind: Any) -> bool:
    """Whether a value of the kind may be written as a table."""
    return kind in {Any, object} or _members(kind) is not None or _is_class(kind, Mapping)


def takes_list(kind: Any) -> bool:
    """Whether a value of the kind may be written as an array."""
    return _is_class(kind, Collection) and not _is_class(kind, Mapping, str, bytes)


def _under(kind: Any, key: str | int) -> Iterator[Any]:
    arguments = get_args(kind)
    if isinstance(key, str):
        members = _members(kind)
        if members is not None:
            yield from (members[key],) if key in members else ()
        elif _is_class(kind, Mapping):
            yield from arguments[1:]
    elif takes_list(kind):
        is_row = _is_class(kind, tuple) and Ellipsis not in arguments
        yield from arguments[key : key + 1] if is_row else arguments[:1]


def _parts(kind: Any) -> Iterator[Any]:
    members = _members(kind)
    yield from get_args(kind) if members is None else members.values()


def _members(kind: Any) -> dict[str, Any] | None:
    """The types of the named members of a model, dataclass or typed dictionary, by every name that they may have."""
    if _is_class(kind, BaseModel):
        return {key: field.annotation for name, field in kind.model_fields.items() for key in _keys(name, field)}
    plain = get_origin(kind) or kind
    return get_type_hints(plain, include_extras=True) if is_dataclass(plain) or is_typeddict(plain) else None


def _keys(name: str, field: FieldInfo) -> Iterator[str]:
    aliases = field.validation_alias
    choices = aliases.choices if isinstance(aliases, AliasChoices) else (aliases,)
    yield from (key for key in (name, field.alias, *choices) if isinstance(key, str))


def _is_class(kind: Any, *bases: type) -> TypeGuard[type[Any]]:
    plain = get_origin(kind) or kind
    return isinstance(plain, type) and not is_typeddict(plain) and issubclass(plain, bases)
