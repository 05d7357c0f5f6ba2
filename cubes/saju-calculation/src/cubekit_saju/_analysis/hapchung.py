"""Combinations and clashes (합충형파해) between pillars. Compiled.

All relations of two stems or two branches are looked up in tables that are made once for every choice of conventions.
"""

from __future__ import annotations

from itertools import combinations, permutations
from typing import TYPE_CHECKING, Final

from cubekit_saju._analysis.relations import (
    NAMES,
    NO_ELEMENT,
    PARTS_OF,
    branch_relations,
    stem_relations,
    wholes_of_three,
)
from cubekit_saju._analysis.vocabulary import (
    BRANCHES,
    BRANCHES_HANJA,
    ELEMENTS,
    LUCK,
    POSITIONS,
    STEMS,
    STEMS_HANJA,
)
from cubekit_saju.results.pillars import Relation

if TYPE_CHECKING:
    from mypy_extensions import i64

_PAIRS: Final = ((0, 1), (0, 2), (0, 3), (1, 2), (1, 3), (2, 3))
_TRIPLES: Final = ((0, 1, 2), (0, 1, 3), (0, 2, 3), (1, 2, 3))


def _relation(
    kind: str, element: int, members: list[int], *, of_stems: bool, pillars: list[str], adjacent: bool
) -> Relation:
    labels, hanja = (STEMS, STEMS_HANJA) if of_stems else (BRANCHES, BRANCHES_HANJA)
    return {
        "kind": kind,
        "name": NAMES[kind],
        "members": [labels[member] for member in members],
        "hanja": "".join([hanja[member] for member in members]),
        "element": None if element == NO_ELEMENT else ELEMENTS[element],
        "pillars": pillars,
        "adjacent": adjacent,
    }


class Hapchung:
    """The relations of pillars by one choice of conventions."""

    def __init__(self, extended: bool, omi: int) -> None:
        self._extended: Final = extended
        self._omi: Final = omi
        self._stems: Final[list[list[Relation]]] = []
        self._branches: Final[list[list[Relation]]] = []
        self._luck_stems: Final[list[list[Relation]]] = []
        with_luck: list[list[Relation]] = []
        for first, second in _PAIRS:
            names = [POSITIONS[first], POSITIONS[second]]
            self._add_pair(self._stems, self._branches, names, second - first == 1)
        for position in POSITIONS:
            self._add_pair(self._luck_stems, with_luck, [LUCK, position], False)
        self._luck_branches: Final = [_kept(pairs, wholes) for wholes in range(8) for pairs in with_luck]
        """By the bits of the wholes that pillar and luck are of, then by pillar and branches."""
        self._triples: Final[dict[int, Relation]] = {}
        for number, places in enumerate(_TRIPLES):
            names = [POSITIONS[place] for place in places]
            _add_wholes(self._triples, number, names, places[2] - places[0] == 2)
        self._luck_triples: Final[dict[int, Relation]] = {}
        for number, (first, second) in enumerate(_PAIRS):
            _add_wholes(self._luck_triples, number, [LUCK, POSITIONS[first], POSITIONS[second]], False)

    def _add_pair(
        self, stems: list[list[Relation]], branches: list[list[Relation]], names: list[str], adjacent: bool
    ) -> None:
        stems += [
            [
                _relation(kind, element, [a, b], of_stems=True, pillars=names, adjacent=adjacent)
                for kind, element in stem_relations(a, b, self._extended)
            ]
            for a in range(10)
            for b in range(10)
        ]
        branches += [
            [
                _relation(kind, element, [a, b], of_stems=False, pillars=names, adjacent=adjacent)
                for kind, element in branch_relations(a, b, self._extended, self._omi)
            ]
            for a in range(12)
            for b in range(12)
        ]

    def among(self, year: i64, month: i64, day: i64, hour: i64) -> list[Relation]:
        """Return the relations among the pillars of a birth: stems first, then three branches, then two.

        :param hour: -1 when the time of birth is unknown.
        """
        found: list[Relation] = []
        wholes: list[Relation] = []
        stems = self._stems
        branches = self._branches
        s0: i64 = year % 10
        s1: i64 = month % 10
        s2: i64 = day % 10
        b0: i64 = year % 12
        b1: i64 = month % 12
        b2: i64 = day % 12
        _add(found, stems[s0 * 10 + s1])
        _add(found, stems[100 + s0 * 10 + s2])
        _add(found, stems[300 + s1 * 10 + s2])
        _add_whole(wholes, self._triples, (b0 * 12 + b1) * 12 + b2)
        if hour >= 0:
            s3: i64 = hour % 10
            b3: i64 = hour % 12
            _add(found, stems[200 + s0 * 10 + s3])
            _add(found, stems[400 + s1 * 10 + s3])
            _add(found, stems[500 + s2 * 10 + s3])
            _add_whole(wholes, self._triples, 1_728 + (b0 * 12 + b1) * 12 + b3)
            _add_whole(wholes, self._triples, 3_456 + (b0 * 12 + b2) * 12 + b3)
            _add_whole(wholes, self._triples, 5_184 + (b1 * 12 + b2) * 12 + b3)
        found += wholes
        pairs: list[Relation] = []
        _add(pairs, branches[b0 * 12 + b1])
        _add(pairs, branches[144 + b0 * 12 + b2])
        _add(pairs, branches[432 + b1 * 12 + b2])
        if hour >= 0:
            b4: i64 = hour % 12
            _add(pairs, branches[288 + b0 * 12 + b4])
            _add(pairs, branches[576 + b1 * 12 + b4])
            _add(pairs, branches[720 + b2 * 12 + b4])
        found += _without_parts(pairs, wholes)
        return found

    def with_luck(self, luck: i64, year: i64, month: i64, day: i64, hour: i64) -> list[Relation]:
        """Return the relations between a pillar of luck and those of a birth: stems first, then three branches, of
        which luck is one, then two.
        """
        found: list[Relation] = []
        stems = self._luck_stems
        branches = self._luck_branches
        stem: i64 = luck % 10 * 10
        branch: i64 = luck % 12 * 12
        _add(found, stems[stem + year % 10])
        _add(found, stems[100 + stem + month % 10])
        _add(found, stems[200 + stem + day % 10])
        if hour >= 0:
            _add(found, stems[300 + stem + hour % 10])
        b0: i64 = year % 12
        b1: i64 = month % 12
        b2: i64 = day % 12
        w01: i64 = self._add_luck_whole(found, 0, branch, b0, b1)
        w02: i64 = self._add_luck_whole(found, 1, branch, b0, b2)
        w12: i64 = self._add_luck_whole(found, 3, branch, b1, b2)
        if hour < 0:
            _add(found, branches[(w01 | w02) * 576 + branch + b0])
            _add(found, branches[(w01 | w12) * 576 + 144 + branch + b1])
            _add(found, branches[(w02 | w12) * 576 + 288 + branch + b2])
            return found
        b3: i64 = hour % 12
        w03: i64 = self._add_luck_whole(found, 2, branch, b0, b3)
        w13: i64 = self._add_luck_whole(found, 4, branch, b1, b3)
        w23: i64 = self._add_luck_whole(found, 5, branch, b2, b3)
        _add(found, branches[(w01 | w02 | w03) * 576 + branch + b0])
        _add(found, branches[(w01 | w12 | w13) * 576 + 144 + branch + b1])
        _add(found, branches[(w02 | w12 | w23) * 576 + 288 + branch + b2])
        _add(found, branches[(w03 | w13 | w23) * 576 + 432 + branch + b3])
        return found

    def _add_luck_whole(self, found: list[Relation], pair: i64, luck: i64, a: i64, b: i64) -> i64:
        """Add what a branch of luck and those of a pair of pillars make together; return its bit, 0 if nothing.

        :param luck: twelve times the branch.
        """
        bit: i64 = _WHOLE_BITS[(luck + a) * 12 + b]
        if bit:
            found.append(self._luck_triples[int((pair * 144 + luck + a) * 12 + b)])
        return bit

    def between(self, first: dict[str, int], second: dict[str, int]) -> list[Relation]:
        """Return the relations between the pillars of two births: stems first, then three branches, two of one birth
        and one of the other, then two.

        :param first: pillars of one birth, by what they are called in the result.
        """
        stems: list[Relation] = []
        pairs: list[Relation] = []
        for name, one in first.items():
            for other_name, other in second.items():
                names = [name, other_name]
                stems += [
                    _relation(kind, element, [one % 10, other % 10], of_stems=True, pillars=names, adjacent=False)
                    for kind, element in stem_relations(one % 10, other % 10, self._extended)
                ]
                pairs += [
                    _relation(kind, element, [one % 12, other % 12], of_stems=False, pillars=names, adjacent=False)
                    for kind, element in branch_relations(one % 12, other % 12, self._extended, self._omi)
                ]
        both = {**first, **second}
        wholes = [
            _relation(
                kind, element, [both[name] % 12 for name in names], of_stems=False, pillars=list(names), adjacent=False
            )
            for names in combinations(both, 3)
            if not (first.keys() >= set(names) or second.keys() >= set(names))
            for kind, members, element in wholes_of_three()
            if {both[name] % 12 for name in names} == set(members)
        ]
        return stems + wholes + _without_parts(pairs, wholes)


