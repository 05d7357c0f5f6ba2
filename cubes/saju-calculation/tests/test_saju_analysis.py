"""What is read from the pillars: relations, sinsal, patterns, strength, the element needed."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import cubekit_saju
from cubekit_saju._analysis import hapchung, weights
from cubekit_saju._analysis.settings import settings_of

STEMS, BRANCHES = "甲乙丙丁戊己庚辛壬癸", "子丑寅卯辰巳午未申酉戌亥"
PILLARS = st.integers(0, 59)
DEFAULT = settings_of(cubekit_saju.Options())


def pillar(name: str) -> int:
    stem, branch = STEMS.index(name[0]), BRANCHES.index(name[1])
    return (6 * stem - 5 * branch) % 60


def pillars(names: str) -> list[int]:
    found = [pillar(name) for name in names.split()]
    return found if len(found) == 4 else [*found, -1]


def settings(library: Any, **options: Any) -> Any:
    return library.module("_analysis.settings").settings_of(library.Options(**options))


def relations(library: Any, names: str, **options: Any) -> set[tuple[str, str, str | None, str]]:
    found = settings(library, **options).hapchung.among(*pillars(names))
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
        four = settings(library).hapchung.among(*pillars("丙寅 癸巳 戊申 丁巳"))
        assert sum(r["kind"] == "samhyeong" for r in four) == 2

    def test_neighbours(self, library: Any) -> None:
        found = settings(library).hapchung.among(*pillars("甲子 己丑 丙寅 己丑"))
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
        assert hapchung.branch_relations(a, b, extended, 1) == hapchung.branch_relations(b, a, extended, 1)

    @given(st.integers(0, 9))
    def test_every_stem_combines_with_one(self, stem: int) -> None:
        partners = [b for b in range(10) if "cheonganHap" in dict(hapchung.stem_relations(stem, b, False))]
        assert partners == [(stem + 5) % 10]

    @given(st.integers(0, 11))
    def test_every_branch_has_one_partner_of_each_kind(self, branch: int) -> None:
        for kind in ("yukhap", "chung", "hae", "pa", "wonjin", "gwimun"):
            partners = [b for b in range(12) if kind in dict(hapchung.branch_relations(branch, b, False, 1))]
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
        found = {s["id"]: " ".join(s["pillars"]) for s in settings(library).sinsal.of(*pillars(names))}
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
            {s["id"]: s for s in settings(library, sinsal_basis=basis).sinsal.of(*pillars("壬申 己酉 戊午"))}
            for basis in ("year", "day")
        )
        assert (by_year["yeonsal"]["basis"], by_year["yeonsal"]["pillars"]) == ("yearBranch", ["month"])
        assert "yeonsal" not in by_day
        assert (by_day["yukhaesal"]["basis"], by_day["yukhaesal"]["pillars"]) == ("dayBranch", ["month"])

    def test_yangin_of_yin_stems(self, library: Any) -> None:
        found = [
            [
                s["pillars"]
                for s in settings(library, yangin=who).sinsal.of(*pillars("庚辰 戊子 乙卯"))
                if s["id"] == "yangin"
            ]
            for who in ("yangOnly", "all")
        ]
        assert found == [[], [["year"]]]


class TestGyeokguk:
    """The rules, one by one."""

    @pytest.mark.parametrize(
        ("names", "name", "rule", "basis", "tuchul", "established"),
        [
            ("甲子 丙寅 甲子", "건록격", "geonrok", "jeonggi", True, True),
            ("甲子 丁卯 甲子", "양인격", "yangin", "jeonggi", False, True),
            ("甲子 丙寅 乙丑", "월겁격", "wolgeop", "jeonggi", True, True),
            ("甲子 癸酉 甲子", "정관격", "wangji", "jeonggi", False, True),
            ("己巳 庚午 庚子", "정인격", "wangji", "junggi", True, True),  # 午: 己 stands, 丁 does not
            ("丁巳 丙午 庚子", "정관격", "wangji", "jeonggi", True, True),
            ("己巳 壬申 甲子", "편인격", "saengji", "junggi", True, True),
            ("庚午 壬申 甲子", "편관격", "saengji", "jeonggi", True, True),
            ("己巳 甲戌 丙寅", "상관격", "goji", "jeonggi", False, True),
        ],
    )
    def test_rules(
        self, library: Any, names: str, name: str, rule: str, basis: str, tuchul: bool, established: bool
    ) -> None:
        found = self.pattern(library, names)
        if name == "상관격":  # none of the hidden stems stands: the main one, 戊, which is 식신 of 丙
            name = "식신격"
        assert (found["name"], found["rule"], found["basis"]) == (name, rule, basis)
        assert (found["tuchul"], found["established"]) == (tuchul, established)

    def test_own_element_is_no_pattern(self, library: Any) -> None:
        found = self.pattern(library, "甲子 丁丑 戊辰")  # 丑: nothing stands, and the main stem is 겁재
        assert (found["name"], found["established"]) == ("겁재격", False)

    def test_main_stem_that_does_not_stand_is_no_candidate_beside_one_that_does(self, library: Any) -> None:
        born = library.Birth(2022, 1, 18, 4, 41, male=True)  # 辛丑 辛丑 辛未 庚寅: of 丑 only 辛 stands, 비견
        found = library.calculate(born)["gyeokguk"]
        assert (found["name"], found["basis"], found["established"]) == ("편인격", "jeonggi", False)

    @staticmethod
    def pattern(library: Any, names: str) -> Any:
        year, month, day, _ = pillars(names)
        hidden = settings(library).hidden.stems[month % 12]
        stems = [year % 10, month % 10]
        return library.module("_analysis.gyeokguk").pattern(day % 10, month % 12, stems, hidden, hidden[2])


@given(PILLARS, PILLARS, PILLARS, st.integers(-1, 59))
def test_percentages_add_up(year: int, month: int, day: int, hour: int) -> None:
    found = weights.weighted_wuxing(DEFAULT.hidden.weights.of(year, month, day, hour))
    percent = found["percent"]
    shares = (percent["wood"], percent["fire"], percent["earth"], percent["metal"], percent["water"])
    assert round(sum(shares), 6) == 100
    assert min(shares) >= 0


def test_strength_tells_every_component() -> None:
    chart = cubekit_saju.calculate(cubekit_saju.Birth(1990, 5, 15, 14, 30, male=True))
    strength = chart["strength"]
    assert sum(part["points"] for part in strength["components"]) == 100
    assert strength["score"] == sum(part["points"] for part in strength["components"] if part["supports"]) == 48
    assert (strength["grade"], strength["method"], strength["version"]) == ("중화", "positionScore", 1)
    unknown = cubekit_saju.calculate(cubekit_saju.Birth(1990, 5, 15, None, male=True))["strength"]
    known = sum(part["points"] for part in unknown["components"] if part["supports"])
    assert unknown["score"] == round(known * 100 / 78)


def test_every_method_gives_its_own_element() -> None:
    chart = cubekit_saju.calculate(cubekit_saju.Birth(1984, 2, 10, 4, 30, male=True))
    found = {one["method"]: one for one in chart["yongsin"]}
    assert list(found) == ["eokbu", "johu", "tonggwan", "byeongyak", "jeonwang", "gyeokguk"]
    assert all(one["version"] == 1 for one in chart["yongsin"])
    elements = ["wood", "fire", "earth", "metal", "water"]
    for one in chart["yongsin"]:
        roles = [one["element"], one["huisin"], one["gisin"], one["gusin"], one["hansin"]]
        assert roles == [None] * 5 or sorted(map(str, roles)) == sorted(elements)
        if one["element"] is not None:
            at = elements.index(one["element"])
            assert one["huisin"] == elements[at - 1]
            assert one["gisin"] == elements[(at + 3) % 5]


def test_johu_table(library: Any) -> None:
    table = library.module("_analysis.yongsin")
    found = table.needed_elements(0, 2, [30, 30, 30, 30, 30], 50, 0)[1]  # 甲 in 寅: 丙 first, then 癸
    assert (found["stems"], found["element"]) == (["병", "계"], "fire")


def test_overwhelming_weight_suggests_a_special_pattern(library: Any) -> None:
    patterns = library.module("_analysis.oegyeok").special_patterns
    assert patterns(0, [60, 50, 50, 50, 60]) == []
    assert [p["name"] for p in patterns(0, [10, 20, 200, 20, 10])] == ["종재격"]
    found = patterns(0, [230, 10, 10, 10, 10])
    assert [(p["name"], p["threshold"], p["share"]) for p in found] == [("종왕격", 70, 85.1), ("곡직격", 80, 85.1)]


CHANGES = [
    ({"clock": "clock"}, (1990, 5, 15, 13, 10), "sajuPan"),
    ({"zi_hour": "zi23"}, (2000, 1, 1, 23, 50), "sajuPan"),
    ({"jeorip_reference": "correctedClock"}, (2024, 2, 4, 17, 45), "sajuPan"),
    ({"term_rounding": "kasiMinute"}, (2024, 2, 4, 17, 27), "sajuPan"),
    ({"daeun_rounding": "floor"}, (1990, 5, 16, 14, 30), "daeun"),
    ({"age_basis": "seneun"}, (1990, 5, 15, 14, 30), "daeun"),
    ({"jijanggan": "chinese"}, (1990, 11, 20, 14, 30), "jijanggan"),
    ({"saryeong": "scaled"}, (1990, 5, 15, 14, 30), "saryeong"),
    ({"sibiunseong": "sutoDonggung"}, (1990, 5, 13, 14, 30), "sibiunseong"),
    ({"yin_stages": "forward"}, (1990, 5, 14, 14, 30), "sibiunseong"),
    ({"hapchung": "extended"}, (1988, 3, 20, 14, 30), "hapchung"),
    ({"omi_hap": "earth"}, (1990, 5, 15, 14, 30), "hapchung"),
    ({"sinsal_basis": "day"}, (1990, 5, 15, 14, 30), "sinsal"),
    ({"yangin": "all"}, (1990, 5, 14, 14, 30), "sinsal"),
    ({"hongyeom": "eulO"}, (1990, 5, 10, 14, 30), "sinsal"),
    ({"goegang": "withMujin"}, (1990, 5, 3, 14, 30), "sinsal"),
]


@pytest.mark.parametrize(("options", "moment", "section"), CHANGES)
def test_every_option_changes_its_section_and_is_reported(
    library: Any, options: dict[str, str], moment: tuple[int, ...], section: str
) -> None:
    plain = library.calculate(library.Birth(*moment, male=True))
    other = library.calculate(library.Birth(*moment, male=True, options=library.Options(**options)))
    assert plain[section] != other[section]
    [(name, value)] = options.items()
    reported = {key for key in plain["conventions"] if plain["conventions"][key] != other["conventions"][key]}
    assert {key.lower() for key in reported} == {name.replace("_", "")}
    assert value in other["conventions"].values()


def test_fortunes_of_years_and_months(library: Any) -> None:
    chart = library.calculate(library.Birth(1990, 5, 15, 14, 30, male=True, seun_year=2026))
    assert [(year["year"], year["hanja"]) for year in chart["seun"]][:2] == [(2026, "丙午"), (2027, "丁未")]
    assert len(chart["seun"]) == 10
    assert [(month["month"], month["term"], month["hanja"]) for month in chart["wolun"]][::11] == [
        (1, "입춘", "庚寅"),
        (12, "소한", "辛丑"),
    ]
    year = chart["seun"][0]  # 丙午 for 庚: 편관 and 정관
    assert (year["sipsin"]["cheon"], year["sipsin"]["ji"], year["sibiunseong"]) == ("편관", "정관", "목욕")
    assert ("jahyeong", ["luck", "year"]) in [(r["kind"], r["pillars"]) for r in year["hapchung"]]
    # 午 years have their three years in 申, 酉 and 戌.
    assert [y["ji"] for y in chart["seun"] if y["samjae"]] == ["신", "유", "술"]
    assert library.calculate(library.Birth(1990, 1, 15, 12, male=True))["seun"][0]["year"] == 1989  # before Ipchun


def test_charts_are_independent_of_each_other(library: Any) -> None:
    birth = library.Birth(1990, 5, 15, 14, 30, male=True)
    chart = library.calculate(birth)
    before = copy.deepcopy(chart)
    chart["sajuPan"]["year"]["cheon"] = "?"
    chart["daeun"]["list"][0]["sipsin"]["ji"] = "?"
    chart["sinsal"][0]["pillars"].append("?")
    chart["conventions"]["clock"] = "?"
    assert library.calculate(birth) == before
    assert library.calculate(birth, shared=True) == before
