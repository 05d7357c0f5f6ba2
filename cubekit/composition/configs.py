"""A cube's configuration: references are resolved, then its own model validates the rest."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from cubekit.composition.config_types import (
    Kinds,
    holds_secret,
    is_secret,
    kinds_of,
    kinds_within,
    takes_list,
    takes_table,
)
from cubekit.composition.documents import Document, Keys
from cubekit.ground.diagnostics import Diagnostic, Place
from cubekit.ground.validation import validation_diagnostics

__all__ = ["make_config"]

M = TypeVar("M", bound=BaseModel)


def make_config(
    model: type[M], keys: Keys, document: Document, environ: Mapping[str, str] | None = None
) -> tuple[M | None, list[Diagnostic]]:
    """Return the validated configuration that stands under some keys, or None and what is wrong with it.

    A value of type `pydantic.SecretStr`, wherever it stands in the model, takes a reference, ``{env = "NAME"}`` or
    ``{file = "path"}``; its value is read here and never appears in a diagnostic.
    """
    raw: Any = document.data
    for key in keys:
        raw = raw.get(key, {})
    if not isinstance(raw, dict):
        return None, []  # the model of the service file has reported it
    try:
        references = _References(model, document, os.environ if environ is None else environ)
        data = references.resolve(kinds_of(model), raw, keys)
        # A mistyped key must not pass unnoticed, unless the author says that any key may stand there.
        config = model.model_validate(data, extra=None if model.model_config.get("extra") else "forbid")
    except ValidationError as error:
        reported = {failed[len(keys) :] for failed in references.failed}
        wrong = validation_diagnostics(error, document, keys, model, show_values=False, known=reported)
        return None, [*references.problems, *map(references.without_secrets, wrong)]
    except Exception as error:  # noqa: BLE001 - the model's validators are code of the cube
        # What the exception says is left out: a validator may quote the value.
        message = f'the configuration "{_dotted(keys)}" cannot be validated: {model.__qualname__} raised an exception'
        place = document.place(*keys)
        return None, [Diagnostic("CK303", message, place, found=type(error).__name__, show_line=False)]
    return (None if references.problems else config), references.problems


class _References:
    """Replaces references by what they point to, wherever the model has a secret or a plain value."""

    def __init__(self, model: type[BaseModel], document: Document, environ: Mapping[str, str]) -> None:
        self.problems: list[Diagnostic] = []
        self.failed: set[Keys] = set()
        """Where a secret is missing or written down: that has been reported, whatever the model says."""
        self._document = document
        self._environ = environ
        self._has_secrets = holds_secret(kinds_of(model))
        self._hidden: set[Place] = set()
        """Where a secret may have been written in the wrong form or under a wrong name."""
        self._secrets: set[str] = set()

    def resolve(self, kinds: Kinds, value: Any, keys: Keys) -> Any:
        """Return a value with everything resolved that is referred to in it."""
        secret = any(map(is_secret, kinds))
        table = not kinds or any(map(takes_table, kinds))
        if _is_reference(value) and (secret or not table):
            return self._read(value, keys)
        if isinstance(value, dict) and table:
            return {key: self.resolve(kinds_within(kinds, key), item, (*keys, key)) for key, item in value.items()}
        if isinstance(value, list) and any(map(takes_list, kinds)):
            return [self.resolve(kinds_within(kinds, at), item, (*keys, at)) for at, item in enumerate(value)]
        if secret:
            return self._literal(value, keys)
        if holds_secret(kinds) or (self._has_secrets and not kinds):
            self._hidden.add(self._document.place(*keys))
        return value

    def without_secrets(self, problem: Diagnostic) -> Diagnostic:
        """Take out of a diagnostic what might be, or quote, a secret."""
        said = problem.needed or ""
        quoted = any(secret in said or repr(secret)[1:-1] in said for secret in self._secrets)
        shown = problem.show_line and problem.place not in self._hidden
        return replace(problem, needed=None if quoted else problem.needed, show_line=shown)

    def _literal(self, value: Any, keys: Keys) -> Any:
        """A secret that is no reference: only the environment may say it."""
        place = self._document.place(*keys)
        from_environment = place.source.startswith("environment ")
        if from_environment and isinstance(text := self._document.texts.get(keys, value), str):
            return self._known(text)
        self.failed.add(keys)
        if from_environment:
            message = f'"{_dotted(keys)}" is a secret, and a secret is a text'
            self.problems.append(Diagnostic("CK104", message, place, needed='a text in quotes: "…"'))
            return ""
        self.problems.append(
            Diagnostic(
                "CK108",
                f'"{_dotted(keys)}" is a secret and must not be written down',
                place,
                needed='a reference: { env = "NAME" } or { file = "path" }',
                fix=_reference_instead(keys),
                show_line=False,
            )
        )
        return ""

    def _read(self, reference: dict[str, str], keys: Keys) -> str:
        ((kind, name),) = reference.items()
        if kind == "env":
            value = self._environ.get(name)
            if value is not None:
                return self._known(value)
            missing, fix = f"environment variable {name} is not set", f"export {name}=…"
        else:
            path = self._document.path.parent / name
            try:
                return self._known(path.read_text(encoding="utf-8").rstrip("\n"))
            except (OSError, UnicodeDecodeError) as error:
                missing, fix = f"file {path} cannot be read: {_reason(error)}", f"create {path}"
        self.failed.add(keys)
        message = f'"{_dotted(keys)}" refers to a value that is missing: {missing}'
        self.problems.append(Diagnostic("CK107", message, self._document.place(*keys), fix=fix))
        return ""

    def _known(self, secret: str) -> str:
        if secret:
            self._secrets.add(secret)
        return secret


def _is_reference(value: Any) -> bool:
    return (
        isinstance(value, dict)
        and len(value) == 1
        and next(iter(value)) in {"env", "file"}
        and isinstance(next(iter(value.values())), str)
    )


def _reference_instead(keys: Keys) -> str:
    *_, name = (key for key in keys if isinstance(key, str))
    reference = f'{{ env = "{name.upper()}" }}'
    return f"{_dotted(keys[2:])} = {reference}" if keys[-1] == name else f"write {reference} in its place"


def _reason(error: OSError | UnicodeDecodeError) -> str:
    # A UnicodeDecodeError quotes a part of what it could not read.
    return (error.strerror or type(error).__name__) if isinstance(error, OSError) else "it is not UTF-8"


def _dotted(keys: Keys) -> str:
    return ".".join(str(key) for key in keys)
