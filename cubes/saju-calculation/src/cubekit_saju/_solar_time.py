"""The equation of time, and instants as text."""

from __future__ import annotations

from math import cos, degrees, radians, sin, tan

from cubekit_saju._calendar_math import civil_from_days

_J2000_UNIX = 946_728_000
_SECONDS_PER_CENTURY = 36_525 * 86_400


def equation_of_time(utc: int) -> float:
    """Return apparent minus mean solar time (균시차) in seconds, good to a few seconds.

    J. Meeus, *Astronomical Algorithms* (2nd ed.), formula 28.3 of W. M. Smart, with the elements of chapter 25.

    :param utc: UTC seconds since 1970.
    """
    t = (utc - _J2000_UNIX) / _SECONDS_PER_CENTURY
    mean_longitude = radians(280.46646 + 36_000.76983 * t + 0.0003032 * t * t)
    anomaly = radians(357.52911 + 35_999.05029 * t - 0.0001537 * t * t)
    eccentricity = 0.016708634 - 0.000042037 * t - 0.0000001267 * t * t
    y = tan(radians(23.4392911 - 0.0130042 * t) / 2) ** 2
    equation = (
        y * sin(2 * mean_longitude)
        - 2 * eccentricity * sin(anomaly)
        + 4 * eccentricity * y * sin(anomaly) * cos(2 * mean_longitude)
        - y * y / 2 * sin(4 * mean_longitude)
        - 1.25 * eccentricity * eccentricity * sin(2 * anomaly)
    )
    return degrees(equation) * 240.0


def iso_date(seconds: int) -> str:
    """Return the Gregorian date of a clock's seconds since 1970-01-01T00:00 as ISO 8601."""
    year, month, day = civil_from_days(seconds // 86_400)
    return f"{year:04}-{month:02}-{day:02}"


def iso_time(seconds: int) -> str:
    """Return date and time of a clock's seconds since 1970-01-01T00:00 as ISO 8601, without a zone."""
    minutes, second = divmod(seconds % 86_400, 60)
    hour, minute = divmod(minutes, 60)
    return f"{iso_date(seconds)}T{hour:02}:{minute:02}:{second:02}"
