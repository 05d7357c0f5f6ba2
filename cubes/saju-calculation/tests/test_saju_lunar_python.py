"""Cross-check with lunar_python, an independent implementation, over the years of constant Korean time (UTC+9)."""

from __future__ import annotations

import random
from datetime import datetime, timedelta
from typing import Any

import pytest
from lunar_python import Solar  # type: ignore[import-untyped]

CHINESE_GODS = ("比肩", "劫财", "食神", "伤官", "偏财", "正财", "七杀", "正官", "偏印", "正印")
CHINESE_STAGES = ("长生", "沐浴", "冠带", "临官", "帝旺", "衰", "病", "死", "墓", "绝", "胎", "养")
BIRTHS = 3_000


def births() -> list[datetime]:
    chance = random.Random(7)
    found: list[datetime] = []
    while len(found) < BIRTHS:
        moment = datetime(chance.randint(1962, 2026), 1, 1) + timedelta(minutes=chance.randrange(365 * 1_440))
        if moment.year not in (1987, 1988):
            found.append(moment)
    return sorted(found)  # lunar_python keeps the last year it was asked for


def eight_char(moment: datetime, sect: int) -> Any:
    found = Solar.fromYmdHms(*moment.timetuple()[:6]).getLunar().getEightChar()
    found.setSect(sect)
    return found


@pytest.mark.parametrize(("sect", "zi_hour"), [(2, "split"), (1, "zi23")])
def test_pillars_and_what_follows(installed: Any, sect: int, zi_hour: str) -> None:
    vocabulary = installed.module("_analysis.vocabulary")
    options = installed.Options(clock="clock", zi_hour=zi_hour)
    compared = 0
    for moment in births():
        chart = installed.calculate(installed.Birth(*moment.timetuple()[:5], male=True, options=options))
        if min(chart["jeolgi"]["previous"]["distance"], chart["jeolgi"]["next"]["distance"]) < 120:
            continue  # its solar terms are good to a minute or so
        compared += 1
        here = eight_char(moment, sect)
        beijing = eight_char(moment - timedelta(hours=1), sect)  # the same instant on the clock its terms are kept in
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
    assert compared > BIRTHS * 0.95
