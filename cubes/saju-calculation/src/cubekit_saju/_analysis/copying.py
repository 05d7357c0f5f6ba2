"""Copies of plain data. Compiled."""

from __future__ import annotations


def fresh(value: object) -> object:
    """Return a copy that shares no dict and no list with the value."""
    if isinstance(value, dict):
        return {key: fresh(item) for key, item in value.items()}
    if isinstance(value, list):
        return [fresh(item) for item in value]
    return value
