"""Fortunes in time."""

from __future__ import annotations

from cubekit import Model

from saju_contract._pillars import Relation, TenGods


class DaeunPeriod(Model):
    """Ten years of great fortune."""

    age: int
    """Age at its beginning, on the chosen basis."""
    start_date: str
    """Gregorian date (ISO 8601) of its beginning, from the exact age."""
    cheon: str
    ji: str
    hanja: str
    ganji: int
    sipsin: TenGods
    sibiunseong: str


class Daeun(Model):
    """Great fortune (대운)."""

    forward: bool
    """Whether the pillars follow the month's in order (순행) or backwards (역행)."""
    start_age: int
    """대운수 by the chosen rounding and basis."""
    start_age_exact: float
    """Years lived at the first period's beginning; three days to the solar term are one year."""
    list: tuple[DaeunPeriod, ...]


class YearFortune(Model):
    """The fortune of a year (세운), from its Ipchun on."""

    year: int
    cheon: str
    ji: str
    hanja: str
    ganji: int
    sipsin: TenGods
    sibiunseong: str
    samjae: bool
    """Whether it is one of the three years of misfortune (삼재) of the year branch."""
    hapchung: tuple[Relation, ...]
    """Between its pillar (``luck``) and those of the birth."""


class MonthFortune(Model):
    """The fortune of a month (월운), from the solar term that opens it."""

    month: int
    """1 for the month that Ipchun opens (인월) ... 12."""
    term: str
    """Name of that term."""
    cheon: str
    ji: str
    hanja: str
    ganji: int
    sipsin: TenGods
    sibiunseong: str
    hapchung: tuple[Relation, ...]
