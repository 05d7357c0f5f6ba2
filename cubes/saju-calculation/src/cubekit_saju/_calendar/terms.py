"""Instants of the 24 solar terms (節氣), from the generated table. Compiled.

A term is numbered from 0, the first of the table; ``number % 24`` is its kind: 0 Sohan (285 degrees) ... 23 Dongji
(270 degrees). Even kinds are *jeol* (節), where a month of the four pillars begins; jeol are also numbered by
themselves, jeol p being term 2p.
"""

from __future__ import annotations

import zlib
from base64 import b64decode
from typing import TYPE_CHECKING, Final

from cubekit_saju._calendar import terms_table

if TYPE_CHECKING:
    from mypy_extensions import i64

FIRST_YEAR: Final[int] = terms_table.FIRST_YEAR
LAST_YEAR: Final[int] = terms_table.LAST_YEAR


def _unpack() -> list[int]:
    """Return all instants of the table in order, in hundredths of a second since 1970 (UTC)."""
    years: int = LAST_YEAR - FIRST_YEAR + 1
    planes: bytes = zlib.decompress(b64decode(terms_table.RESIDUALS))
    count = 24 * years
    found: list[int] = []
    for row in range(years):
        past = (FIRST_YEAR + row - 2000) * terms_table.TROPICAL_YEAR
        for k in range(24):
            at = k * years + row
            residual = planes[at] | planes[count + at] << 8 | planes[2 * count + at] << 16
            found.append(terms_table.BASE[k] + past + residual)
    return found


HUNDREDTHS: Final[list[int]] = _unpack()
"""Instant of every term in hundredths of a second since 1970 (UTC)."""

TERMS: Final[list[int]] = [-(-instant // 100) for instant in HUNDREDTHS]
"""Instant of every term: UTC seconds since 1970, rounded up, so that ``birth >= term`` is exact for births in whole
seconds.
"""

JEOL: Final[list[int]] = TERMS[0::2]
"""The month-opening terms only."""

JEOL_MINUTES: Final[list[int]] = [(instant + 3_000) // 6_000 * 60 for instant in HUNDREDTHS[0::2]]
"""The same to the nearest minute, as the Korean almanac prints them."""

_LAST_JEOL: Final[int] = len(JEOL) - 1
_FIRST_INSTANT: Final[int] = JEOL[0]
_MEAN_MONTH: Final = 2_629_746
"""A twelfth of the mean tropical year, in seconds."""


def jeol_at(instant: i64, jeol: list[int]) -> i64:
    """Return the number of the last jeol at or before an instant that lies within the table.

    :param instant: UTC seconds.
    :param jeol: `JEOL` or `JEOL_MINUTES`.
    """
    first: i64 = _FIRST_INSTANT
    last: i64 = _LAST_JEOL
    number: i64 = (instant - first) // _MEAN_MONTH
    if number < 0:
        number = 0
    elif number > last:
        number = last
    at: i64 = jeol[number]
    if at > instant:
        while number > 0 and at > instant:
            number -= 1
            at = jeol[number]
        return number
    while number < last:
        at = jeol[number + 1]
        if at > instant:
            break
        number += 1
    return number


def first_term_of(year: int) -> int:
    """Return the number of the first term (Sohan) of a year of the table."""
    return (year - FIRST_YEAR) * 24
