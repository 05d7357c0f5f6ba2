"""What is read from the pillars by table: relations and sinsal."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import cubekit_saju
from cubekit_saju._analysis import relations as kinds
from cubekit_saju._analysis.settings import settings_of

PILLARS = st.integers(0, 59)
DEFAULT = settings_of(cubekit_saju.Options())


def relations(library: Any, names: str, **options: Any) -> set[tuple[str, str, str | None, str]]:
    found = library.settings(**options).hapchung.among(*library.pillars(names))
    return {(r["kind"], r["hanja"], r["element"], "-".join(r["pillars"])) for r in found}


class TestHapchung:
    """Each kind, where it stands, what it combines to."""

    @pytest.mark.parametrize(
        ("names", "expected"),
        [
            ("甲子 己丑 丙寅", "cheonganHap 甲己 earth year-month, yukhap 子丑 earth year-month"),
            ("甲申 庚子 戊辰", "samhap 申子辰 water year-month-day, cheonganChung 甲庚 - year-month"),
            ("丙寅 丁卯 戊辰", "banghap 寅卯辰 wood year-month-day, hae 卯辰 - month-day"),
            ("甲申 丙子 戊午", "banhap 申子 water year-month, chung 子午 - month-day"),
            (
                "丙子 辛卯 甲午",
                "cheonganHap 丙辛 water year-month, sanghyeong 子卯 - year-month, pa 卯午 - month-day, "
                "chung 子午 - year-day",
            ),
            ("甲午 庚午 壬辰", "jahyeong 午午 - year-month, cheonganChung 甲庚 - year-month"),
            ("丁丑 丁未 丁酉", "chung 丑未 - year-month, hyeong 丑未 - year-month, banhap 丑酉 metal year-day"),
            ("乙未 甲子 丙申", "hae 未子 - year-month, wonjin 未子 - year-month, banhap 子申 water month-day"),
            (
                "癸卯 庚申 甲戌",
                "wonjin 卯申 - year-month, gwimun 卯申 - year-month, yukhap 卯戌 fire year-day, "
                "cheonganChung 庚甲 - month-day",
            ),
        ],
    )
    def test_kinds(self, library: Any, names: str, expected: str) -> None:
        found = {
            f"{kind} {hanja} {element or '-'} {where}" for kind, hanja, element, where in relations(library, names)
        }
        assert found == set(expected.split(", "))

    def test_a_whole_hides_its_parts_and_nothing_else(self, library: Any) -> None:
        found = relations(library, "丙寅 癸巳 戊申")
        assert ("samhyeong", "寅巳申", None, "year-month-day") in found
        assert not {kind for kind, *_ in found} & {"hyeong"}
        assert {("chung", "寅申", None, "year-day"), ("yukhap", "巳申", "water", "month-day")} <= found
        # A second 巳 that does not belong to the whole keeps its own relations.
        four = library.settings().hapchung.among(*library.pillars("丙寅 癸巳 戊申 丁巳"))
        assert sum(r["kind"] == "samhyeong" for r in four) == 2

    def test_neighbours(self, library: Any) -> None:
        found = library.settings().hapchung.among(*library.pillars("甲子 己丑 丙寅 己丑"))
        assert [r["adjacent"] for r in found if r["kind"] == "yukhap"] == [True, False]

    def test_extended(self, library: Any) -> None:
        standard, extended = (
            relations(library, "甲申 戊辰 己卯", hapchung=which) for which in ("standard", "extended")
        )
        more = extended - standard
        assert standard < extended
        assert {kind for kind, *_ in more} == {"cheonganGeuk", "gahap", "junbanghap", "amhap"}

    @pytest.mark.parametrize(("choice", "element"), [("fire", "fire"), ("earth", "earth"), ("none", None)])
    def test_omi(self, library: Any, choice: str, element: str | None) -> None:
        assert ("yukhap", "午未", element, "year-month") in relations(library, "甲午 辛未 壬申", omi_hap=choice)

    @given(st.integers(0, 11), st.integers(0, 11), st.booleans())
    def test_the_order_of_two_does_not_matter(self, a: int, b: int, extended: bool) -> None:
        assert kinds.branch_relations(a, b, extended, 1) == kinds.branch_relations(b, a, extended, 1)

    @given(st.integers(0, 9))
    def test_every_stem_combines_with_one(self, stem: int) -> None:
        partners = [b for b in range(10) if "cheonganHap" in dict(kinds.stem_relations(stem, b, False))]
        assert partners == [(stem + 5) % 10]

    @given(st.integers(0, 11))
    def test_every_branch_has_one_partner_of_each_kind(self, branch: int) -> None:
        for kind in ("yukhap", "chung", "hae", "pa", "wonjin", "gwimun"):
            partners = [b for b in range(12) if kind in dict(kinds.branch_relations(branch, b, False, 1))]
            assert len(partners) == 1, kind

    @pytest.mark.parametrize(
        ("birth", "expected", "parts"),
        [
            ((1992, 12, 15, 12, 0), ("samhap", "辰申子", "water", ["luck", "year", "month"]), {"banhap"}),
            ((1992, 12, 15, None, 0), ("samhap", "辰申子", "water", ["luck", "year", "month"]), {"banhap"}),
            ((1963, 2, 15, 12, 0), ("banghap", "辰卯寅", "wood", ["luck", "year", "month"]), {"junbanghap"}),
        ],
    )
    def test_luck_completes_a_whole(
        self, library: Any, birth: tuple[Any, ...], expected: tuple[Any, ...], parts: set[str]
    ) -> None:
        options = library.Options(hapchung="extended")
        born = library.Birth(*birth, male=True, options=options, seun_year=2024)  # 甲辰
        found = library.calculate(born)["seun"][0]["hapchung"]
        assert expected in [(r["kind"], r["hanja"], r["element"], r["pillars"]) for r in found]
        assert not any(r["kind"] in parts for r in found if set(r["pillars"]) <= set(expected[3]))

    @given(PILLARS, PILLARS, PILLARS, PILLARS, PILLARS)
    def test_luck_is_a_birth_of_one_pillar(self, luck: int, year: int, month: int, day: int, hour: int) -> None:
        found = DEFAULT.hapchung.with_luck(luck, year, month, day, hour)
        birth = {"year": year, "month": month, "day": day, "hour": hour}
        other = DEFAULT.hapchung.between({"luck": luck}, birth)
        assert sorted(map(repr, found)) == sorted(map(repr, other))


class TestSinsal:
    """Spot checks of every table; each names where it falls."""

    @pytest.mark.parametrize(
        ("names", "expected"),
        [
            ("癸丑 丁巳 甲子", {("cheoneulGwiin", "year"), ("munchangGwiin", "month"), ("taegeukGwiin", "day")}),
            ("丙寅 庚寅 甲辰", {("geonrok", "year month"), ("geumyeo", "day"), ("baekhoDaesal", "day")}),
            ("乙亥 丁亥 甲午", {("amrok", "year month"), ("hakdangGwiin", "year month"), ("hongyeom", "day")}),
            ("己卯 丁卯 甲寅", {("yangin", "year month"), ("goran", "day")}),
            ("丁卯 壬寅 丙子", {("cheondeokGwiin", "year"), ("woldeokGwiin", "day"), ("geupgak", "day")}),
            ("甲子 丙寅 庚戌", {("gosin", "month"), ("gwasuk", "day"), ("sangmun", "month"), ("jogaek", "day")}),
            ("甲子 丙寅 庚辰", {("goegang", "day"), ("yeokmasal", "month")}),
            ("壬申 己酉 戊辰", {("yeonsal", "month"), ("hwagaesal", "day"), ("jisal", "year")}),
            ("甲戌 乙亥 丙辰", {("cheonra", "year month")}),
            ("戊辰 丁巳 丙子", {("jimang", "year month")}),
            ("辛卯 甲午 戊申", {("hyeonchim", "year month day")}),
            ("癸亥 甲寅 丙子", {("cheonuiseong", "")}),
        ],
    )  # fmt: skip
    def test_tables(self, library: Any, names: str, expected: set[tuple[str, str]]) -> None:
        found = {s["id"]: " ".join(s["pillars"]) for s in library.settings().sinsal.of(*library.pillars(names))}
        for name, places in expected:
            assert found.get(name, "") == places, name

    @given(PILLARS, PILLARS, PILLARS, PILLARS)
    def test_each_pillar_has_one_of_the_twelve(self, year: int, month: int, day: int, hour: int) -> None:
        twelve = {"geopsal", "jaesal", "cheonsal", "jisal", "yeonsal", "wolsal", "mangsinsal", "jangseongsal"}
        twelve |= {"bananSal", "yeokmasal", "yukhaesal", "hwagaesal"}
        found = [s for s in DEFAULT.sinsal.of(year, month, day, hour) if s["id"] in twelve]
        assert sorted(place for s in found for place in s["pillars"]) == ["day", "hour", "month", "year"]

    def test_basis_of_the_twelve(self, library: Any) -> None:
        by_year, by_day = (
            {s["id"]: s for s in library.settings(sinsal_basis=basis).sinsal.of(*library.pillars("壬申 己酉 戊午"))}
            for basis in ("year", "day")
        )
        assert (by_year["yeonsal"]["basis"], by_year["yeonsal"]["pillars"]) == ("yearBranch", ["month"])
        assert "yeonsal" not in by_day
        assert (by_day["yukhaesal"]["basis"], by_day["yukhaesal"]["pillars"]) == ("dayBranch", ["month"])

    def test_yangin_of_yin_stems(self, library: Any) -> None:
        found = [
            [
                s["pillars"]
                for s in library.settings(yangin=who).sinsal.of(*library.pillars("庚辰 戊子 乙卯"))
                if s["id"] == "yangin"
            ]
            for who in ("yangOnly", "all")
        ]
        assert found == [[], [["year"]]]