def _add(found: list[Relation], more: list[Relation]) -> None:
    if more:
        found += more


def _add_whole(wholes: list[Relation], triples: dict[int, Relation], key: i64) -> None:
    whole = triples.get(int(key))
    if whole is not None:
        wholes.append(whole)


def _without_parts(pairs: list[Relation], wholes: list[Relation]) -> list[Relation]:
    if not wholes:
        return pairs
    return [pair for pair in pairs if not any(_is_part(pair, whole) for whole in wholes)]


def _is_part(pair: Relation, whole: Relation) -> bool:
    return pair["kind"] in PARTS_OF[whole["kind"]] and all(pillar in whole["pillars"] for pillar in pair["pillars"])


def _add_wholes(triples: dict[int, Relation], number: int, pillars: list[str], adjacent: bool) -> None:
    """Add the wholes that three pillars can make, by the number of the three and their branches."""
    for kind, members, element in wholes_of_three():
        for a, b, c in permutations(members):
            triples[((number * 12 + a) * 12 + b) * 12 + c] = _relation(
                kind, element, [a, b, c], of_stems=False, pillars=pillars, adjacent=adjacent
            )


def _whole_bits() -> list[int]:
    """Return, for every three branches, the bit of the whole that they make, or 0."""
    found = [0] * 1_728
    for kind, members, _ in wholes_of_three():
        for a, b, c in permutations(members):
            found[(a * 12 + b) * 12 + c] = 1 << list(PARTS_OF).index(kind)
    return found


_WHOLE_BITS: Final[list[int]] = _whole_bits()


def _kept(pairs: list[Relation], wholes: int) -> list[Relation]:
    """Return the relations that are no part of one of some wholes, which are given by their bits."""
    parts = [part for bit, of_whole in enumerate(PARTS_OF.values()) if wholes >> bit & 1 for part in of_whole]
    return [pair for pair in pairs if pair["kind"] not in parts]
