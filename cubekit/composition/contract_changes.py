"""What changed between two versions of a contract, and which version that needs.

Two sides rely on a contract. A *consumer* calls it: what it sends must still be taken, what it gets must still be what
it knows. A *provider* keeps it: every method that it knew must still be called as before, which is why a new parameter
breaks providers even if it is optional, while a new method breaks nobody (a provider of an older version lacks it).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from cubekit.composition.schema_changes import SchemaChange, schema_changes
from cubekit.ground.versions import Version

__all__ = ["Change", "Impact", "contract_changes", "needed_version"]

Document = Mapping[str, Any]


# Between cubes unknown fields are ignored: who reads a result may get more than they know, and who sends a field that
# is gone is not told. A result of a wider form surprises its reader, an input of a narrower one its sender.
_BREAKS_READERS = {SchemaChange.WIDER, SchemaChange.FIELD_REMOVED}
_BREAKS_CALLERS = {
    SchemaChange.NARROWER, SchemaChange.FIELD_REMOVED, SchemaChange.FIELD_NEEDED, SchemaChange.DEFAULT,
}  # fmt: skip


class Impact(StrEnum):
    """Whom a change concerns."""

    BREAKING = "breaking"
    ADDITION = "addition"


@dataclass(frozen=True, slots=True)
class Change:
    """One difference."""

    impact: Impact
    where: str
    """Method and parameter or result: ``calculate(birth).gender``."""
    text: str


def contract_changes(old: Document, new: Document) -> list[Change]:
    """Return what is different between two documents of one contract, what breaks somebody first."""
    found = list(dict.fromkeys(_changes(old, new)))
    return sorted(found, key=lambda change: (change.impact is not Impact.BREAKING, change.where))


def needed_version(old: Version, changes: list[Change]) -> Version:
    """Return the lowest version that may have these changes. Before 1.0 a minor step breaks, a micro step adds."""
    breaking = any(change.impact is Impact.BREAKING for change in changes)
    if not changes:
        return old
    if old.major:
        return Version(f"{old.major + 1}.0") if breaking else Version(f"{old.major}.{old.minor + 1}")
    return Version(f"0.{old.minor + 1}") if breaking else Version(f"0.{old.minor}.{old.micro + 1}")


def _changes(old: Document, new: Document) -> Iterator[Change]:
    if old["remotable"] and not new["remotable"]:
        yield Change(Impact.BREAKING, old["name"], "it is local now: provider and consumer must be in one process")
    if new["remotable"] and not old["remotable"]:
        yield Change(Impact.ADDITION, old["name"], "it is remotable now")
    for slug in old["errors"].keys() - new["errors"].keys():
        yield Change(Impact.BREAKING, slug, "the failure is declared no more, and consumers may catch it")
    for slug in new["errors"].keys() - old["errors"].keys():
        yield Change(Impact.ADDITION, slug, "the failure is new")
    for slug in old["errors"].keys() & new["errors"].keys():
        if old["errors"][slug] != new["errors"][slug]:
            text = f"its code was {old['errors'][slug]} and is {new['errors'][slug]}"
            yield Change(Impact.BREAKING, slug, text)
    before, after = old["methods"], new["methods"]
    for name in before.keys() | after.keys():
        if name not in after:
            yield Change(Impact.BREAKING, f"{name}()", "the method is gone")
        elif name not in before:
            yield Change(Impact.ADDITION, f"{name}()", "the method is new")
        else:
            yield from _method_changes(name, before[name], after[name])


def _method_changes(name: str, old: Document, new: Document) -> Iterator[Change]:
    if old["kind"] != new["kind"]:
        yield Change(Impact.BREAKING, f"{name}()", f"it was a {old['kind']} and is a {new['kind']}")
    before, after = old["parameters"], new["parameters"]
    if [one for one in before if one in after] != [one for one in after if one in before]:
        yield Change(Impact.BREAKING, f"{name}()", "its parameters have another order")
    for parameter in before.keys() | after.keys():
        where = f"{name}({parameter})"
        if parameter not in after:
            yield Change(Impact.BREAKING, where, "the parameter is gone")
        elif parameter not in before:
            yield Change(Impact.BREAKING, where, "the parameter is new, and older providers do not take it")
        else:
            yield from _parameter_changes(where, before[parameter], after[parameter])
    for path, change, text in schema_changes(old["returns"], new["returns"]):
        if change is SchemaChange.DEFAULT:
            continue  # a result leaves nothing out
        impact = Impact.BREAKING if change in _BREAKS_READERS else Impact.ADDITION
        yield Change(impact, f"{name}() → {path}" if path else f"{name}() →", text)


def _parameter_changes(where: str, old: Document, new: Document) -> Iterator[Change]:
    if new["required"] and not old["required"]:
        yield Change(Impact.BREAKING, where, "the parameter is required now")
    if new.get("keyword") and not old.get("keyword"):
        yield Change(Impact.BREAKING, where, "the parameter can only be given by its name now")
    if old.get("keyword") and not new.get("keyword"):
        text = "the parameter can be given by its position now, and older providers take it by its name"
        yield Change(Impact.BREAKING, where, text)
    if old["required"] and not new["required"]:
        yield Change(Impact.BREAKING, where, "the parameter may be left out now, and older providers need it")
    if not old["required"] and not new["required"] and old["default"] != new["default"]:
        text = f"its default was {old['default']} and is {new['default']}"
        yield Change(Impact.BREAKING, where, text)
    for path, change, text in schema_changes(old["schema"], new["schema"]):
        impact = Impact.BREAKING if change in _BREAKS_CALLERS else Impact.ADDITION
        yield Change(impact, f"{where}.{path}" if path else where, text)
