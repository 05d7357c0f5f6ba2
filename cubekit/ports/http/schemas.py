"""The ``components.schemas`` of an OpenAPI document."""

from __future__ import annotations

import json
from typing import Any

from pydantic.json_schema import JsonSchemaMode

from cubekit.composition.edge import EdgeCodec

__all__ = ["PAGINATION", "PROBLEM", "Schemas"]

_PREFIX = "#/components/schemas/"

PAGINATION: dict[str, Any] = {
    "type": "object",
    "properties": {name: {"type": "integer"} for name in ("page", "limit", "total", "totalPages")},
    "required": ["page", "limit", "total", "totalPages"],
}

PROBLEM: dict[str, Any] = {
    "type": "object",
    "description": "Why there is no result (RFC 9457).",
    "properties": {
        "type": {"type": "string", "format": "uri", "description": "What kind of failure it is."},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string", "description": "What happened, in the caller's language if it is translated."},
        "instance": {"type": "string", "description": "Path of the request."},
        "success": {"const": False},
        "code": {
            "enum": [
                "VALIDATION",
                "AUTHENTICATION",
                "PERMISSION",
                "NOT_FOUND",
                "CONFLICT",
                "RATE_LIMITED",
                "TIMEOUT",
                "OVERLOADED",
                "UNAVAILABLE",
                "INTERNAL",
            ]
        },
        "retryable": {"type": "boolean", "description": "Whether the same call may succeed later."},
        "errors": {
            "type": "object",
            "description": "Messages by the JSON path of the field.",
            "additionalProperties": {"type": "array", "items": {"type": "string"}},
        },
        "traceId": {"type": "string", "description": "Names the call in the service's log."},
        "params": {"type": "object", "description": "What the detail mentions."},
    },
    "required": [
        "type",
        "title",
        "status",
        "detail",
        "instance",
        "success",
        "code",
        "retryable",
        "errors",
        "traceId",
    ],
}


class Schemas:
    """Collects the definitions that schemas refer to.

    Two types of one name, or the two sides of a type that is read and written differently, get names of their own.
    """

    def __init__(self) -> None:
        self.definitions: dict[str, Any] = {"Problem": PROBLEM}

    def reference(self, codec: EdgeCodec, mode: JsonSchemaMode) -> dict[str, Any]:
        """Return a schema that refers to a definition where the type has a name."""
        schema = self._adopted(codec.json_schema(mode), mode)
        if schema.get("type") == "object" and "title" in schema and "properties" in schema:
            return {"$ref": _PREFIX + self._define(schema["title"], schema, mode)}
        return schema

    def inlined(self, codec: EdgeCodec) -> dict[str, Any]:
        """Return the schema of an object with its properties in sight."""
        schema = self._adopted(codec.json_schema("validation"), "validation")
        if "$ref" in schema:
            found: dict[str, Any] = self.definitions[schema["$ref"].removeprefix(_PREFIX)]
            return found
        return schema

    def shared(self, name: str, schema: dict[str, Any]) -> dict[str, Any]:
        """Return a reference to a definition of our own."""
        self.definitions[name] = schema
        return {"$ref": _PREFIX + name}

    def _adopted(self, schema: dict[str, Any], mode: JsonSchemaMode) -> dict[str, Any]:
        """Move the definitions below a schema to the collection, and return the schema that refers to them there."""
        definitions = schema.pop("$defs", {})
        names: dict[str, str] = {}
        # A definition that refers to one with a new name is a different one too, so names are settled in rounds.
        while names != (settled := self._names(definitions, names, mode)):
            names = settled
        for name, definition in definitions.items():
            self.definitions[names[name]] = _renamed(definition, names)
        adopted: dict[str, Any] = _renamed(schema, names)
        return adopted

    def _names(self, definitions: dict[str, Any], names: dict[str, str], mode: JsonSchemaMode) -> dict[str, str]:
        return {
            name: self._free_name(name, _renamed(definition, names), mode) for name, definition in definitions.items()
        }

    def _define(self, name: str, schema: dict[str, Any], mode: JsonSchemaMode) -> str:
        name = self._free_name(name.replace(" ", ""), schema, mode)
        self.definitions[name] = schema
        return name

    def _free_name(self, name: str, schema: dict[str, Any], mode: JsonSchemaMode) -> str:
        side = "Input" if mode == "validation" else "Output"
        candidates = [name, f"{name}{side}", *(f"{name}{side}{number}" for number in range(2, 1000))]
        return next(one for one in candidates if _same(self.definitions.get(one), schema))


def _same(known: Any, schema: Any) -> bool:
    return known is None or json.dumps(known, sort_keys=True) == json.dumps(schema, sort_keys=True)


def _renamed(node: Any, names: dict[str, str]) -> Any:
    if isinstance(node, list):
        return [_renamed(item, names) for item in node]
    if not isinstance(node, dict):
        return node
    return {
        key: _PREFIX + names.get(value.removeprefix(_PREFIX), value.removeprefix(_PREFIX))
        if key == "$ref" and isinstance(value, str)
        else _renamed(value, names)
        for key, value in node.items()
    }
