"""A cube's configuration: secret references are resolved, then its own model validates the rest."""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping
from types import EllipsisType, UnionType
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel, SecretBytes, SecretStr, ValidationError

from cubekit.composition.documents import Document, validation_diagnostics
from cubekit.ground.diagnostics import Diagnostic

__all__ = ["make_config"]

Keys = tuple[str | int, ...]

_ENVIRONMENT = "environment "
"""What the places of overrides by environment variables begin with."""


def make_config(
    model: type[BaseModel],
    instance: str,
    document: Document,
    problems: list[Diagnostic],
    environ: Mapping[str, str] | None = None,
) -> BaseModel | None:
    """Return the validated configuration of an instance, or None after adding what is wrong to ``problems``.

    A field of type `pydantic.SecretStr` takes a reference, ``{env = "NAME"}`` or ``{file = "path"}``; its value is read
    here and never appears in a diagnostic.
    """
    raw = document.data["cubes"][instance].get("config", {})
    before = len(problems)
    resolver = _References(document, problems, os.environ if environ is None else environ)
    data = resolver.resolve(model, raw, ("cubes", instance, "config"))
    try:
        # A mistyped key must not pass unnoticed, unless the author says that any key may stand there.
        config = model.model_validate(data, extra=None if model.model_config.get("extra") else "forbid")
    except ValidationError as error:
        # A value may have come from a reference, and what is referred to is a secret whatever its type.
        problems += validation_diagnostics(error, document, ("cubes", instance, "config"), model, show_values=False)
        return None
    return config if len(problems) == before else None


class _References:
    """Replaces references by what they point to, wherever the model has a secret or a plain value."""

    def __init__(self, document: Document, problems: list[Diagnostic], environ: Mapping[str, str]) -> None:
        self._document = document
        self._problems = problems
        self._environ = environ

    def resolve(self, model: type[BaseModel], raw: Mapping[str, Any], keys: Keys) -> dict[str, Any]:
        """Return a table of a model with its references replaced."""
        by_key = {field.alias or name: field for name, field in model.model_fields.items()}
        resolved = {}
        for key, value in raw.items():
            field = by_key.get(key) or model.model_fields.get(key)
            resolved[key] = self._resolve(field.annotation if field else None, value, (*keys, key))
        return resolved

    def _resolve(self, annotation: Any, value: Any, keys: Keys) -> Any:
        if _is_secret(annotation):
            return self._secret(value, keys)
        nested = _nested_model(annotation)
        if nested and isinstance(value, dict):
            return self.resolve(nested, value, keys)
        if isinstance(value, list) and (items := _items(annotation, len(value))):
            return [
                self._resolve(item, one, (*keys, i)) for i, (item, one) in enumerate(zip(items, value, strict=True))
            ]
        if isinstance(value, dict) and (inner := _values(annotation)):
            return {key: self._resolve(inner, one, (*keys, key)) for key, one in value.items()}
        if _is_reference(value) and not _takes_table(annotation):
            return self._read(value, keys)
        return value

    def _secret(self, value: Any, keys: Keys) -> Any:
        place = self._document.place(*keys)
        if _is_reference(value):
            return self._read(value, keys)
        if place.source.startswith(_ENVIRONMENT):
            # An override from the environment is a reference already. As a whole it is the text as it stands there,
            # which need not be TOML; within a list or a table it is what TOML says.
            variable = place.source.removeprefix(_ENVIRONMENT)
            whole = len(variable.split("__")) - 1 == len(keys)
            return self._environ[variable] if whole else str(value)
        name = _dotted(keys)
        self._problems.append(
            Diagnostic(
                "CK108",
                f'"{name}" is a secret and must not be written down',
                place,
                needed='a reference: { env = "NAME" } or { file = "path" }',
                fix=f'{_dotted(keys[2:])} = {{ env = "{_dotted(keys[3:]).upper().replace(".", "_")}" }}',
                show_line=False,
            )
        )
        return ""

    def _read(self, reference: dict[str, str], keys: Keys) -> str:
        ((kind, name),) = reference.items()
        if kind == "env":
            value = self._environ.get(name)
            if value is not None:
                return value
            missing, fix = f"environment variable {name} is not set", f"export {name}=…"
        else:
            path = self._document.path.parent / name
            try:
                return path.read_text(encoding="utf-8").rstrip("\n")
            except (OSError, UnicodeDecodeError) as error:
                missing, fix = f"file {path} cannot be read: {error}", f"create {path}"
        message = f'"{_dotted(keys)}" refers to a value that is missing: {missing}'
        self._problems.append(Diagnostic("CK107", message, self._document.place(*keys), fix=fix))
        return ""


def _is_reference(value: Any) -> bool:
    return (
        isinstance(value, dict)
        and len(value) == 1
        and next(iter(value)) in {"env", "file"}
        and isinstance(next(iter(value.values())), str)
    )


def _alternatives(annotation: Any) -> tuple[Any, ...]:
    if get_origin(annotation) is Annotated:
        return _alternatives(get_args(annotation)[0])
    if get_origin(annotation) in {Union, UnionType}:
        return tuple(alternative for part in get_args(annotation) for alternative in _alternatives(part))
    return (annotation,)


def _is_secret(annotation: Any) -> bool:
    return any(alternative in {SecretStr, SecretBytes} for alternative in _alternatives(annotation))


def _nested_model(annotation: Any) -> type[BaseModel] | None:
    for alternative in _alternatives(annotation):
        if isinstance(alternative, type) and issubclass(alternative, BaseModel):
            return alternative
    return None


def _items(annotation: Any, count: int) -> tuple[Any, ...]:
    """The annotations of the items of a list; none if they do not matter."""
    for alternative in _alternatives(annotation):
        origin, arguments = get_origin(alternative), get_args(alternative)
        if origin is tuple and arguments and not isinstance(arguments[-1], EllipsisType):
            return arguments if len(arguments) == count else ()
        if (
            arguments
            and isinstance(origin, type)
            and issubclass(origin, Collection)
            and not issubclass(origin, Mapping)
        ):
            return (arguments[0],) * count
    return ()


def _values(annotation: Any) -> Any:
    """The annotation of the values of a table; None if it does not matter."""
    for alternative in _alternatives(annotation):
        origin, arguments = get_origin(alternative), get_args(alternative)
        if isinstance(origin, type) and issubclass(origin, Mapping) and len(arguments) == 2:
            return arguments[1]
    return None


def _dotted(keys: Keys) -> str:
    return ".".join(map(str, keys))


def _takes_table(annotation: Any) -> bool:
    return any(
        alternative in {Any, dict, None} or get_origin(alternative) in {dict, Mapping}
        for alternative in _alternatives(annotation)
    )
