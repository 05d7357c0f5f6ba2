"""Cross-check with lunar_python, an independent implementation, over the years of constant Korean time (UTC+9).

It keeps its solar terms on the clock of Beijing, so year and month are asked for an hour earlier; day and hour for the
clock that the convention reads them by. A fourth of the births lie within twenty minutes of a solar term.
"""

from __future__ import annotations

import random
from datetime import datetime, timedelta
from typing import Any

import pytest
from lunar_python import Solar  # type: ignore[import-untyped]

CHINESE_GODS = ("比肩", "劫财", "食神", "伤官", "偏财", "正财", "七杀", "正官", "偏印", "正印")
CHINESE_STAGES = ("长生", "沐浴", "冠带", "临官", "帝旺", "衰", "病", "死", "墓", "绝", "胎", "养")
BIRTHS = 1_700
"""Of each convention; six of them make more than 10,000."""
EPOCH = datetime(1970, 1, 1)
NEVER = (1987, 1988)
"""Years of daylight saving."""


def births(jeol: list[int], seed: int) -> list[datetime]:
    chance = random.Random(seed)
    terms = [EPOCH + timedelta(seconds=at + 32_400) for at in jeol]
    terms = [term for term in terms if 1962 <= term.year <= 2026 and term.year not in NEVER]
    found: list[datetime] = []
    while len(found) < BIRTHS:
        if len(found) % 4 == 0:
            moment = chance.choice(terms) + timedelta(minutes=chance.randint(-20, 20))
            moment = moment.replace(second=0)
        else:
            moment = datetime(chance.randint(1962, 2026), 1, 1) + timedelta(minutes=chance.randrange(365 * 1_440))
        if moment.year not in NEVER:
            found.append(moment)
    return sorted(found)  # lunar_python keeps the last year it was asked for


def eight_char(moment: datetime, sect: int) -> Any:
    found = Solar.fromYmdHms(*moment.timetuple()[:6]).getLunar().getEightChar()
    found.setSect(sect)
    return found


@pytest.mark.parametrize(
    ("sect", "zi_hour", "clock"),
    [
        (2, "split", "clock"),
        (1, "zi23", "standard"),
        (2, "split", "lmt"),
        (1, "zi23", "lmt"),
        (2, "split", "apparent"),
        (1, "zi23", "apparent"),
    ],
)
def test_pillars_and_what_follows(installed: Any, sect: int, zi_hour: str, clock: str) -> None:
    vocabulary = installed.module("_analysis.vocabulary")
    options = installed.Options(clock=clock, zi_hour=zi_hour)
    moments = births(installed.module("_calendar.terms").JEOL, seed=sect * 10 + len(clock))
    for moment in moments:
        chart = installed.calculate(installed.Birth(*moment.timetuple()[:5], male=True, options=options), shared=True)
        local = datetime.fromisoformat(chart["time"]["local" if clock == "clock" else clock])
        here = eight_char(local, sect)
        beijing = eight_char(moment - timedelta(hours=1), sect)
        pan = chart["sajuPan"]
        assert (pan["year"]["hanja"], pan["month"]["hanja"]) == (beijing.getYear(), beijing.getMonth()), moment
        assert (pan["day"]["hanja"], pan["hour"]["hanja"]) == (here.getDay(), here.getTime()), moment
        assert chart["sipsin"]["hour"]["cheon"] == vocabulary.TEN_GODS[CHINESE_GODS.index(here.getTimeShiShenGan())]
        assert chart["sipsin"]["day"]["ji"] == vocabulary.TEN_GODS[CHINESE_GODS.index(here.getDayShiShenZhi()[0])]
        assert chart["sibiunseong"]["day"]["bong"] == vocabulary.STAGES[CHINESE_STAGES.index(here.getDayDiShi())]
        assert chart["sibiunseong"]["hour"]["bong"] == vocabulary.STAGES[CHINESE_STAGES.index(here.getTimeDiShi())]
        void = "".join(
            vocabulary.BRANCHES_HANJA[vocabulary.BRANCHES.index(ji)] for ji in chart["gongmang"]["byDay"]["branches"]
        )
        assert void == here.getDayXunKong()
