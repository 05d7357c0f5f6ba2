"""The result of a batch, in columns."""

from __future__ import annotations

from cubekit import Model

from saju_contract._chart import Conventions, Notice


class RowError(Model):
    """What is wrong with one birth of a batch."""

    index: int
    """Its row, from 0."""
    field: str
    """Name of the column to blame."""
    message: str


class RowNotice(Notice):
    """A doubt about one birth of a batch."""

    index: int
    """Its row, from 0."""


class PillarColumns(Model):
    """Pillars of many births; row i of every column belongs to birth i and is null where the birth is wrong."""

    year: tuple[int | None, ...]
    """Sexagenary index, 0 甲子 … 59 癸亥."""
    month: tuple[int | None, ...]
    day: tuple[int | None, ...]
    hour: tuple[int | None, ...]
    """Null also where the time of birth is unknown."""
    daeun_forward: tuple[bool | None, ...]
    daeun_start_age: tuple[int | None, ...]
    errors: tuple[RowError, ...]
    warnings: tuple[RowNotice, ...]
    """Of all births, in the order of their rows; a birth without doubts has none."""
    conventions: Conventions
    """Those that all births were read by."""
