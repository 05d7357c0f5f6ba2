"""The warnings of a chart: where a small error of the input, or another convention, would change it. Compiled."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from cubekit_saju._analysis.moment import Moment
from cubekit_saju._analysis.pillars import ZI23
from cubekit_saju._analysis.settings import Settings
from cubekit_saju.results.chart import Notice

if TYPE_CHECKING:
    from mypy_extensions import i64

_JEOL_SECONDS: Final = 60
"""Nearer than this to a solar term is worth a warning: births are known to a minute."""
_CLOCK_SECONDS: Final = 120
"""Nearer than this to a change of day or hour."""
_ZONE_SECONDS: Final = 3 * 3_600
"""Local mean time and wall clock further apart than this hint at a mistaken longitude or zone."""
_HALF_DAY: Final = 43_200


def notices_of(
    known: bool, moment: Moment, reference: i64, previous: i64, following: i64, settings: Settings
) -> list[Notice]:
    """Return the warnings of a birth.

    :param known: whether its time is.
    :param reference: what is compared with the solar terms, UTC seconds.
    :param previous: the month-opening term before it, UTC seconds.
    :param following: the one after it.
    """
    if known:
        local: i64 = moment.by(settings.clock)
        found = _known_time(reference, previous, following, local, settings.zi_hour == ZI23)
        if moment.ambiguous:
            found.append(_ambiguous_time(settings.fold))
    else:
        found = _unknown_time(reference, previous, following)
    apart: i64 = moment.lmt - moment.wall + moment.saving
    if apart > _ZONE_SECONDS or -apart > _ZONE_SECONDS:
        found.append(
            _notice(
                "longitudeFarFromZone",
                "Longitude and time zone are more than three hours apart; is one of them mistaken?",
            )
        )
    return found


def _unknown_time(noon: i64, previous: i64, following: i64) -> list[Notice]:
    """Return the warnings of a birth whose time is unknown.

    :param noon: of the day of birth, UTC seconds.
    :param previous: the month-opening term before noon, UTC seconds.
    :param following: the one after it.
    """
    found: list[Notice] = [
        _notice(
            "unknownTime",
            "The time of birth is unknown: year, month and day are those of noon; daeun may start 0.17 year off.",
        )
    ]
    if noon - _HALF_DAY <= previous or following < noon + _HALF_DAY:
        text = "A solar term falls on the day of birth: year or month depend on the unknown time."
        distance: i64 = noon - previous if noon - _HALF_DAY <= previous else following - noon
        found.append(_boundary(text, "jeol", distance))
    return found


def _known_time(reference: i64, previous: i64, following: i64, local: i64, day_changes_at_23: bool) -> list[Notice]:
    """Return the warnings of a birth near a boundary.

    :param reference: what is compared with the solar terms, UTC seconds.
    :param local: the clock of day and hour in seconds.
    """
    found: list[Notice] = []
    if reference - previous < _JEOL_SECONDS:
        found.append(
            _boundary(f"The birth is {reference - previous} s after a solar term.", "jeol", reference - previous)
        )
    if following - reference < _JEOL_SECONDS:
        found.append(
            _boundary(f"The birth is {following - reference} s before a solar term.", "jeol", following - reference)
        )
    second: i64 = local % 86_400
    of_hour: i64 = (second + 3_600) % 7_200
    if of_hour < _CLOCK_SECONDS or 7_200 - of_hour < _CLOCK_SECONDS:
        at_23 = 82_800 - _CLOCK_SECONDS < second < 82_800 + _CLOCK_SECONDS
        found.append(_clock_boundary(of_hour, 7_200, "day" if day_changes_at_23 and at_23 else "hour"))
    if not day_changes_at_23 and (second < _CLOCK_SECONDS or 86_400 - second < _CLOCK_SECONDS):
        found.append(_clock_boundary(second, 86_400, "day"))
    return found


def _ambiguous_time(fold: int) -> Notice:
    """Return the warning of a time that the clock showed twice."""
    which = "second" if fold else "first"
    return _notice("ambiguousTime", f"Clocks were set back and showed this time twice; the {which} was taken (fold).")


def _clock_boundary(past: i64, period: i64, boundary: str) -> Notice:
    distance, side = (past, "after") if past <= period - past else (period - past, "before")
    return _boundary(f"The clock of the pillars is {distance} s {side} a change of the {boundary}.", boundary, distance)


def _boundary(message: str, boundary: str, distance: i64) -> Notice:
    return {"code": "boundaryWarning", "message": message, "boundary": boundary, "distance": int(distance)}


def _notice(code: str, message: str) -> Notice:
    return {"code": code, "message": message, "boundary": None, "distance": None}
