"""Inputs for operations, generated from the JSON schema of their pydantic models: good ones, and bad ones."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from typing import Any

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from cubekit.authoring.failures import Invalid
from cubekit.composition.operations import Operation

__all__ = ["bad_bodies", "good_inputs", "values_of"]

Json = Any
Schema = Mapping[str, Any]

_TEXT = st.characters(codec="utf-8", exclude_characters="\0")
_FORMATS = {
    "date": st.dates().map(str),
    "date-time": st.datetimes(timezones=st.timezones()).map(lambda moment: moment.isoformat()),
    "time": st.times().map(str),
    "duration": st.integers(0, 10**6).map(lambda seconds: f"PT{seconds}S"),
    "email": st.emails(domains=st.just("example.com")),
    "uuid": st.uuids().map(str),
    "uri": st.just("https://example.com/"),
    "ipv4": st.ip_addresses(v=4).map(str),
    "ipv6": st.ip_addresses(v=6).map(str),
}
_LONG = 40
"""How long generated texts and lists are at most, unless they must be longer."""


def good_inputs(operation: Operation, count: int = 25) -> list[Json]:
    """Return inputs that an operation must take, as JSON data; the same ones each time.

    The examples of its models come first. What the models' validators refuse is left out: a schema cannot say all.
    """
    if operation.input is None:
        return _generated(st.binary(max_size=_LONG), count) if operation.takes_bytes else [{}]
    accepted: list[Json] = []
    for candidate in _candidates(operation.input.json_schema("validation", "#/$defs/{model}"), count):
        try:
            operation.input.from_data(candidate)
        except Invalid:
            continue
        if candidate not in accepted:
            accepted.append(candidate)
    return accepted[:count]


def values_of(kind: Any, count: int = 3) -> list[Any]:
    """Return values of a type, the same ones each time.

    :raises LookupError: if none was found.
    """
    adapter: TypeAdapter[Any] = TypeAdapter(kind)
    found = []
    for candidate in _candidates(adapter.json_schema(ref_template="#/$defs/{model}"), count):
        with suppress(ValidationError):
            found.append(adapter.validate_json(json.dumps(candidate)))
    if not found:
        raise LookupError(f"no value was found that is {kind}: give its model `examples`")
    return found[:count]


def _candidates(schema: Schema, count: int) -> list[Json]:
    """What fits a schema, its examples first; more than are wanted, as validators may refuse some."""
    return [*_examples(schema, schema), *_generated(_strategy(schema, schema), 4 * count)]


def bad_bodies(operation: Operation) -> Iterator[bytes]:
    """Yield bodies that are no input of an operation, or hardly."""
    yield from (b"", b"{", b"\xff\xfe", b"null", b"[]", b'"text"', b"NaN", b"1e999", b"[" * 5_000, b'{"a":' * 5_000)
    good: Json = next(iter(good_inputs(operation, 1)), {})
    if not isinstance(good, dict):
        return
    yield json.dumps({**good, "noSuchField": 1}).encode()
    for name in [*good, *_properties(operation)]:
        yield json.dumps({key: value for key, value in good.items() if key != name}).encode()
        for bad in _BAD_VALUES:
            yield json.dumps({**good, name: bad}).encode()


_BAD_VALUES: tuple[Json, ...] = (
    None, True, -1, 0, 10**30, -(10**400), 1e308, float("inf"), float("nan"), "", "\0", "\ud800", "0", "text" * 1_000,
    "‮𝟘", "../../etc/passwd", "%s{0}", "0000-00-00", "9999-12-31", [], [None], {}, {"a": {}}, [[[]]],
)  # fmt: skip


def _properties(operation: Operation) -> list[str]:
    if operation.input is None:
        return []
    schema = operation.input.json_schema("validation", "#/$defs/{model}")
    return list(_resolved(schema, schema).get("properties", ()))


def _generated(strategy: st.SearchStrategy[Json], count: int) -> list[Json]:
    found: list[Json] = []

    @settings(
        max_examples=count,
        derandomize=True,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(strategy)
    def collect(value: Json) -> None:
        found.append(value)

    collect()
    return found


def _resolved(schema: Schema, root: Schema) -> Schema:
    while "$ref" in schema:
        schema = root["$defs"][schema["$ref"].rpartition("/")[2]]
    return schema


def _examples(schema: Schema, root: Schema) -> list[Json]:
    """The examples that the author gave: of the whole, or one made of those of its required fields."""
    schema = _resolved(schema, root)
    if schema.get("examples"):
        return list(schema["examples"])
    if "default" in schema:
        return [schema["default"]]
    if schema.get("type") != "object" or "properties" not in schema:
        return []
    parts = {name: _examples(schema["properties"][name], root) for name in schema.get("required", ())}
    return [{name: values[0] for name, values in parts.items()}] if parts and all(parts.values()) else []


def _strategy(schema: Schema, root: Schema, depth: int = 0) -> st.SearchStrategy[Json]:
    schema = _resolved(schema, root)
    examples = _examples(schema, root)
    made = _made(schema, root, depth)
    return st.one_of(st.sampled_from(examples), made) if examples else made


def _made(schema: Schema, root: Schema, depth: int) -> st.SearchStrategy[Json]:
    if "const" in schema:
        return st.just(schema["const"])
    if "enum" in schema:
        return st.sampled_from(schema["enum"])
    for key in ("anyOf", "oneOf"):
        if key in schema:
            return st.one_of([_strategy(option, root, depth) for option in schema[key]])
    if "allOf" in schema:
        return _strategy({**schema, **_merged(schema["allOf"], root), "allOf": ()}, root, depth)
    kind = schema.get("type")
    if isinstance(kind, list):
        return st.one_of([_strategy({**schema, "type": one}, root, depth) for one in kind])
    make = _KINDS.get(str(kind))
    return st.none() if make is None else make(schema, root, depth)


def _merged(parts: list[Schema], root: Schema) -> dict[str, Any]:
    merged: dict[str, Any] = {}
    for part in parts:
        merged |= _resolved(part, root)
    return merged


def _object(schema: Schema, root: Schema, depth: int) -> st.SearchStrategy[Json]:
    properties, required = schema.get("properties", {}), set(schema.get("required", ()))
    if depth > 4:  # a model may contain itself
        properties = {name: part for name, part in properties.items() if name in required}
    parts = {name: _strategy(part, root, depth + 1) for name, part in properties.items()}
    fields = st.fixed_dictionaries(
        {name: part for name, part in parts.items() if name in required},
        optional={name: part for name, part in parts.items() if name not in required},
    )
    further = schema.get("additionalProperties")
    if properties or not isinstance(further, dict):
        return fields
    least, most = schema.get("minProperties", 0), schema.get("maxProperties", 5)
    keys = st.text(_TEXT, min_size=1, max_size=_LONG)
    return st.dictionaries(keys, _strategy(further, root, depth + 1), min_size=least, max_size=most)


def _array(schema: Schema, root: Schema, depth: int) -> st.SearchStrategy[Json]:
    if "prefixItems" in schema:
        return st.tuples(*(_strategy(part, root, depth + 1) for part in schema["prefixItems"])).map(list)
    least = schema.get("minItems", 0)
    most = min(schema.get("maxItems", least + 5), least + 5)
    unique = json.dumps if schema.get("uniqueItems") else None
    items = _strategy(schema.get("items", {}), root, depth + 1)
    return st.lists(items, min_size=least, max_size=most, unique_by=unique)


def _string(schema: Schema, root: Schema, depth: int) -> st.SearchStrategy[Json]:
    if "pattern" in schema:
        return st.from_regex(re.compile(schema["pattern"]), fullmatch=True)
    if schema.get("format") in _FORMATS:
        return _FORMATS[schema["format"]]
    least = schema.get("minLength", 0)
    return st.text(_TEXT, min_size=least, max_size=min(schema.get("maxLength", least + _LONG), least + _LONG))


def _integer(schema: Schema, root: Schema, depth: int) -> st.SearchStrategy[Json]:
    least, most = _bounds(schema, 1)
    return st.integers(None if least is None else int(least), None if most is None else int(most))


def _number(schema: Schema, root: Schema, depth: int) -> st.SearchStrategy[Json]:
    least, most = _bounds(schema, 0)
    return st.floats(
        least,
        most,
        allow_nan=False,
        allow_infinity=False,
        exclude_min="exclusiveMinimum" in schema,
        exclude_max="exclusiveMaximum" in schema,
    )


def _bounds(schema: Schema, step: int) -> tuple[float | None, float | None]:
    least, most = schema.get("minimum"), schema.get("maximum")
    if "exclusiveMinimum" in schema:
        least = schema["exclusiveMinimum"] + step
    if "exclusiveMaximum" in schema:
        most = schema["exclusiveMaximum"] - step
    return least, most


_KINDS: dict[str, Callable[[Schema, Schema, int], st.SearchStrategy[Json]]] = {
    "object": _object,
    "array": _array,
    "string": _string,
    "integer": _integer,
    "number": _number,
    "boolean": lambda *_: st.booleans(),
}
