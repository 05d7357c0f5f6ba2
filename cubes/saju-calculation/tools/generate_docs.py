"""Generate ``docs/tables.md``, every table that schools differ in, from the tables that are calculated with.

Run ``python tools/generate_docs.py`` in the project's environment.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from cubekit_saju._analysis import relations as kinds
from cubekit_saju._analysis import sinsal, strength, yongsin
from cubekit_saju._analysis.vocabulary import BRANCHES_HANJA, ELEMENTS, STEMS_HANJA

DOCUMENT = Path(__file__).resolve().parent.parent / "docs" / "tables.md"
MONTHS = BRANCHES_HANJA[2:] + BRANCHES_HANJA[:2]
FIRE = ELEMENTS.index("fire")

HEAD = """# Tables

Generated from the tables that the library calculates with (`python tools/generate_docs.py`); what the options choose
between is told in [Conventions](conventions.md).
"""
RELATIONS = """## Relations

`hapchung` of a chart, a year, a month, a day or two charts: the `kind`, its name, and between which stems or
branches. An element is what they combine to; 午未 combine to fire, to earth or to nothing by `omiHap`. The parts of a
whole of three are not repeated.
"""
SINSAL = """## Sinsal

`sinsal`: the `id`, its name, and the targets for each basis, among the stems and branches of all four pillars. The
version of these tables is `conventions.sinsalTables`: {version}.
"""
TWELVE = """### By the branch of the year, or of the day with `sinsalBasis: day` (12신살)
"""
PILLAR = """### By pillar
"""
SAMJAE = """### Three years of misfortune (삼재)

`samjae` of a year: by the branch of the year of birth, 申子辰 寅卯辰, 亥卯未 巳午未, 寅午戌 申酉戌, 巳酉丑 亥子丑.
"""
JOHU = """## 조후

`yongsin` by the method `johu`: the stems by day stem and month branch (窮通寶鑑), the principal one first.
"""
STRENGTH = """## Strength

`strength` by the method `positionScore`: the points of each position whose element is the day's or generates it.
"""


def table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """Return a table in Markdown."""
    lines = [list(head), *(list(row) for row in rows)]
    lines.insert(1, ["---"] * len(lines[0]))
    return "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n"


def relations() -> Iterator[tuple[str, str, str, str]]:
    """Return the rows of all kinds of relations."""
    members: dict[str, list[str]] = {kind: [] for kind in kinds.NAMES}
    standard: set[str] = set()
    for number, names, between in (
        (10, STEMS_HANJA, lambda a, b, extended: kinds.stem_relations(a, b, extended)),
        (12, BRANCHES_HANJA, lambda a, b, extended: kinds.branch_relations(a, b, extended, FIRE)),
    ):
        for a in range(number):
            for b in range(a, number):
                standard |= {kind for kind, _ in between(a, b, False)}
                for kind, element in between(a, b, True):
                    members[kind].append(names[a] + names[b] + combined(element))
    for kind, branches, element in kinds.wholes_of_three():
        standard.add(kind)
        members[kind].append("".join(BRANCHES_HANJA[branch] for branch in branches) + combined(element))
    for kind, name in kinds.NAMES.items():
        yield f"`{kind}`", name, " ".join(members[kind]), "always" if kind in standard else "`hapchung: extended`"


def combined(element: int) -> str:
    """Return what a relation combines to, as it stands behind its members."""
    return "" if element == kinds.NO_ELEMENT else f"→{ELEMENTS[element]}"


def chosen(identity: tuple[str, str, str], option: str, targets: str) -> tuple[str, str, str, str]:
    """Return a line of a table of sinsal that holds with an option."""
    key, name, hanja = identity
    return key, f"{name} (`{option}`)", hanja, targets


def rows(lines: Iterable[tuple[str, ...]]) -> list[list[str]]:
    """Return the rows of sinsal whose targets go by a stem or a branch."""
    return [[f"`{line[0]}`", f"{line[1]} {line[2]}", *line[3].split()] for line in lines]


def twelve() -> Iterator[list[str]]:
    """Return the rows of the twelve sinsal."""
    for number, (key, name, hanja) in enumerate(sinsal._TWELVE):
        starts = [sinsal._TWELVE_STARTS[group] for group in (0, 3, 2, 1)]
        yield [f"`{key}`", f"{name} {hanja}", *(BRANCHES_HANJA[(start + number) % 12] for start in starts)]


def pillar_sinsal() -> Iterator[list[str]]:
    """Return the rows of sinsal that are of pillars or of any stem or branch."""
    for key, name, hanja, targets in (
        *sinsal._BY_PILLAR,
        (*sinsal._GOEGANG, sinsal._GOEGANG_PILLARS),
        chosen(sinsal._GOEGANG, "goegang: withMujin", sinsal._GOEGANG_WITH_MUJIN),
    ):
        yield [f"`{key}`", f"{name} {hanja}", targets, "any pillar"]
    key, name, hanja, targets = sinsal._GORAN
    yield [f"`{key}`", f"{name} {hanja}", targets, "the day pillar"]
    key, name, hanja, targets = sinsal._HYEONCHIM
    yield [f"`{key}`", f"{name} {hanja}", " ".join(targets), "any of these stems or branches"]
    for key, name, hanja, targets in sinsal._TOGETHER:
        yield [f"`{key}`", f"{name} {hanja}", " ".join(targets), "both branches, anywhere"]


def document() -> str:
    """Return the whole document."""
    variants = [
        (*sinsal._HONGYEOM, sinsal._HONGYEOM_SIN),
        chosen(sinsal._HONGYEOM, "hongyeom: eulO", sinsal._HONGYEOM_O),
        (*sinsal._YANGIN, sinsal._YANGIN_YANG),
        chosen(sinsal._YANGIN, "yangin: all", sinsal._YANGIN_ALL),
    ]
    parts = [
        HEAD,
        RELATIONS,
        table(["kind", "name", "members", "reported"], relations()),
        SINSAL.format(version=sinsal.TABLES_VERSION),
        "### By the day stem (`dayStem`)\n",
        table(["id", "name", *STEMS_HANJA], rows([*sinsal._BY_DAY_STEM, *variants])),
        "### By the month branch (`monthBranch`)\n",
        table(["id", "name", *BRANCHES_HANJA], rows(sinsal._BY_MONTH_BRANCH)),
        "### By the year branch (`yearBranch`)\n",
        table(["id", "name", *BRANCHES_HANJA], rows(sinsal._BY_YEAR_BRANCH)),
        TWELVE,
        table(["id", "name", "申子辰", "亥卯未", "寅午戌", "巳酉丑"], twelve()),
        PILLAR,
        table(["id", "name", "targets", "where"], pillar_sinsal()),
        SAMJAE,
        JOHU,
        table(["", *MONTHS], ([STEMS_HANJA[i], *row.split("|")] for i, row in enumerate(yongsin._JOHU))),
        STRENGTH,
        table(["position", "points"], zip(strength._POSITIONS, map(str, strength._POINTS), strict=True)),
    ]
    return "\n".join(parts)


if __name__ == "__main__":
    DOCUMENT.write_text(document(), encoding="utf-8")
