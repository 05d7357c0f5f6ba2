"""A chart against a day and against another chart; the table that people read."""

from __future__ import annotations

from typing import Any
from unicodedata import east_asian_width

import pytest


def birth(library: Any, *moment: int | None, **more: Any) -> Any:
    return library.Birth(*moment, **({"male": True} | more))


def test_a_day(library: Any) -> None:
    found = library.daily(birth(library, 1990, 5, 15, 14, 30), 2026, 11, 21)  # 庚午 辛巳 庚辰 癸未 against 己亥
    assert (found["date"], found["dayPillar"]["hanja"], found["monthPillar"]["hanja"]) == ("2026-11-21", "己亥", "己亥")
    assert (found["sipsin"]["cheon"], found["sipsin"]["ji"], found["sibiunseong"]) == ("정인", "식신", "병")
    assert [(r["kind"], r["pillars"]) for r in found["hapchung"]] == [
        ("chung", ["luck", "month"]),
        ("wonjin", ["luck", "day"]),
        ("gwimun", ["luck", "day"]),
    ]
    assert found["sinsal"] == ["munchangGwiin", "taegeukGwiin", "geopsal"]
    assert found["gongmang"] is False
    assert library.daily(birth(library, 1990, 5, 15, 14, 30), 2026, 11, 6)["gongmang"] is True  # 甲申: 申 is void


@pytest.mark.parametrize(("day", "error"), [((2026, 2, 29), "NoSuchDate"), ((2401, 1, 1), "DateOutOfRange")])
def test_days_that_are_none(library: Any, day: tuple[int, int, int], error: str) -> None:
    with pytest.raises(getattr(library, error)):
        library.daily(birth(library, 1990, 5, 15, 14, 30), *day)


def test_two_charts(library: Any) -> None:
    first, second = birth(library, 1990, 5, 15, 14, 30), birth(library, 1992, 3, 1, None, male=False)
    found = library.compatibility(first, second)  # 庚午 辛巳 庚辰 癸未 and 壬申 壬寅 丙子
    assert found["second"]["hour"] is None
    assert found["dayStems"] == {"firstToSecond": "편관", "secondToFirst": "편재"}
    assert sum(found["wuxing"].values()) == 14
    assert {(r["kind"], *r["pillars"]) for r in found["hapchung"]} >= {
        ("chung", "first.year", "second.day"),
        ("cheonganHap", "first.month", "second.day"),
        ("samhap", "first.day", "second.year", "second.day"),
        ("yukhap", "first.month", "second.year"),
    }
    assert "score" not in found
    swapped = library.compatibility(second, first)
    assert len(swapped["hapchung"]) == len(found["hapchung"])


def test_two_charts_by_their_own_conventions(library: Any) -> None:
    other = birth(library, 1992, 3, 1, None, options=library.Options(clock="apparent", zi_hour="zi23"))
    found = library.compatibility(birth(library, 1990, 5, 15, 14, 30), other)
    assert [found["conventions"][who]["clock"] for who in ("first", "second")] == ["lmt", "apparent"]
    assert [[w["code"] for w in found["warnings"][who]] for who in ("first", "second")] == [[], ["unknownTime"]]


@pytest.mark.parametrize(
    ("first", "second", "kind", "hanja"),
    [((1992, 12), (2024, 3), "samhap", "申子辰"), ((2024, 3), (1992, 12), "samhap", "辰申子")],
)
def test_two_charts_complete_a_whole(
    library: Any, first: tuple[int, int], second: tuple[int, int], kind: str, hanja: str
) -> None:
    """Of 壬申 壬子 and 甲辰 丁卯 two branches stand in one chart and one in the other."""
    found = library.compatibility(birth(library, *first, 15, None), birth(library, *second, 15, None))["hapchung"]
    wholes = [r for r in found if r["kind"] == kind]
    assert hanja in [r["hanja"] for r in wholes]
    places = next(r["pillars"] for r in wholes if r["hanja"] == hanja)
    assert {name.partition(".")[0] for name in places} == {"first", "second"}
    assert not any(r["kind"] == "banhap" for r in found if set(r["pillars"]) <= set(places))


class TestTable:
    """The classical table."""

    def test_rows(self, library: Any) -> None:
        text = library.table(library.calculate(birth(library, 1990, 5, 15, 14, 30)))
        for row in ("시주", "상관    일간    겁재    비견", "계 癸", "정을기", "대운수 7 (순행)", "壬午", "신유"):
            assert row in text

    @pytest.mark.parametrize("hour", [14, None])
    def test_columns_are_aligned(self, library: Any, hour: int | None) -> None:
        lines = library.table(library.calculate(birth(library, 1990, 5, 15, hour))).splitlines()
        first = lines.index("") + 1
        grid = lines[first : lines.index("", first)]
        starts = {width(line[: line.index("년주")]) for line in grid if "년주" in line}
        assert len(grid) == 8
        for line in grid:
            [start] = starts
            assert any(width(line[:at]) == start and line[at - 1] == " " for at in range(1, len(line)))

    def test_warnings_are_told(self, library: Any) -> None:
        assert "! The time of birth is unknown" in library.table(library.calculate(birth(library, 1990, 5, 15, None)))


def width(text: str) -> int:
    return sum(2 if east_asian_width(character) in "WF" else 1 for character in text)
