"""The warnings of a chart: where a small error of the input, or another convention, would change it."""

from __future__ import annotations

from collections.abc import Iterator

from cubekit_saju._chart import Birth, Notice
from cubekit_saju._civil_time import CivilTime

_JEOL_SECONDS = 60
"""Nearer than this to a solar term is worth a warning: births are known to a minute."""
_CLOCK_SECONDS = 120
"""Nearer than this to a change of day or hour."""
_ZONE_SECONDS = 3 * 3_600
"""Local mean time and wall clock further apart than this hint at a mistaken longitude or zone."""
_HALF_DAY = 43_200


def notices(
    birth: Birth, *, civil: CivilTime, lmt: int, local: int, reference: int, jeol: tuple[int, int]
) -> tuple[Notice, ...]:
    """Return the warnings of a birth.

    :param civil: the wall clock and its meaning.
    :param lmt: local mean time in seconds.
    :param local: the clock of day and hour in seconds.
    :param reference: what is compared with the solar terms, in UTC seconds.
    :param jeol: the month-opening terms around it, in UTC seconds.
    """
    found: list[Notice] = []
    if birth.hour is None:
        found.append(
            Notice(
                "unknownTime",
                "The time of birth is unknown: year, month and day are those of noon; daeun may start 0.17 year off.",
            )
        )
        found.extend(_jeol_on_the_day(reference, jeol))
    else:
        found.extend(_jeol_nearby(reference, jeol))
        found.extend(_clock_boundaries(local, birth.options.zi_hour == "zi23"))
        if civil.ambiguous:
            which = "second" if birth.options.fold else "first"
            found.append(
                Notice(
                    "ambiguousTime", f"Clocks were set back and showed this time twice; the {which} was taken (fold)."
                )
            )
    if abs(lmt - (civil.wall - civil.saving)) > _ZONE_SECONDS:
        found.append(
            Notice(
                "longitudeFarFromZone",
                "Longitude and time zone are more than three hours apart; is one of them mistaken?",
            )
        )
    return tuple(found)


def _jeol_on_the_day(noon: int, jeol: tuple[int, int]) -> Iterator[Notice]:
    for instant in jeol:
        if noon - _HALF_DAY <= instant < noon + _HALF_DAY:
            text = "A solar term falls on the day of birth: year or month depend on the unknown time."
            yield Notice("boundaryWarning", text, "jeol", abs(noon - instant))


def _jeol_nearby(reference: int, jeol: tuple[int, int]) -> Iterator[Notice]:
    for instant in jeol:
        distance = abs(reference - instant)
        if distance < _JEOL_SECONDS:
            side = "after" if reference >= instant else "before"
            yield Notice("boundaryWarning", f"The birth is {distance} s {side} a solar term.", "jeol", distance)


def _clock_boundaries(local: int, day_changes_at_23: bool) -> Iterator[Notice]:
    """The hour changes at every odd hour; the day at midnight or, by one convention, at 23:00 together with the
    hour.
    """
    second = local % 86_400
    hour_side, hour_distance = _nearest((second + 3_600) % 7_200, 7_200)
    midnight_side, midnight_distance = _nearest(second, 86_400)
    at_23 = abs(second - 82_800) < _CLOCK_SECONDS
    if hour_distance < _CLOCK_SECONDS:
        boundary = "day" if day_changes_at_23 and at_23 else "hour"
        yield Notice(
            "boundaryWarning",
            f"The clock of the pillars is {hour_distance} s {hour_side} a change of the {boundary}.",
            boundary,
            hour_distance,
        )
    if not day_changes_at_23 and midnight_distance < _CLOCK_SECONDS:
        yield Notice(
            "boundaryWarning",
            f"The clock of the pillars is {midnight_distance} s {midnight_side} a change of the day.",
            "day",
            midnight_distance,
        )


def _nearest(past: int, period: int) -> tuple[str, int]:
    """Return the side and the distance of the nearest multiple of a period."""
    return ("after", past) if past <= period - past else ("before", period - past)
