"""Versions of contracts and cubes, and the ranges that admit them.

The algebra is PEP 440's, by `packaging`; this module adds cubekit's spellings: ``name@1.2`` and ``name>=1.1,<2``.
Before 1.0 a minor version may break, so ``~=0.1`` (which admits 0.9) is rarely what is meant: write ``>=0.1,<0.2``.
"""

from __future__ import annotations

import re

from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.version import InvalidVersion, Version

__all__ = [
    "SpecifierSet",
    "Version",
    "admits",
    "parse_range",
    "parse_versioned_name",
    "range_text",
    "rank",
    "split_use",
]

_NAME = r"[a-z][a-z0-9]*(?:[-._][a-z0-9]+)*"
_VERSIONED = re.compile(rf"({_NAME})@(\S+)")
_USE = re.compile(rf"\s*({_NAME})\s*(.*)")


def parse_versioned_name(text: str) -> tuple[str, Version]:
    """Split ``"saju.calendar@1.2"`` into its name and version.

    :raises ValueError: if the text has another form.
    """
    match = _VERSIONED.fullmatch(text.strip())
    if match is None:
        raise ValueError(f'expected "name@version" such as "saju.calendar@1.2", not {text!r}')
    try:
        return match[1], Version(match[2])
    except InvalidVersion as error:
        raise ValueError(f"{match[2]!r} in {text!r} is not a version") from error


def parse_range(text: str) -> SpecifierSet:
    """Return the version range of a text such as ``">=1.1,<2"``; an empty text admits every version.

    :raises ValueError: if the text is not a range.
    """
    try:
        return SpecifierSet(text)
    except InvalidSpecifier as error:
        raise ValueError(f'expected a version range such as ">=1.1,<2", not {text!r}') from error


def split_use(text: str) -> tuple[str, SpecifierSet]:
    """Split ``"saju-calculation>=0.1,<1"`` into a cube's name and the admitted versions.

    :raises ValueError: if the text has another form.
    """
    match = _USE.fullmatch(text)
    if match is None:
        raise ValueError(f'expected "cube-name" with a version range, such as "saju-calculation>=0.1,<1", not {text!r}')
    return match[1], parse_range(match[2])


def admits(admitted: SpecifierSet, version: Version | str) -> bool:
    """Whether a range admits a version. Pre-releases are admitted: who installs one means to use it."""
    return admitted.contains(version, prereleases=True)


def rank(version: Version | str) -> tuple[bool, Version]:
    """Orders versions as they are preferred: the newest last, and pre-releases before all others."""
    parsed = version if isinstance(version, Version) else Version(version)
    return not parsed.is_prerelease, parsed


def compatible_range(version: Version) -> str:
    """The range of versions that keep what a version promises, such as ``>=0.1.2,<0.2`` or ``>=1.3,<2``."""
    following = f"{version.major + 1}" if version.major else f"0.{version.minor + 1}"
    return f">={version.public},<{following}"


def range_text(admitted: SpecifierSet) -> str:
    """Write a range as a person does, ``>=1.1,<2``: what it begins with first."""
    return ",".join(sorted({str(part) for part in admitted}, key=lambda part: (part.startswith(("<", "!=")), part)))
