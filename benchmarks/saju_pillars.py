"""Four pillars: the library against other libraries, on births in random years and on births in one year.

Several peers compute a year's solar terms when they are first asked for the year and keep only the last one or few, so
random years are what a service sees and one year is their best case. Everybody calculates all four pillars and gives
them as something with names; the bare figures of the library are its packed integers. Peers that are not installed are
named and left out: ``pip install sxtwl tyme4py sajupy korean-saju`` and
``npm install --prefix benchmarks/.node manseryeok lunar-javascript``.
"""

from __future__ import annotations

import json
import os
import platform
import random
import shutil
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cubekit_saju

Moment = tuple[int, int, int, int, int]
Names = tuple[str, ...]
"""Year, month, day and hour in Hanja."""
Calculation = Callable[[Moment], Names]

NODE_MODULES = Path(__file__).parent / ".node" / "node_modules"
"""Where ``npm install --prefix benchmarks/.node manseryeok lunar-javascript`` puts them."""

_NODE = """
const moments = JSON.parse(require("fs").readFileSync(0, "utf8"));
const {Solar} = require("lunar-javascript");
const {calculateFourPillars} = require("manseryeok");
const works = {
  "lunar-javascript": m => {
    const e = Solar.fromYmdHms(...m, 0).getLunar().getEightChar();
    return e.getYear() + e.getMonth() + e.getDay() + e.getTime();
  },
  "manseryeok": m => calculateFourPillars({year: m[0], month: m[1], day: m[2], hour: m[3], minute: m[4]}).toObject(),
};
const best = {};
for (const [name, work] of Object.entries(works)) {
  best[name] = Infinity;
  for (let round = 0; round < 3; round++) {
    const began = process.hrtime.bigint();
    for (const moment of moments) work(moment);
    best[name] = Math.min(best[name], Number(process.hrtime.bigint() - began) / 1e3 / moments.length);
  }
}
console.log(JSON.stringify(best));
"""


@dataclass(frozen=True)
class Peer:
    """Another library.

    :param load: imports it and returns its calculation.
    """

    name: str
    load: Callable[[], Calculation]


def _lunar_python() -> Calculation:
    from lunar_python import Solar  # type: ignore[import-untyped]

    def calculate(moment: Moment) -> Names:
        eight = Solar.fromYmdHms(*moment, 0).getLunar().getEightChar()
        return eight.getYear(), eight.getMonth(), eight.getDay(), eight.getTime()

    return calculate


def _sxtwl() -> Calculation:
    import sxtwl  # type: ignore[import-not-found]

    stems, branches = "甲乙丙丁戊己庚辛壬癸", "子丑寅卯辰巳午未申酉戌亥"

    def calculate(moment: Moment) -> Names:
        day = sxtwl.fromSolar(*moment[:3])
        found = day.getYearGZ(False), day.getMonthGZ(), day.getDayGZ(), day.getHourGZ(moment[3])
        return tuple(stems[pillar.tg] + branches[pillar.dz] for pillar in found)

    return calculate


def _tyme4py() -> Calculation:
    from tyme4py.solar import SolarTime  # type: ignore[import-not-found]

    def calculate(moment: Moment) -> Names:
        name: str = SolarTime.from_ymd_hms(*moment, 0).get_lunar_hour().get_eight_char().get_name()
        return tuple(name.split())

    return calculate


def _sajupy() -> Calculation:
    from sajupy import calculate_saju  # type: ignore[import-not-found]

    def calculate(moment: Moment) -> Names:
        found = calculate_saju(*moment)
        return tuple(found[f"{pillar}_pillar"] for pillar in ("year", "month", "day", "hour"))

    return calculate


def _korean_saju() -> Calculation:
    from datetime import datetime

    from korean_saju import Saju, load_bundled_data  # type: ignore[import-not-found]

    _, terms = load_bundled_data()

    def calculate(moment: Moment) -> Names:
        saju = Saju.from_birth(kst_moment=datetime(*moment), solar_terms=terms)
        return tuple(
            pillar.hanja for pillar in (saju.year_pillar, saju.month_pillar, saju.day_pillar, saju.hour_pillar)
        )

    return calculate


PEERS = (
    Peer("lunar_python", _lunar_python),
    Peer("sxtwl", _sxtwl),
    Peer("tyme4py", _tyme4py),
    Peer("sajupy", _sajupy),
    Peer("korean-saju", _korean_saju),
)


def node_peers(moments: list[Moment]) -> dict[str, float]:
    """Return the microseconds of one call of each library for Node, or nothing if they are not installed."""
    node = shutil.which("node")
    if node is None or not NODE_MODULES.is_dir():
        return {}
    done = subprocess.run(
        [node, "-e", _NODE],
        input=json.dumps(moments),
        env={**os.environ, "NODE_PATH": str(NODE_MODULES)},
        capture_output=True,
        text=True,
        check=True,
    )
    found: dict[str, float] = json.loads(done.stdout)
    return found


