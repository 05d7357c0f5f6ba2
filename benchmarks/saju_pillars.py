"""Four pillars: the cube's core against lunar_python, on births in random years and on births in one year.

lunar_python computes a year's solar terms when it is first asked for the year and keeps only the last one, so random
years are what a service sees and one year is its best case. Both sides compute all four pillars and give them as four
Hanja names.
"""

from __future__ import annotations

import platform
import random
import time
from collections.abc import Callable, Sequence
from typing import Any

import cubekit_saju

Moment = tuple[int, int, int, int, int]

TARGET_RATIO = 10_000
_FAST_BIRTHS = 20_000
_SLOW_BIRTHS = 400
_ROUNDS = 5


def _births(number: int, years: Sequence[int]) -> list[Moment]:
    chance = random.Random(2024)  # noqa: S311 -- random births need no cryptographic randomness
    found: list[Moment] = []
    while len(found) < number:
        moment = (
            chance.choice(years),
            chance.randint(1, 12),
            chance.randint(1, 28),
            chance.randint(0, 23),
            chance.randint(0, 59),
        )
        try:
            cubekit_saju.korean_pillars(*moment)
        except cubekit_saju.NoSuchTime:
            continue
        found.append(moment)
    return found


def _packed(moment: Moment) -> int:
    return cubekit_saju.korean_pillars(*moment)


def _names(moment: Moment) -> tuple[str, str, str, str]:
    return cubekit_saju.ganji_names(cubekit_saju.korean_pillars(*moment))


def _chart(moment: Moment) -> cubekit_saju.Chart:
    return cubekit_saju.calculate(cubekit_saju.Birth(*moment, male=True))


def _nothing(moment: Moment) -> None:
    """The cost of the loop and of one call."""


def _microseconds(work: Callable[[Moment], object], moments: list[Moment], rounds: int = _ROUNDS) -> float:
    """Return the time of one call in the best of several rounds."""
    best = float("inf")
    for _ in range(rounds):
        started = time.perf_counter()
        for moment in moments:
            work(moment)
        best = min(best, time.perf_counter() - started)
    return best / len(moments) * 1e6


def run() -> list[dict[str, Any]]:
    """Measure and return rows of ``name, value, unit, target, ok``; without a target ``ok`` is None."""
    from lunar_python import Solar  # type: ignore[import-untyped]

    def lunar_python(moment: Moment) -> tuple[str, str, str, str]:
        eight = Solar.fromYmdHms(*moment, 0).getLunar().getEightChar()
        return eight.getYear(), eight.getMonth(), eight.getDay(), eight.getTime()

    everywhere = _births(_FAST_BIRTHS, range(1901, 2100))
    one_year = _births(_SLOW_BIRTHS, [1990])
    floor = _microseconds(_nothing, everywhere)
    packed = _microseconds(_packed, everywhere)
    names = _microseconds(_names, everywhere)
    charts = _microseconds(_chart, everywhere[:2_000], 2)
    other = _microseconds(lunar_python, everywhere[:_SLOW_BIRTHS], 2)
    other_cached = _microseconds(lunar_python, one_year, 2)
    ours_one_year = _microseconds(_names, one_year)
    mode = "compiled" if cubekit_saju.compiled else "pure Python"
    return [
        _row(f"four pillars as one integer, random years ({mode})", packed, "us"),
        _row(f"four pillars as names, random years ({mode})", names, "us"),
        _row("empty call in the same loop", floor, "us"),
        _row(f"whole chart as objects ({mode})", charts, "us"),
        _row("lunar_python, random years", other, "us"),
        _row("lunar_python, one year (its cache warm)", other_cached, "us"),
        _row("lunar_python / four pillars as one integer, random years", other / packed, "x", TARGET_RATIO),
        _row("lunar_python / four pillars as names, random years", other / names, "x", TARGET_RATIO),
        _row("lunar_python / four pillars as names, one year", other_cached / ours_one_year, "x"),
    ]


def _row(name: str, value: float, unit: str, target: float | None = None) -> dict[str, Any]:
    return {
        "name": name,
        "value": value,
        "unit": unit,
        "target": target,
        "ok": None if target is None else value >= target,
    }


def main() -> None:
    """Print the rows."""
    print(f"Python {platform.python_version()}, cubekit_saju {cubekit_saju.__version__}")
    for row in run():
        verdict = "" if row["target"] is None else f"  (target >= {row['target']:,}: {'ok' if row['ok'] else 'MISSED'})"
        print(f"{row['name']:<62} {row['value']:>12,.3f} {row['unit']}{verdict}")


if __name__ == "__main__":
    main()
