"""Who may have a name: the owners of its distribution, and nobody whose name a reader takes for another one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from cubekit.discovery.registry import Registry, RegistryEntry, SupportEntry
from cubekit.ground.diagnostics import CubekitError, Diagnostic
from cubekit.registry.wheels import Wheel

__all__ = ["check_distribution", "check_name", "lookalikes"]

_LOOKS = str.maketrans({"0": "o", "1": "l", "i": "l", "5": "s", "-": None})
_SHORT = 5
"""Names this short differ in a letter because there are not many of them."""


def check_distribution(wheel: Wheel, owners: list[str], registry: Registry) -> None:
    """Refuse a distribution that others own, or that is a cube's and offers none any more.

    :raises CubekitError: CK607.
    """
    entries = [entry for entry in registry.cubes.values() if entry.distribution == wheel.distribution]
    if entries and not wheel.cubes:
        message = f"{wheel.distribution} is the distribution of a cube, and this wheel offers none"
        raise CubekitError(Diagnostic("CK607", message, fix="take another name"))
    known: list[RegistryEntry | SupportEntry | None] = [*entries, registry.distributions.get(wheel.distribution)]
    for entry in known:
        if entry and entry.owners and set(entry.owners).isdisjoint(owners):
            message = f"{wheel.distribution} belongs to somebody else"
            needed, found = f"an owner of: {', '.join(entry.owners)}", ", ".join(owners) or "no owner"
            fix = "take another name, or have the registry's owner write you under owners in registry.toml"
            raise CubekitError(Diagnostic("CK607", message, needed=needed, found=found, fix=fix))


def check_name(name: str, distribution: str, owners: list[str], registry: Registry) -> None:
    """Refuse a cube's name that belongs to another distribution, or looks like one of another owner.

    :raises CubekitError: CK607.
    """
    known = registry.cubes.get(name)
    if known is not None and known.distribution != distribution:
        message = f'the cube name "{name}" belongs to {known.distribution}'
        raise CubekitError(Diagnostic("CK607", message, found=distribution, fix="take another name"))
    if known is not None:
        return
    for other, new in lookalikes([*registry.cubes, name]):
        if new == name and set(registry.cubes[other].owners).isdisjoint(owners):
            message = f'the cube name "{name}" looks like "{other}", which belongs to somebody else'
            found = f"owners of {other}: {', '.join(registry.cubes[other].owners) or 'unknown'}"
            raise CubekitError(Diagnostic("CK607", message, found=found, fix="take another name"))


def lookalikes(names: Iterable[str]) -> Iterator[tuple[str, str]]:
    """The pairs of names, the earlier one first, that differ by what the eye passes over, or by one letter."""
    known: dict[str, list[str]] = {}
    for name in names:
        shapes = set(_shapes(name))
        for other in sorted({other for shape in shapes for other in known.get(shape, ())}):
            yield other, name
        for shape in shapes:
            known.setdefault(shape, []).append(name)


def _shapes(name: str) -> Iterator[str]:
    plain = name.translate(_LOOKS).replace("rn", "m").replace("vv", "w")
    yield plain
    if len(plain) > _SHORT:
        yield from (plain[:cut] + plain[cut + 1 :] for cut in range(len(plain)))
        # Two letters in each other's place.
        yield from (plain[:at] + plain[at + 1] + plain[at] + plain[at + 2 :] for at in range(len(plain) - 1))
