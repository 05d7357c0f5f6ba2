"""What changed between two JSON schemas: whether more, less or something else fits."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from enum import StrEnum
from typing import Any

__all__ = ["SchemaChange", "schema_changes"]

Schema = Mapping[str, Any]
Kinds = dict[str, Schema]
"""What a value may be, by name."""

_LOWER = ("minimum", "exclusiveMinimum", "minLength", "minItems", "minProperties")
_UPPER = ("maximum", "exclusiveMaximum", "maxLength", "maxItems", "maxProperties")
_FORMS = ("pattern", "format", "contentMediaType", "uniqueItems", "multipleOf", "x-python")
_WORDS = {"title", "description", "examples", "default", "$defs"}
_ANYTHING = "anything"


_STEPS = 100_000
"""How many schemas within schemas are looked at: references can stand for far more than is written."""


class SchemaChange(StrEnum):
    """What the new schema does to values of the old one."""

    WIDER = "wider"
    """Everything that fitted fits, and more."""
    NARROWER = "narrower"
    """Something that fitted does not fit any more."""
    FIELD_ADDED = "field added"
    """It may be left out."""
    FIELD_NEEDED = "field needed"
    """It is new, and may not be left out."""
    FIELD_REMOVED = "field removed"
    DEFAULT = "default"
    """What is left out means something else."""


def schema_changes(old: Schema, new: Schema) -> list[tuple[str, SchemaChange, str]]:
    """Return each change, with its path in the value and a sentence. What is only said differently is no change.

    :raises ValueError: if a schema goes on for ever, or for too long.
    """
    return list(_Comparison(old, new).compare(old, new, ""))


class _Comparison:
    def __init__(self, old: Schema, new: Schema) -> None:
        self._old_root = old
        self._new_root = new
        self._seen: set[tuple[str, str]] = set()
        self._steps = 0

    def compare(self, old: Schema, new: Schema, path: str) -> Iterator[tuple[str, SchemaChange, str]]:
        if "$ref" in old or "$ref" in new:
            pair = (json.dumps(old, sort_keys=True), json.dumps(new, sort_keys=True))
            if pair in self._seen:  # a model that contains itself
                return
            self._seen.add(pair)
        old, new = self._resolved(old, self._old_root), self._resolved(new, self._new_root)
        if "properties" in old and "properties" in new:
            yield from self._fields(old, new, path)
        elif old.get("type") == new.get("type") == "array":
            yield from self.compare(old.get("items", {}), new.get("items", {}), f"{path}[]")
            yield from self._rows(old, new, path)
            yield from _limits(old, new, path)
        elif old.get("type") == new.get("type") == "object":
            yield from self._further(old, new, path)
        else:
            yield from self._alternatives(old, new, path)

    def _fields(self, old: Schema, new: Schema, path: str) -> Iterator[tuple[str, SchemaChange, str]]:
        before, after = old["properties"], new["properties"]
        needed_before, needed_after = set(old.get("required", ())), set(new.get("required", ()))
        for name in before.keys() | after.keys():
            where = f"{path}.{name}" if path else name
            if name not in after:
                yield where, SchemaChange.FIELD_REMOVED, "the field is gone"
            elif name in needed_after - before.keys():
                yield where, SchemaChange.FIELD_NEEDED, "the field is new, and required"
            elif name not in before:
                yield where, SchemaChange.FIELD_ADDED, "the field is new"
            else:
                if name in needed_after - needed_before:
                    yield where, SchemaChange.NARROWER, "the field is required now"
                if name in needed_before - needed_after:
                    yield where, SchemaChange.WIDER, "the field may be left out now"
                one, other = before[name], after[name]
                if "default" in one and "default" in other and one["default"] != other["default"]:
                    text = f"its default was {json.dumps(one['default'])} and is {json.dumps(other['default'])}"
                    yield where, SchemaChange.DEFAULT, text
                yield from self.compare(before[name], after[name], where)

    def _rows(self, old: Schema, new: Schema, path: str) -> Iterator[tuple[str, SchemaChange, str]]:
        before, after = old.get("prefixItems", ()), new.get("prefixItems", ())
        if len(before) != len(after):
            yield from _other(path, f"it has {len(after)} items in place of {len(before)}")
            return
        for position, (one, other) in enumerate(zip(before, after, strict=True)):
            yield from self.compare(one, other, f"{path}[{position}]")

    def _further(self, old: Schema, new: Schema, path: str) -> Iterator[tuple[str, SchemaChange, str]]:
        before, after = old.get("additionalProperties"), new.get("additionalProperties")
        if isinstance(before, dict) and isinstance(after, dict):
            yield from self.compare(before, after, f"{path}.*")
        elif before != after:
            yield from _other(path, "its fields have another form")

    def _alternatives(self, old: Schema, new: Schema, path: str) -> Iterator[tuple[str, SchemaChange, str]]:
        before, after = self._kinds(old, self._old_root), self._kinds(new, self._new_root)
        before, after = _called_the_same(before, after)
        gone, come = before.keys() - after.keys(), after.keys() - before.keys()
        if _ANYTHING in after or ("string" in after and gone and all(map(_is_text, gone))):
            gone = gone & {_ANYTHING}
        if _ANYTHING in before or ("string" in before and come and all(map(_is_text, come))):
            come = come & {_ANYTHING}
        if gone == {"integer"} and come == {"number"}:
            yield path, SchemaChange.WIDER, "it takes any number"
        elif gone == {"number"} and come == {"integer"}:
            yield path, SchemaChange.NARROWER, "it takes integers only"
        else:
            if gone:
                yield path, SchemaChange.NARROWER, f"it is {_either(gone)} no more"
            if come:
                yield path, SchemaChange.WIDER, f"it may be {_either(come)}"
        for name in before.keys() & after.keys():
            one, other = before[name], after[name]
            if one != other and (_is_compound(one) or _is_compound(other)):
                yield from self.compare(one, other, path)
            elif not _is_compound(one):
                yield from _limits(one, other, path)

    def _kinds(self, schema: Schema, root: Schema) -> Kinds:
        schema = self._resolved(schema, root)
        options = [*schema.get("anyOf", ()), *schema.get("oneOf", ())]
        if options:
            return _told_apart([pair for option in options for pair in self._kinds(option, root).items()])
        if "enum" in schema or "const" in schema:
            values = schema.get("enum", [schema.get("const")])
            return {json.dumps(value, ensure_ascii=False): {} for value in values}
        kind = schema.get("type", schema.get("x-python", _ANYTHING))
        if isinstance(kind, list):
            return {name: {**schema, "type": name} for name in kind}
        return {f"{kind} {schema['title']}" if kind == "object" and "title" in schema else str(kind): schema}

    def _resolved(self, schema: Schema, root: Schema) -> Schema:
        while "$ref" in schema or len(schema.get("allOf", ())) == 1:
            self._count_step()
            inner = schema["allOf"][0] if "$ref" not in schema else None
            schema = inner or root["$defs"][schema["$ref"].rpartition("/")[2]]
        self._count_step()
        return {key: value for key, value in schema.items() if key not in _WORDS or key == "title"}

    def _count_step(self) -> None:
        self._steps += 1
        if self._steps > _STEPS:
            raise ValueError("a schema refers to itself without an end, or is far too long")


def _told_apart(kinds: list[tuple[str, Schema]]) -> Kinds:
    """Kinds by name; several of one name, such as two lists, by what they hold too."""
    several = {name for name, count in Counter(name for name, _ in kinds).items() if count > 1}
    return {f"{name} {json.dumps(kind, sort_keys=True)}" if name in several else name: kind for name, kind in kinds}


def _called_the_same(
    before: dict[str, Schema], after: dict[str, Schema]
) -> tuple[dict[str, Schema], dict[str, Schema]]:
    """Give the only model on each side the same name: what it is called in Python is nobody's business."""
    one, other = ([name for name in kinds if name.startswith("object ")] for kinds in (before, after))
    if len(one) != 1 or len(other) != 1 or one == other:
        return before, after
    return before, {one[0] if name == other[0] else name: kind for name, kind in after.items()}


