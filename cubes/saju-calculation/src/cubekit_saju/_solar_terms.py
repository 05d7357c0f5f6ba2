"""Instants of the 24 solar terms (節氣), from the generated table. Compiled.

A term is numbered from 0, the first of the table; ``number % 24`` is its kind: 0 Sohan (285 degrees) ... 23 Dongji
(270 degrees). Even kinds are *jeol* (節), where a month of the four pillars begins; jeol are also numbered by
themselves, jeol p being term 2p.
"""

from __future__ import annotations

import struct
import zlib
from base64 import b85decode
from typing import TYPE_CHECKING, Final

from cubekit_saju import _terms_table

if TYPE_CHECKING:
    from mypy_extensions import i64

FIRST_YEAR: Final[int] = _terms_table.FIRST_YEAR
LAST_YEAR: Final[int] = _terms_table.LAST_YEAR


def _instants() -> list[int]:
    """Return all instants of the table in order, in UTC seconds since 1970, rounded up."""
    years = LAST_YEAR - FIRST_YEAR + 1
    residuals = struct.unpack(f"<{24 * years}h", zlib.decompress(b85decode(_terms_table.RESIDUALS)))
    return [
        _terms_table.BASE[k] + (FIRST_YEAR + row - 2000) * _terms_table.TROPICAL_YEAR + residuals[24 * row + k]
        for row in range(years)
        for k in range(24)
    ]


TERMS: Final[list[int]] = _instants()
"""Instant of every term: UTC seconds since 1970, rounded up, so that ``birth >= term`` is exact for births in whole
seconds.
"""

_JEOL: Final[list[int]] = TERMS[0::2]
_LAST_JEOL: Final[int] = len(_JEOL) - 1
_FIRST_INSTANT: Final[int] = _JEOL[0]
_MEAN_MONTH: Final = 2_629_746
"""A twelfth of the mean tropical year, in seconds."""


def jeol_at(instant: i64) -> i64:
    """Return the number of the last jeol at or before an instant (UTC seconds) that lies within the table."""
    first: i64 = _FIRST_INSTANT
    last: i64 = _LAST_JEOL
    number: i64 = (instant - first) // _MEAN_MONTH
    if number < 0:
        number = 0
    elif number > last:
        number = last
    at: i64 = _JEOL[number]
    if at > instant:
        while number > 0 and at > instant:
            number -= 1
            at = _JEOL[number]
        return number
    while number < last:
        at = _JEOL[number + 1]
        if at > instant:
            break
        number += 1
    return number


def jeol_instant(number: i64) -> i64:
    """Return the instant of a jeol in UTC seconds, rounded up."""
    instant: i64 = _JEOL[number]
    return instant
