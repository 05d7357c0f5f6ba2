"""What stems and branches are to each other: the kinds of combinations and clashes (합충형파해). Compiled."""

from __future__ import annotations

from typing import Final

NAMES: Final[dict[str, str]] = {
    "cheonganHap": "천간합", "cheonganChung": "천간충", "cheonganGeuk": "천간극",
    "yukhap": "육합", "samhap": "삼합", "banhap": "반합", "gahap": "가합", "banghap": "방합", "junbanghap": "준방합",
    "chung": "충", "samhyeong": "삼형", "hyeong": "형", "sanghyeong": "상형", "jahyeong": "자형",
    "pa": "파", "hae": "해", "wonjin": "원진", "gwimun": "귀문관", "amhap": "암합",
}  # fmt: skip
"""Every kind of relation with its Korean name."""

NO_ELEMENT: Final = -1

_YUKHAP_ELEMENTS: Final = {(0, 1): 2, (2, 11): 0, (3, 10): 1, (4, 9): 3, (5, 8): 4}
_OMI: Final = (6, 7)
_SAMHAP: Final = (((8, 0, 4), 4), ((11, 3, 7), 0), ((2, 6, 10), 1), ((5, 9, 1), 3))
_BANGHAP: Final = (((2, 3, 4), 0), ((5, 6, 7), 1), ((8, 9, 10), 3), ((11, 0, 1), 4))
_SAMHYEONG: Final = ((2, 5, 8), (1, 10, 7))
_SANGHYEONG: Final = ((0, 3),)
_JAHYEONG: Final = (4, 6, 9, 11)
_PA: Final = ((0, 9), (1, 4), (2, 11), (3, 6), (5, 8), (7, 10))
_WONJIN: Final = ((0, 7), (1, 6), (2, 9), (3, 8), (4, 11), (5, 10))
_GWIMUN: Final = ((0, 9), (1, 6), (2, 7), (3, 8), (4, 11), (5, 10))
_AMHAP: Final = ((0, 10), (1, 2), (3, 8), (6, 11), (2, 7))
PARTS_OF: Final = {"samhap": ("banhap", "gahap"), "banghap": ("junbanghap",), "samhyeong": ("hyeong",)}
"""What is part of a whole is not reported beside it."""


def stem_relations(a: int, b: int, extended: bool) -> list[tuple[str, int]]:
    """Return kind and element of what two stems are to each other; the order does not matter."""
    found: list[tuple[str, int]] = []
    low, distance = min(a, b), abs(a - b)
    if distance == 5:
        found.append(("cheonganHap", (low + 2) % 5))
    elif distance == 6:
        found.append(("cheonganChung", NO_ELEMENT))
    elif extended and (a // 2 - b // 2) % 5 in (2, 3):
        found.append(("cheonganGeuk", NO_ELEMENT))
    return found


def branch_relations(a: int, b: int, extended: bool, omi: int) -> list[tuple[str, int]]:
    """Return kind and element of what two branches are to each other; the order does not matter.

    :param omi: element that 午 and 未 combine to, or `NO_ELEMENT`.
    """
    found: list[tuple[str, int]] = []
    pair = (min(a, b), max(a, b))
    if (a + b) % 12 == 1:
        found.append(("yukhap", omi if pair == _OMI else _YUKHAP_ELEMENTS[pair]))
    if a != b:
        for members, element in _SAMHAP:
            if a in members and b in members:
                if members[1] in pair:
                    found.append(("banhap", element))
                elif extended:
                    found.append(("gahap", element))
        for members, element in _BANGHAP:
            if extended and a in members and b in members:
                found.append(("junbanghap", element))
    if (a - b) % 12 == 6:
        found.append(("chung", NO_ELEMENT))
    if any(a != b and a in members and b in members for members in _SAMHYEONG):
        found.append(("hyeong", NO_ELEMENT))
    if pair in _SANGHYEONG:
        found.append(("sanghyeong", NO_ELEMENT))
    if a == b and a in _JAHYEONG:
        found.append(("jahyeong", NO_ELEMENT))
    if pair in _PA:
        found.append(("pa", NO_ELEMENT))
    if (a + b) % 12 == 7:
        found.append(("hae", NO_ELEMENT))
    if pair in _WONJIN:
        found.append(("wonjin", NO_ELEMENT))
    if pair in _GWIMUN:
        found.append(("gwimun", NO_ELEMENT))
    if extended and pair in _AMHAP:
        found.append(("amhap", NO_ELEMENT))
    return found


def wholes_of_three() -> list[tuple[str, tuple[int, int, int], int]]:
    """Return kind, branches and element of everything that three branches make."""
    return (
        [("samhap", members, element) for members, element in _SAMHAP]
        + [("banghap", members, element) for members, element in _BANGHAP]
        + [("samhyeong", members, NO_ELEMENT) for members in _SAMHYEONG]
    )