def _is_text(name: str) -> bool:
    """Whether a kind is one certain text, such as a value of an enumeration."""
    return name.startswith('"')


def _limits(old: Schema, new: Schema, path: str) -> Iterator[tuple[str, SchemaChange, str]]:
    for keys, sign in ((_LOWER, 1), (_UPPER, -1)):
        for key in keys:
            before, after = old.get(key), new.get(key)
            if before == after:
                continue
            tighter = before is None or (after is not None and sign * after > sign * before)
            change = SchemaChange.NARROWER if tighter else SchemaChange.WIDER
            yield path, change, f"{key} was {_said(before)} and is {_said(after)}"
    for key in _FORMS:
        if old.get(key) != new.get(key):
            text = f"{key} was {_said(old.get(key))} and is {_said(new.get(key))}"
            if key not in new:
                yield path, SchemaChange.WIDER, text
            elif key not in old:
                yield path, SchemaChange.NARROWER, text
            else:
                yield from _other(path, text)


def _other(path: str, text: str) -> Iterator[tuple[str, SchemaChange, str]]:
    yield path, SchemaChange.NARROWER, text
    yield path, SchemaChange.WIDER, text


def _said(value: Any) -> str:
    return "not limited" if value is None else str(value)


def _is_compound(schema: Schema) -> bool:
    return bool({"properties", "items", "prefixItems", "additionalProperties"} & schema.keys())


def _either(names: set[str]) -> str:
    return " or ".join(sorted(names))
