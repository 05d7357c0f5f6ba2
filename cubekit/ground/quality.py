"""The quality scale: what a cube proves, rule by rule. ``docs/quality.md`` has the same for people; a test compares."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum

__all__ = ["RULES", "Level", "Rule", "rules_up_to", "scale"]


class Level(StrEnum):
    """How far a cube has come, from the lowest."""

    BRONZE = "bronze"
    SILVER = "silver"
    GOLD = "gold"
    PLATINUM = "platinum"


@dataclass(frozen=True, slots=True)
class Rule:
    """One thing that a cube proves."""

    level: Level
    promise: str
    reason: str


_LEVELS = tuple(Level)

RULES: dict[str, Rule] = {
    "metadata": Rule(
        Level.BRONZE,
        "the distribution has name, description, Python and cubekit versions",
        "without these nobody can tell whether the cube fits their environment",
    ),
    "documentation": Rule(
        Level.BRONZE,
        "README, CHANGELOG and docstrings tell of every operation",
        "an operation that is documented nowhere is found by reading source code",
    ),
    "tests": Rule(Level.BRONZE, "there are tests", "the kit knows what every cube promises, not what this one is for"),
    "quiet-import": Rule(
        Level.BRONZE,
        "importing it opens, writes, prints, starts and changes nothing",
        "`info` and `check` import cubes, and so do services before they run anything",
    ),
    "lifecycle": Rule(
        Level.BRONZE,
        "it starts and stops, twice in one process, on every event loop that it names; then nothing of it goes on",
        "a restart after a crash is a second start in the same process",
    ),
    "configuration": Rule(
        Level.BRONZE,
        "a wrong configuration is refused before anything starts, by key",
        "what is refused by `cubekit check` need not be found in production",
    ),
    "bad-input": Rule(
        Level.BRONZE,
        "no input makes it answer with a 500",
        "a client's mistake that looks like the service's own wakes an operator for nothing",
    ),
    "operations": Rule(
        Level.SILVER,
        "every operation, and whatever its contracts promise, answers generated input with its result or a failure",
        "a schema is a promise to callers who have never seen the code",
    ),
    "same-over-bytes": Rule(
        Level.SILVER,
        "over HTTP it answers as it does to cubes",
        "where a cube runs is the assembler's choice and may not change what it says",
    ),
    "cancellation": Rule(
        Level.SILVER,
        "it can be cancelled wherever it waits, lets that pass, and works afterwards",
        "deadlines, leaving clients and failing neighbours all cancel",
    ),
    "stop-under-load": Rule(
        Level.SILVER,
        "it stops in time while it is called, and every call ends",
        "each deployment stops cubes that are at work",
    ),
    "health": Rule(
        Level.SILVER,
        "it is healthy after its start, and says so with values that have a JSON form",
        "readiness and alerts are made of this answer",
    ),
    "metrics": Rule(
        Level.SILVER,
        "its calls are counted in /metrics, which its own instruments do not break",
        "what is not measured is noticed by users first",
    ),
    "no-blocking": Rule(
        Level.SILVER,
        "it never blocks the event loop",
        "a cube that blocks stops every other cube of the service with it",
    ),
    "index": Rule(
        Level.GOLD,
        "INDEX.md names every file of the distribution, and nothing else",
        "who mends a cube they did not write begins with its table of contents",
    ),
    "example": Rule(
        Level.GOLD,
        "examples/service.toml is a service that uses it and is valid",
        "what people copy should work",
    ),
    "conformance": Rule(
        Level.GOLD,
        "it passes the conformance suite of each contract that it provides",
        "providers can be exchanged only if all of them keep the same promise",
    ),
    "declared-failures": Rule(
        Level.GOLD,
        "an operation raises only failures that it or its contract declares",
        "callers and API documents can prepare only for what is declared",
    ),
    "typed": Rule(
        Level.GOLD,
        "the package carries py.typed, and its functions are annotated",
        "types that do not reach the user check nothing",
    ),
    "restart": Rule(
        Level.GOLD,
        "after a crash it starts again, healthy, and answers as before",
        "self-healing is worth as much as the second start",
    ),
    "idempotence": Rule(
        Level.PLATINUM,
        "what is declared idempotent answers the same twice; what is public, whoever asks",
        "retries, fail-over and shared caches rely on it without asking",
    ),
    "no-leaks": Rule(
        Level.PLATINUM,
        "further lives leave no object, thread or open file behind",
        "a service that runs for months restarts its cubes many times",
    ),
    "side-by-side": Rule(
        Level.PLATINUM,
        "two instances run in one service and share nothing in their class, unless it is exclusive",
        "canaries and swaps run the old and the new one next to each other",
    ),
    "translations": Rule(
        Level.PLATINUM,
        "its own failures are translated",
        "the message of a failure is shown to people, in their language",
    ),
}
"""By name, from bronze to platinum."""


def rules_up_to(level: Level) -> list[str]:
    """The names of the rules of a level and of those below it."""
    return [name for name, rule in RULES.items() if _LEVELS.index(rule.level) <= _LEVELS.index(level)]


def scale(passed: Collection[str]) -> Level | None:
    """The highest level all of whose rules, and those of the levels below, are passed; None if not even bronze."""
    reached = None
    for level in Level:
        if not set(rules_up_to(level)) <= set(passed):
            break
        reached = level
    return reached
