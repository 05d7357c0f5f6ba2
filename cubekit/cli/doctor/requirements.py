"""Requirements of cubes' distributions, and of what they require in turn, against what is installed."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from importlib.metadata import Distribution, PackageNotFoundError, distribution

from packaging.requirements import InvalidRequirement, Requirement

from cubekit import __version__
from cubekit.cli.doctor.case import Case
from cubekit.cli.doctor.findings import Finding, error, ok, warning
from cubekit.discovery.cubes import normalised
from cubekit.ground.diagnostics import Place
from cubekit.ground.versions import admits, parse_range

__all__ = ["requirements"]

_CORE = "cubekit-core"


def requirements(case: Case) -> Iterator[Finding]:
    """Compare every requirement that applies here, by its marker and extras, with what is installed."""
    walk = _Walk()
    for name in (_CORE, *case.distributions):
        yield from walk.visit(name, "")
    while walk.waiting:
        yield from walk.visit(*walk.waiting.pop())
    if walk.count and not walk.wrong:
        yield ok("requirements", f"all {walk.count} of {len({name for name, _ in walk.seen})} distributions are met")


class _Walk:
    """Goes from distribution to distribution, each once for every extra that somebody asks for."""

    def __init__(self) -> None:
        self.waiting: list[tuple[str, str]] = []
        self.seen: set[tuple[str, str]] = set()
        self.count = self.wrong = 0

    def visit(self, name: str, extra: str) -> Iterator[Finding]:
        key = normalised(name), extra
        if key in self.seen:
            return
        self.seen.add(key)
        try:
            found = distribution(name)
        except PackageNotFoundError:
            if key[0] == _CORE:
                self.wrong += 1
                yield _not_installed()
            return  # whoever requires it has said so
        for finding in (*_about_itself(found), *self._requirements(found, extra)):
            self.wrong += 1
            yield finding

    def _requirements(self, found: Distribution, extra: str) -> Iterator[Finding]:
        subject = f"{found.name} {found.version}"
        for text in found.requires or ():
            place = _place(found, text)
            try:
                wanted = Requirement(text)
            except InvalidRequirement as problem:
                yield warning(subject, f"a requirement cannot be read: {problem}", place, fix=_again(found))
                continue
            if wanted.marker and not wanted.marker.evaluate({"extra": extra}):
                continue
            self.count += 1
            installed = _version(wanted.name)
            if installed is None or not admits(wanted.specifier, installed):
                needed = f"{wanted.name} {wanted.specifier}".strip()
                got = f"is {installed}" if installed else "is not installed"
                yield error(subject, f"needs {needed}, which {got}", place, fix=_install(found, wanted))
            else:
                self.waiting += [(wanted.name, part) for part in ("", *wanted.extras)]


def _version(name: str) -> str | None:
    if normalised(name) == _CORE:
        return __version__  # the one that runs, whatever is installed
    try:
        return distribution(name).version
    except PackageNotFoundError:
        return None


def _about_itself(found: Distribution) -> Iterator[Finding]:
    subject = f"{found.name} {found.version}"
    python = "{}.{}.{}".format(*sys.version_info)
    needed = next(iter(found.metadata.get_all("Requires-Python") or ()), "")
    if not admits(parse_range(needed), python):
        place = _place(found, needed, "Requires-Python")
        yield error(subject, f"needs Python {needed}, and this is {python}", place, fix=_again(found))
    if normalised(found.name) == _CORE and found.version != __version__:
        message = f"metadata of version {found.version} are installed, and the code that runs is {__version__}"
        yield error(subject, message, Place(_metadata(found)), fix=f"pip install --force-reinstall {_CORE}")


def _not_installed() -> Finding:
    message = "cubekit runs from a directory and is not installed, so nobody knows what it requires"
    return warning(_CORE, message, fix=f"pip install {_CORE}")


def _install(found: Distribution, wanted: Requirement) -> str:
    if normalised(wanted.name) == _CORE:
        return f"pip install --upgrade {found.name}"
    extras = f"[{','.join(sorted(wanted.extras))}]" if wanted.extras else ""
    return f"pip install '{wanted.name}{extras}{wanted.specifier}'"


def _again(found: Distribution) -> str:
    return f"pip install --force-reinstall {found.name}"


def _metadata(found: Distribution) -> str:
    # There is no public way to ask for the directory.
    return f"{getattr(found, '_path', found.name)}/METADATA"


def _place(found: Distribution, text: str, header: str = "Requires-Dist") -> Place:
    lines = (found.read_text("METADATA") or "").split("\n")
    line = next((number for number, said in enumerate(lines, 1) if said.strip() == f"{header}: {text}"), None)
    return Place(_metadata(found), line)
