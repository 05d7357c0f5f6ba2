"""A chart as the classical table, for a terminal."""

from __future__ import annotations

from collections.abc import Sequence
from unicodedata import combining, east_asian_width

from cubekit_saju._analysis.vocabulary import STEMS
from cubekit_saju.results.chart import Chart

_COLUMNS = (("시주", "hour"), ("일주", "day"), ("월주", "month"), ("년주", "year"))
"""From the left; the year stands on the right, as the table is read."""
_GAP = "  "


def table(chart: Chart) -> str:
    """Return a chart as text: pillars, ten gods, hidden stems, stages, void, and the great fortune below.

    Columns are aligned by the widths that terminals give East Asian characters.
    """
    rows: list[list[str]] = [["", *(title for title, _ in _COLUMNS)]]
    rows += [[label, *(cells.get(name, "") for _, name in _COLUMNS)] for label, cells in _pillar_rows(chart).items()]
    daeun = chart["daeun"]
    periods = list(reversed(daeun["list"]))
    fortune = [
        ["나이", *(str(period["age"]) for period in periods)],
        ["십신", *(period["sipsin"]["cheon"] for period in periods)],
        ["대운", *(period["cheon"] + period["ji"] for period in periods)],
        ["", *(period["hanja"] for period in periods)],
        ["운성", *(period["sibiunseong"] for period in periods)],
    ]
    direction = "순행" if daeun["forward"] else "역행"
    void = "".join(chart["gongmang"]["byDay"]["branches"])
    lines = [
        f"{chart['time']['local'].replace('T', ' ')}  {chart['conventions']['timezone']}",
        f"{chart['gyeokguk']['name']}  {chart['strength']['grade']} {chart['strength']['score']}  공망 {void}",
        "",
        *_aligned(rows),
        "",
        f"대운수 {daeun['startAge']} ({direction})",
        *_aligned(fortune),
    ]
    lines += [f"! {notice['message']}" for notice in chart["warnings"]]
    return "\n".join(lines)


def _pillar_rows(chart: Chart) -> dict[str, dict[str, str]]:
    """Return the cells of every row by the name of the pillar; those of an unknown hour are missing."""
    rows: dict[str, dict[str, str]] = {
        label: {} for label in ("천간 십신", "천간", "지지", "지지 십신", "지장간", "운성", "공망")
    }
    void = chart["gongmang"]["byDay"]["pillars"]
    pan, gods, hidden, stages = chart["sajuPan"], chart["sipsin"], chart["jijanggan"], chart["sibiunseong"]
    for pillar, god, stems, stage, name in (
        (pan["year"], gods["year"], hidden["year"], stages["year"], "year"),
        (pan["month"], gods["month"], hidden["month"], stages["month"], "month"),
        (pan["day"], gods["day"], hidden["day"], stages["day"], "day"),
        (pan["hour"], gods["hour"], hidden["hour"], stages["hour"], "hour"),
    ):
        if pillar is None or god is None or stems is None or stage is None:
            continue
        rows["천간 십신"][name] = god["cheon"]
        rows["천간"][name] = f"{pillar['cheon']} {pillar['hanja'][0]}"
        rows["지지"][name] = f"{pillar['ji']} {pillar['hanja'][1]}"
        rows["지지 십신"][name] = god["ji"]
        rows["지장간"][name] = "".join(
            stem for stem in (stems["yeogi"], stems["junggi"], stems["jeonggi"]) if stem in STEMS
        )
        rows["운성"][name] = stage["bong"]
        rows["공망"][name] = "공망" if name in void else "-"
    return rows


def _aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    widths = [max(_width(row[column]) for row in rows) for column in range(len(rows[0]))]
    return [
        _GAP.join(cell + " " * (width - _width(cell)) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]


def _width(text: str) -> int:
    """Return the columns that a text takes in a terminal."""
    return sum(
        0 if combining(character) else 2 if east_asian_width(character) in "WF" else 1 for character in text
    )
