"""Other libraries that calculate four pillars, each as one function from a moment to something of its own."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

Moment = tuple[int, int, int, int, int]
Calculation = Callable[[Moment], object]

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

    def calculate(moment: Moment) -> tuple[str, ...]:
        eight = Solar.fromYmdHms(*moment, 0).getLunar().getEightChar()
        return eight.getYear(), eight.getMonth(), eight.getDay(), eight.getTime()

    return calculate


def _sxtwl() -> Calculation:
    import sxtwl  # type: ignore[import-not-found]

    def calculate(moment: Moment) -> tuple[object, ...]:
        day = sxtwl.fromSolar(*moment[:3])
        return day.getYearGZ(False), day.getMonthGZ(), day.getDayGZ(), day.getHourGZ(moment[3])

    return calculate


def _tyme4py() -> Calculation:
    from tyme4py.solar import SolarTime  # type: ignore[import-not-found]

    def calculate(moment: Moment) -> object:
        return SolarTime.from_ymd_hms(*moment, 0).get_lunar_hour().get_eight_char().get_name()

    return calculate


def _sajupy() -> Calculation:
    from sajupy import calculate_saju  # type: ignore[import-not-found]

    def calculate(moment: Moment) -> object:
        return calculate_saju(*moment)

    return calculate


def _korean_saju() -> Calculation:
    from datetime import datetime, timedelta, timezone

    from korean_saju import Saju, load_bundled_data  # type: ignore[import-not-found]

    korea, (_, terms) = timezone(timedelta(hours=9)), load_bundled_data()

    def calculate(moment: Moment) -> object:
        return Saju.from_birth(kst_moment=datetime(*moment, tzinfo=korea), solar_terms=terms)

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
