"""A cube's configuration: secret references are resolved, then its own model validates the rest."""

from __future__ import annotations

import os
from collections.abc import Mapping
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel, SecretBytes, SecretStr, ValidationError

from cubekit.composition.documents import Document, validation_diagnostics
from cubekit.ground.diagnostics import Diagnostic

__all__ = ["make_config"]


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

    def resolve(self, model: type[BaseModel], raw: Mapping[str, Any], keys: tuple[str, ...]) -> dict[str, Any]:
        resolved: dict[str, Any] = {}
        by_key = {field.alias or name: field for name, field in model.model_fields.items()}
        for key, value in raw.items():
            field = by_key.get(key) or model.model_fields.get(key)
            annotation = field.annotation if field else None
            nested = _nested_model(annotation)
            if nested and isinstance(value, dict):
                resolved[key] = self.resolve(nested, value, (*keys, key))
            elif _is_secret(annotation):
                resolved[key] = self._secret(value, (*keys, key))
            elif _is_reference(value) and not _takes_table(annotation):
                resolved[key] = self._read(value, (*keys, key))
            else:
                resolved[key] = value
        return resolved

    def _secret(self, value: Any, keys: tuple[str, ...]) -> Any:
        place = self._document.place(*keys)
        if _is_reference(value):
            return self._read(value, keys)
        if place.source.startswith("environment "):
            return str(value)  # an override from the environment is a reference already
        self._problems.append(
            Diagnostic(
                "CK108",
                f'"{".".join(keys)}" is a secret and must not be written down',
                place,
                needed='a reference: { env = "NAME" } or { file = "path" }',
                fix=f'{".".join(keys[2:])} = {{ env = "{keys[-1].upper()}" }}',
                show_line=False,
            )
        )
        return ""

    def _read(self, reference: dict[str, str], keys: tuple[str, ...]) -> str:
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
        message = f'"{".".join(keys)}" refers to a value that is missing: {missing}'
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


def _takes_table(annotation: Any) -> bool:
    return any(
        alternative in {Any, dict, None} or get_origin(alternative) in {dict, Mapping}
        for alternative in _alternatives(annotation)
    )
