"""What is judged of a chart; all but the pattern of the month is heuristic and says so."""

from __future__ import annotations

from typing import TypedDict


class WuxingPercent(TypedDict):
    """Share of each element; the five add up to 100."""

    wood: float
    fire: float
    earth: float
    metal: float
    water: float


class WuxingWeights(TypedDict):
    """What the characters count."""

    stem: int
    branch: int
    monthBranch: int


class WeightedWuxing(TypedDict):
    """Elements by weight, a heuristic: a stem counts for its element, a branch for those of its hidden stems by their
    days.
    """

    method: str
    version: int
    weights: WuxingWeights
    percent: WuxingPercent


class Gyeokguk(TypedDict):
    """The pattern of the month (격국)."""

    name: str
    hanja: str
    basisStem: str
    basis: str
    """Which hidden stem of the month branch it is taken from: ``jeonggi``, ``junggi`` or ``yeogi``."""
    tuchul: bool
    """Whether that stem also stands in year, month or hour (투출)."""
    established: bool
    rule: str
    school: str


class SpecialPattern(TypedDict):
    """A pattern beyond the regular ones (외격) that the weights suggest: a heuristic."""

    name: str
    hanja: str
    school: str
    method: str
    version: int
    threshold: float
    """Percent of the weighted elements from which on the method suggests it."""
    share: float
    """Percent of the weighted elements that speak for it."""


class StrengthComponent(TypedDict):
    """One position and what it adds."""

    position: str
    points: int
    supports: bool


class Strength(TypedDict):
    """Strength of the day stem (신강·신약), a heuristic."""

    method: str
    version: int
    score: int
    """0-100."""
    grade: str
    components: list[StrengthComponent]


class Yongsin(TypedDict):
    """The element that a chart needs (용신), by one method; every method is a heuristic of its own."""

    method: str
    name: str
    version: int
    element: str | None
    """Null where the method does not apply."""
    stems: list[str]
    """For 조후: stems in order of importance."""
    reason: str
    huisin: str | None
    gisin: str | None
    gusin: str | None
    hansin: str | None
