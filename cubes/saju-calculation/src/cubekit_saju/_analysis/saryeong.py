"""The hidden stem that rules the day of birth (사령). Compiled."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from cubekit_saju._analysis.settings import Settings
from cubekit_saju._analysis.vocabulary import STEMS
from cubekit_saju.results.pillars import Saryeong

if TYPE_CHECKING:
    from mypy_extensions import i64

_POSITIONS: Final[list[str]] = ["yeogi", "junggi", "jeonggi"]


def ruling_stem(branch: i64, elapsed: i64, month: i64, settings: Settings) -> tuple[int, Saryeong]:
    """Return the ruling hidden stem of the month branch, and what is told of it.

    :param elapsed: seconds since the month began.
    :param month: seconds from its beginning to the next one's.
    """
    if settings.scaled_saryeong:
        elapsed = elapsed * 30 * 86_400 // month
    yeogi, junggi, _ = settings.hidden.days[branch]
    day: i64 = elapsed // 86_400
    place = 0 if day < yeogi else 1 if day < yeogi + junggi else 2
    stem = settings.hidden.stems[branch][place]
    return stem, {
        "cheon": STEMS[stem],
        "position": _POSITIONS[place],
        "days": float(elapsed * 100 // 86_400) / 100.0,
    }
