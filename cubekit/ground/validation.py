"""What pydantic finds wrong with a document, as diagnostics that name the place."""

from __future__ import annotations

from collections.abc import Collection
from difflib import get_close_matches
from typing import Any, Protocol

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from cubekit.ground.diagnostics import Diagnostic, Place
from cubekit.ground.toml_lines import Keys

__all__ = ["validation_diagnostics"]


class Source(Protocol):
    """A document that knows where it says something."""

    def place(self, *keys: str | int) -> Place: ...
    def stands(self, keys: Keys) -> bool: ...
    def hides(self, keys: Keys) -> bool: ...


def validation_diagnostics(
    error: ValidationError,
    document: Source,
    prefix: Keys,
    model: type[BaseModel],
    *,
    show_values: bool = True,
    known: Collection[Keys] = (),
) -> list[Diagnostic]:
    """Turn pydantic's errors into diagnostics with places and, for a mistyped key, the key that was meant.

    :param show_values: False if a value may be a secret.
    :param known: locations whose error has been reported already.
    """
    return [
        _diagnostic(item, document, prefix, model, show_values)
        for item in error.errors(include_url=False, include_context=False)
        if item["loc"] not in known
    ]


def _diagnostic(
    item: ErrorDetails, document: Source, prefix: Keys, model: type[BaseModel], show_values: bool
) -> Diagnostic:
    # A union or a validator adds parts to the location that stand in no file.
    keys = prefix + tuple(part for part in item["loc"] if _stands_in(document, prefix, part, item["loc"]))
    dotted = ".".join(str(key) for key in prefix + item["loc"])
    place = document.place(*keys)
    if item["type"] == "extra_forbidden":
        known = _fields_at(model, item["loc"][:-1])
        close = get_close_matches(str(item["loc"][-1]), known, n=1)
        return Diagnostic(
            "CK103",
            f'unknown key "{dotted}"',
            place,
            needed=f"one of: {', '.join(sorted(known))}" if known else None,
            fix=f'write "{close[0]}"' if close else f'remove "{item["loc"][-1]}"',
        )
    if item["type"] == "missing":
        return Diagnostic("CK104", f'"{dotted}" is missing', place, fix=f"add {item['loc'][-1]} = …")
    hidden = document.hides(item["loc"])
    return Diagnostic(
        "CK104",
        f'"{dotted}" has a wrong value',
        place,
        needed=item["msg"].removeprefix("Value error, ").removeprefix("Input should be "),
        found=_described(item["input"]) if show_values and not hidden else None,
        show_line=not hidden,
    )


def _described(value: object) -> str:
    kind = type(value).__name__
    # A configuration with secrets may be anywhere within a table.
    return f"a {kind}" if isinstance(value, dict | list) else f"{value!r} ({kind})"


def _stands_in(document: Source, prefix: Keys, part: str | int, loc: Keys) -> bool:
    before = loc[: loc.index(part)]
    return document.stands((*prefix, *before, part)) or isinstance(part, str)


def _fields_at(model: type[BaseModel], loc: Keys) -> list[str]:
    """Names of the fields of the model that stands at a location."""
    current: Any = model
    for part in loc:
        if isinstance(current, type) and issubclass(current, BaseModel):
            field = current.model_fields.get(str(part))
            current = field.annotation if field else None
        else:  # a table of models: dict[name, Model]
            arguments = getattr(current, "__args__", ())
            current = arguments[-1] if arguments else None
    if isinstance(current, type) and issubclass(current, BaseModel):
        return [field.alias or name for name, field in current.model_fields.items()]
    return []
