"""What is judged of the pillars: patterns, strength, the element needed; what each option changes; fortunes."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import cubekit_saju
from cubekit_saju._analysis import weights
from cubekit_saju._analysis.settings import settings_of

PILLARS = st.integers(0, 59)
DEFAULT = settings_of(cubekit_saju.Options())


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
        year, month, day, _ = library.pillars(names)
        hidden = library.settings().hidden.stems[month % 12]
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