_FAST_BIRTHS = 20_000
_SLOW_SECONDS = 1.0
_ROUNDS = 7
_TARGETS = {"lunar_python": 10_000, "sxtwl": 10_000, "manseryeok": 200}
_TARGETS_WARM = {"lunar_python": 1_000, "sxtwl": 20}


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


def _nothing(year: int, month: int, day: int, hour: int, minute: int, longitude: float, zi_hour: int) -> None:
    """Python's floor of a call with seven numbers."""


def _calls(work: Callable[..., object], arguments: Sequence[tuple[object, ...]], rounds: int = _ROUNDS) -> float:
    """Return the microseconds of one call in the best of several rounds."""
    best = float("inf")
    for _ in range(rounds):
        started = time.perf_counter()
        for one in arguments:
            work(*one)
        best = min(best, time.perf_counter() - started)
    return best / len(arguments) * 1e6


def _peer(work: Calculation, moments: list[Moment]) -> float:
    """Return the microseconds of one call, of as many as fit some time."""
    started = time.perf_counter()
    done = 0
    for moment in moments:
        work(moment)
        done += 1
        if time.perf_counter() - started > _SLOW_SECONDS:
            break
    return (time.perf_counter() - started) / done * 1e6


def _differing(work: Calculation, moments: list[Moment]) -> float:
    """Return the percentage of births whose year or month pillar is not that of the instant in Korea.

    Conventions play no part in these two; what makes them differ is the zone of the solar terms, Korea's historic time,
    or terms that are known by the day only.
    """
    wrong = sum(
        cubekit_saju.ganji_names(cubekit_saju.korean_pillars(*moment))[:2] != work(moment)[:2] for moment in moments
    )
    return wrong / len(moments) * 100


def _batch(moments: list[Moment]) -> float:
    columns: list[list[int]] = [list(column) for column in zip(*moments, strict=True)]
    return _calls(cubekit_saju.korean_pillars_batch, [(*columns,)], _ROUNDS) / len(moments)


def run() -> list[dict[str, Any]]:
    """Measure and return rows of ``name, value, unit, target, ok``; without a target ``ok`` is None."""
    everywhere = _births(_FAST_BIRTHS, range(1901, 2100))
    one_year = _births(2_000, [1990])
    seven = [(*moment, 126.978, 0) for moment in everywhere]
    floor = _calls(_nothing, seven)
    scalar = _calls(cubekit_saju.korean_pillars, seven)
    batch = _batch(everywhere)
    births = [cubekit_saju.Birth(*moment, male=True) for moment in everywhere[:4_000]]
    analysis = _calls(lambda birth: cubekit_saju.calculate(birth, shared=True), [(birth,) for birth in births])
    mode = "compiled" if cubekit_saju.compiled else "pure Python"
    rows = [
        _row("Python's call of a function with 7 numbers", floor, "us"),
        _row(f"four pillars ({mode})", scalar, "us"),
        _row("four pillars / call with 7 numbers", scalar / floor, "x", 2.5, most=True),
        _row("four pillars in a batch", batch, "us"),
        _row("in a batch / one by one", batch / scalar, "x", 0.5, most=True),
        _row("full analysis as plain data, with 22 fortunes", analysis, "us", 3, most=True),
    ]
    for peer in PEERS:
        try:
            work = peer.load()
        except ImportError as error:
            print(f"{peer.name}: left out ({error})")
            continue
        random_years, warm = _peer(work, everywhere), _peer(work, one_year)
        rows += [
            _row(f"{peer.name}, random years", random_years, "us"),
            _row(f"{peer.name} / four pillars, random years", random_years / scalar, "x", _TARGETS.get(peer.name)),
            _row(f"{peer.name} / four pillars, one year", warm / scalar, "x", _TARGETS_WARM.get(peer.name)),
            _row(
                f"{peer.name}: births with another year or month pillar",
                _differing(work, sorted(everywhere[:3_000])),
                "%",
            ),
        ]
    in_node = node_peers(everywhere[:500])
    if not in_node:
        print("manseryeok, lunar-javascript: left out (no Node, or not installed there)")
    for name, microseconds in in_node.items():
        rows += [
            _row(f"{name} (Node), random years", microseconds, "us"),
            _row(f"{name} (Node) / four pillars, random years", microseconds / scalar, "x", _TARGETS.get(name)),
        ]
    return rows


def _row(name: str, value: float, unit: str, target: float | None = None, *, most: bool = False) -> dict[str, Any]:
    ok = None if target is None else value <= target if most else value >= target
    return {"name": name, "value": value, "unit": unit, "target": target, "ok": ok}


def main() -> None:
    """Print the rows."""
    print(f"Python {platform.python_version()}, cubekit_saju {cubekit_saju.__version__}")
    for row in run():
        verdict = "" if row["target"] is None else f"  (target {row['target']:,}: {'met' if row['ok'] else 'MISSED'})"
        print(f"{row['name']:<62} {row['value']:>12,.3f} {row['unit']}{verdict}")


if __name__ == "__main__":
    main()
