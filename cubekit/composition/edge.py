"""JSON at the edge of a service: camelCase names whatever the model, unknown fields refused, errors by JSON name.

The edge is a second reading of a type's own pydantic-core schema, in which each field without an alias gets a camelCase
one; the model itself stays as its author wrote it. Between cubes, values pass as they are; between cubes of two
services they pass in the same JSON, and fields that one side does not know are ignored.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Literal, cast

from pydantic import TypeAdapter, ValidationError
from pydantic.alias_generators import to_camel
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaMode
from pydantic_core import CoreSchema, PydanticSerializationError, SchemaSerializer, SchemaValidator, from_json

from cubekit.authoring.failures import Invalid

__all__ = ["EdgeCodec", "InvalidInput", "MalformedInput", "camel"]

_POSITION = re.compile(r" at line (\d+) column (\d+)")
_ROOT = "body"

Unknown = Literal["forbid", "ignore"]


class InvalidInput(Invalid):
    """Input that does not fit an operation's parameters; ``errors`` has the messages by JSON name."""

    message = "The input does not fit: {summary}"
    translations = {"ko": "입력값이 올바르지 않습니다: {summary}"}

    def __init__(self, errors: Mapping[str, list[str]]) -> None:
        self.errors = dict(errors)
        summary = "; ".join(f"{name}: {messages[0]}" for name, messages in errors.items())
        super().__init__(summary=summary)

    @classmethod
    def from_validation(cls, error: ValidationError, data: Any) -> InvalidInput:
        """Collect pydantic's errors by JSON name.

        :param data: the input.
        """
        errors: dict[str, list[str]] = {}
        for item in error.errors(include_url=False, include_context=False, include_input=False):
            name = ".".join(_path(item["loc"], data, missing=item["type"].startswith("missing"))) or _ROOT
            errors.setdefault(name, []).append(item["msg"].removeprefix("Value error, "))
        return cls(errors)


class MalformedInput(Invalid):
    """Input that is not JSON at all."""

    status = 400
    message = "The body is not valid JSON: {reason}, line {line}, column {column}."
    translations = {"ko": "본문이 올바른 JSON이 아닙니다: {reason}, {line}행 {column}열."}


def camel(name: str) -> str:
    """The JSON name of a Python name: ``birth_date`` → ``birthDate``."""
    return to_camel(name)


class EdgeCodec:
    """Reads, writes and documents the values of one type as JSON.

    :param kind: anything that pydantic understands: a model, a dataclass, ``list[int]``, …
    """

    def __init__(self, kind: Any) -> None:
        self._schema = _with_camel_aliases(TypeAdapter(kind).core_schema)
        # Prebuilt validators of nested models would bring back the models' own names.
        self._validator = SchemaValidator(self._schema, _use_prebuilt=False)
        self._serializer = SchemaSerializer(self._schema, _use_prebuilt=False)

    def from_json(self, raw: bytes, unknown: Unknown = "forbid") -> Any:
        """Return the value of a JSON text.

        :param unknown: what becomes of fields that nobody knows.

        :raises MalformedInput: if it is not JSON, or nested too deeply.
        :raises InvalidInput: if it is JSON that does not fit.
        """
        try:
            return self._validator.validate_json(raw, extra=unknown, by_alias=True, by_name=False)
        except ValidationError as error:
            raise _malformed(error) or InvalidInput.from_validation(error, from_json(raw)) from None

    def from_data(self, data: Any) -> Any:
        """Return the value of data that was JSON before.

        :raises InvalidInput: if it does not fit.
        """
        try:
            return self._validator.validate_python(data, extra="forbid", by_alias=True, by_name=False)
        except ValidationError as error:
            raise InvalidInput.from_validation(error, data) from None

    def from_strings(self, strings: Mapping[str, str | list[str]]) -> Any:
        """Return the value of texts by JSON name, as paths and queries have them; a list is one of texts.

        :raises InvalidInput: if they do not fit.
        """
        if any(isinstance(value, list) for value in strings.values()):
            return self.from_data(strings)  # pydantic reads no lists as strings, but reads texts as numbers and dates
        try:
            return self._validator.validate_strings(cast(Any, strings), extra="forbid", by_alias=True, by_name=False)
        except ValidationError as error:
            raise InvalidInput.from_validation(error, strings) from None

    def to_json(self, value: Any) -> bytes:
        """Return the JSON text of a value.

        :raises TypeError: if the value is not of the type.
        """
        try:
            return self._serializer.to_json(value, by_alias=True, warnings="error")
        except PydanticSerializationError as error:
            raise TypeError(str(error)) from error

    def json_schema(self, mode: JsonSchemaMode, ref_template: str = "#/components/schemas/{model}") -> dict[str, Any]:
        """Return the JSON schema of the type, with definitions under ``$defs``."""
        return GenerateJsonSchema(by_alias=True, ref_template=ref_template).generate(self._schema, mode=mode)


def _path(location: tuple[str | int, ...], data: Any, *, missing: bool) -> list[str]:
    """What a location names in the input: pydantic also names the alternatives of unions and its own wrappers."""
    path = []
    for position, part in enumerate(location):
        if _holds(data, part):
            data = data[part]
        elif not (missing and position == len(location) - 1):
            continue
        path.append(str(part))
    return path


def _holds(data: Any, part: str | int) -> bool:
    if isinstance(data, list):
        return isinstance(part, int) and part < len(data)
    return isinstance(data, Mapping) and part in data


def _malformed(error: ValidationError) -> MalformedInput | None:
    first = error.errors(include_url=False)[0]
    if first["type"] != "json_invalid":
        return None
    reason = str(first["ctx"]["error"])
    position = _POSITION.search(reason)
    line, column = (int(position[1]), int(position[2])) if position else (1, 1)
    return MalformedInput(field=_ROOT, reason=_POSITION.sub("", reason), line=line, column=column)


def _with_camel_aliases(schema: CoreSchema) -> CoreSchema:
    return cast(CoreSchema, _rewrite(schema))


def _rewrite(node: Any) -> Any:
    if isinstance(node, list):
        return [_rewrite(item) for item in node]
    if isinstance(node, tuple):
        return tuple(_rewrite(item) for item in node)
    if not isinstance(node, dict):
        return node
    copy = {key: value if key in {"metadata", "default"} else _rewrite(value) for key, value in node.items()}
    if copy.get("type") == "tagged-union" and isinstance(said := copy.get("discriminator"), str):
        # JSON has the alias; an object that is written has the attribute.
        copy["discriminator"] = [[camel(said)], [said]]
    kind: Literal["model-fields", "typed-dict", "dataclass-args"] | Any = copy.get("type")
    if kind in {"model-fields", "typed-dict"}:
        copy["fields"] = {name: _aliased(name, field) for name, field in copy["fields"].items()}
    elif kind == "dataclass-args":
        copy["fields"] = [_aliased(field["name"], field) for field in copy["fields"]]
    if kind in {"model-fields", "typed-dict", "dataclass-args"}:
        copy["computed_fields"] = [
            {"alias": camel(field["property_name"]), **field} for field in copy.get("computed_fields", ())
        ]
    return copy


def _aliased(name: str, field: dict[str, Any]) -> dict[str, Any]:
    return {"validation_alias": camel(name), "serialization_alias": camel(name), **field}
