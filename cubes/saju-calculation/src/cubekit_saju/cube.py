"""The cube that offers the library to a service, as a provider of ``saju.calendar``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import lru_cache
from typing import Any

import saju_contract
from anyio import lowlevel, to_thread
from cubekit import Cache, Cube, Invalid, operation
from pydantic import BaseModel, ConfigDict, Field
from pydantic_core import to_json
from saju_contract import (
    Birth,
    BirthColumns,
    Calendar,
    CalendarMonth,
    Chart,
    Compatibility,
    Conventions,
    Conversion,
    DateText,
    DayFortune,
    Month,
    PillarColumns,
    RowError,
    RowNotice,
    TermsOfYear,
)

import cubekit_saju
from cubekit_saju._analysis.batch import Columns
from cubekit_saju._analysis.batch import PillarColumns as Rows
from cubekit_saju._analysis.chart import chart_of
from cubekit_saju._analysis.settings import Settings, settings_of
from cubekit_saju._calendar.korean_time import ZONE
from cubekit_saju._calendar.zones import is_loaded, load_zone
from cubekit_saju._fortune import chart_against_chart, day_against_chart
from cubekit_saju.results.chart import Chart as PlainChart

_ERRORS: dict[type[cubekit_saju.SajuError], type[Invalid]] = {
    cubekit_saju.DateOutOfRange: saju_contract.DateOutOfRange,
    cubekit_saju.YearOutOfRange: saju_contract.YearOutOfRange,
    cubekit_saju.LunarDateOutOfRange: saju_contract.LunarDateOutOfRange,
    cubekit_saju.NoSuchMonth: saju_contract.NoSuchMonth,
    cubekit_saju.NoSuchDate: saju_contract.NoSuchDate,
    cubekit_saju.LeftOutDate: saju_contract.LeftOutDate,
    cubekit_saju.SkippedDay: saju_contract.SkippedDay,
    cubekit_saju.NoSuchLunarDay: saju_contract.NoSuchLunarDay,
    cubekit_saju.NoSuchLeapMonth: saju_contract.NoSuchLeapMonth,
    cubekit_saju.NoLeapMonth: saju_contract.NoLeapMonth,
    cubekit_saju.LeapMonthOfSolarDate: saju_contract.LeapMonthOfSolarDate,
    cubekit_saju.NoSuchTime: saju_contract.NoSuchTime,
    cubekit_saju.UnknownTimezone: saju_contract.UnknownTimezone,
}
_CHARTS = Cache("24h", size=256)
"""A chart is 22 kB of JSON: found again in a fifth of the time that it takes to calculate and write."""
_ROWS_AT_ONCE = 2_000
"""Births of a batch between which others get their turn: about a millisecond."""


class Config(BaseModel):
    """Configuration of the cube."""

    model_config = ConfigDict(extra="forbid")

    longitude: float = Field(default=126.978, ge=-180, le=180, allow_inf_nan=False)
    """Degrees east of Greenwich, used where a request has no location; the default is Seoul."""


class Saju(Cube[Config], Calendar, implements="saju.calendar@0.1"):
    """Korean four-pillars calendar."""

    async def start(self) -> None:
        """Say so when the calculation is not compiled."""
        if not cubekit_saju.compiled:
            self.log.warning("the four-pillars core runs as pure Python, some ten times slower than compiled")

    @operation(idempotent=True, public=True, cache=_CHARTS, json="calculate_json", view=cubekit_saju.table)
    async def calculate(self, birth: Birth) -> Chart:
        """Return the four pillars of a birth and what follows from them."""
        return Chart.model_validate(await self._chart(birth))

    async def calculate_json(self, birth: Birth) -> bytes:
        """Write what `calculate` returns without making models of it."""
        return to_json(await self._chart(birth))

    @operation(idempotent=True, public=True)
    async def calculate_batch(self, births: BirthColumns) -> PillarColumns:
        """Return the four pillars of many births, and when their great fortune begins.

        A birth that is wrong does not fail the others: its row is null, and ``errors`` says why.
        """
        await _load_zone(births.timezone, {"location.timezone": "timezone"})
        columns = Columns(
            births.birth_date,
            births.birth_time,
            [gender == "male" for gender in births.gender],
            births.is_lunar,
            births.is_leap_month,
            births.longitude,
            self.config.longitude,
            births.timezone,
        )
        rows, settings = Rows(), _settings(births.options)
        warnings: list[RowNotice] = []
        for first in range(0, len(births.birth_date), _ROWS_AT_ONCE):
            rows.add(columns, settings, first, min(first + _ROWS_AT_ONCE, len(births.birth_date)))
            fresh = rows.warnings[len(warnings) :]
            warnings += [RowNotice.model_validate({"index": index, **notice}) for index, notice in fresh]
            await lowlevel.checkpoint()
        return PillarColumns(
            year=tuple(rows.year),
            month=tuple(rows.month),
            day=tuple(rows.day),
            hour=tuple(rows.hour),
            daeun_forward=tuple(rows.forward),
            daeun_start_age=tuple(rows.start_age),
            errors=tuple(RowError(index=index, field=error.field, message=str(error)) for index, error in rows.errors),
            warnings=tuple(warnings),
            conventions=Conventions.model_validate(
                settings.conventions_at(None if births.longitude else self.config.longitude, births.timezone)
            ),
        )

    @operation(idempotent=True, public=True)
    async def compatibility(self, first: Birth, second: Birth) -> Compatibility:
        """Return two charts side by side, with every relation between their pillars."""
        charts = await self._chart(first, "first."), await self._chart(second, "second.")
        return Compatibility.model_validate(chart_against_chart(*charts, _settings(first.options)))

    @operation(idempotent=True, public=True)
    async def daily(self, birth: Birth, date: DateText) -> DayFortune:
        """Return what a day is to the chart of a birth: the basis of a daily fortune, without a judgement.

        :param date: Gregorian, ``YYYY-MM-DD``.
        """
        chart = await self._chart(birth, "birth.")
        with _failures({"birthDate": "date"}):
            fortune = day_against_chart(chart, _settings(birth.options), *_date(date))
        return DayFortune.model_validate(fortune)

    @operation(idempotent=True, public=True)
    async def calendar(self, year: int, month: Month) -> CalendarMonth:
        """Return the days of a Gregorian month with lunar dates, pillars and solar terms, by Korean standard time."""
        with _failures():
            return CalendarMonth.model_validate(cubekit_saju.calendar(year, month))

    @operation(idempotent=True, public=True)
    async def solar_terms(self, year: int) -> TermsOfYear:
        """Return the 24 solar terms of a year, from Sohan to Dongji."""
        with _failures():
            return TermsOfYear.model_validate(cubekit_saju.solar_terms(year))

    @operation(idempotent=True, public=True)
    async def convert(self, date: DateText, is_lunar: bool = False, is_leap_month: bool = False) -> Conversion:
        """Return a day in the solar and the Korean lunar calendar.

        :param date: ``YYYY-MM-DD``: a civil date (Julian before 1582-10-15), or with ``isLunar`` a lunar one.
        :param is_leap_month: whether the lunar month is the repeated one (윤달).
        """
        with _failures({"birthDate": "date"}):
            return Conversion.model_validate(
                cubekit_saju.convert(*_date(date), lunar=is_lunar, leap_month=is_leap_month)
            )

    async def _chart(self, birth: Birth, prefix: str = "") -> PlainChart:
        """Return the chart as plain data that is shared: to be read only.

        :param prefix: where the birth stands in the request.
        """
        place = birth.location
        timezone = place.timezone if place else ZONE
        await _load_zone(timezone, prefix=prefix)
        year, month, day = _date(birth.birth_date)
        time = birth.birth_time
        with _failures(prefix=prefix):
            return chart_of(
                year,
                month,
                day,
                0 if time is None else int(time[:2]),
                0 if time is None else int(time[3:]),
                time is not None,
                birth.gender == "male",
                birth.is_lunar,
                birth.is_leap_month,
                place.longitude if place else self.config.longitude,
                timezone,
                _settings(birth.options),
                birth.seun_year,
            )


@lru_cache(maxsize=1_024)
def _settings(options: saju_contract.Options) -> Settings:
    return settings_of(cubekit_saju.Options(**options.model_dump()))


async def _load_zone(timezone: str, names: Mapping[str, str] = {}, prefix: str = "") -> None:
    """Have a zone's history read, from a file when it is first used.

    The parameters are those of `_failures`.

    :raises UnknownTimezone: if there is no such zone.
    """
    if not is_loaded(timezone):
        with _failures(names, prefix):
            await to_thread.run_sync(load_zone, timezone)


def _date(text: str) -> tuple[int, int, int]:
    """Split a date whose form the request's model has checked."""
    year, month, day = text.split("-")
    return int(year), int(month), int(day)


@contextmanager
def _failures(names: Mapping[str, str] = {}, prefix: str = "") -> Iterator[None]:
    """Translate errors of the library into the contract's errors of the same name.

    :param names: what the request calls fields that the library calls otherwise.
    :param prefix: where in the request the input stands that the library blames.
    """
    try:
        yield
    except cubekit_saju.SajuError as error:
        field = prefix + names.get(error.field, error.field)
        params: dict[str, Any] = {**error.params}
        raise _ERRORS[type(error)](field=field, **params) from error
