"""Tells names that a reader takes for another one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

__all__ = ["lookalikes"]

_LOOKS = str.maketrans({"0": "o", "1": "l", "i": "l", "5": "s", "-": None})
_SHORT = 5
"""Names this short differ in a letter because there are not many of them."""


def lookalikes(name: str, known: Iterable[str]) -> list[str]:
    """The known names that differ from a name by what the eye passes over, or by one letter too many, few or wrong."""
    shapes = set(_shapes(name))
    return sorted(other for other in known if other != name and not shapes.isdisjoint(_shapes(other)))


def _shapes(name: str) -> Iterator[str]:
    plain = name.translate(_LOOKS).replace("rn", "m").replace("vv", "w")
    yield plain
    if len(plain) > _SHORT:
        yield from (plain[:cut] + plain[cut + 1 :] for cut in range(len(plain)))
        # Two letters in each other's place.
        yield from (plain[:at] + plain[at + 1] + plain[at] + plain[at + 2 :] for at in range(len(plain) - 1))
