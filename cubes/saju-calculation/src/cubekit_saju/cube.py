"""The cube that offers the library to a service, as a provider of ``saju.calendar``."""

from __future__ import annotations

from typing import Any

import saju_contract
from anyio import to_thread
from cubekit import Cube, Invalid, operation
from pydantic import BaseModel, ConfigDict, Field
from saju_contract import Birth, Calendar, Chart

import cubekit_saju
from cubekit_saju._korean_time import ZONE

_ERRORS: dict[type[cubekit_saju.SajuError], type[Invalid]] = {
    cubekit_saju.DateOutOfRange: saju_contract.DateOutOfRange,
    cubekit_saju.LunarDateOutOfRange: saju_contract.LunarDateOutOfRange,
    cubekit_saju.NoSuchDate: saju_contract.NoSuchDate,
    cubekit_saju.NoSuchLunarDay: saju_contract.NoSuchLunarDay,
    cubekit_saju.NoSuchLeapMonth: saju_contract.NoSuchLeapMonth,
    cubekit_saju.LeapMonthOfSolarDate: saju_contract.LeapMonthOfSolarDate,
    cubekit_saju.NoSuchTime: saju_contract.NoSuchTime,
    cubekit_saju.UnknownTimezone: saju_contract.UnknownTimezone,
}


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

    @operation(idempotent=True, public=True)
    async def calculate(self, birth: Birth) -> Chart:
        """Return the four pillars of a birth and what follows from them."""
        request = _library_birth(birth, self.config.longitude)
        try:
            if request.location.timezone == ZONE:
                chart = cubekit_saju.calculate(request)
            else:
                # Another zone's history is read from a file when it is first used.
                chart = await to_thread.run_sync(cubekit_saju.calculate, request)
        except cubekit_saju.SajuError as error:
            raise _failure(error) from error
        return Chart.model_validate(chart, from_attributes=True)


def _failure(error: cubekit_saju.SajuError) -> Invalid:
    """Translate an error of the library into the contract's error of the same name."""
    params: dict[str, Any] = {**error.params}
    return _ERRORS[type(error)](field=error.field, **params)


def _library_birth(birth: Birth, longitude: float) -> cubekit_saju.Birth:
    """Translate the request; its model has checked the forms of date and time."""
    year, month, day = (int(part) for part in birth.birth_date.split("-"))
    hour, minute = (int(part) for part in birth.birth_time.split(":")) if birth.birth_time else (None, 0)
    place = birth.location
    return cubekit_saju.Birth(
        year,
        month,
        day,
        hour,
        minute,
        male=birth.gender == "male",
        lunar=birth.is_lunar,
        leap_month=birth.is_leap_month,
        location=cubekit_saju.Location(place.longitude, place.timezone) if place else cubekit_saju.Location(longitude),
        options=cubekit_saju.Options(**birth.options.model_dump()),
    )
