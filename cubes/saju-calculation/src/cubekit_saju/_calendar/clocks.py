"""The clocks that a birth is read by, and instants as text. Compiled."""

from __future__ import annotations

from math import cos, floor, radians, sin, tan
from typing import TYPE_CHECKING, Final

from cubekit_saju._calendar.days import packed_civil

if TYPE_CHECKING:
    from mypy_extensions import i64

_J2000_UNIX: Final = 946_728_000.0
_SECONDS_PER_CENTURY: Final = 36_525.0 * 86_400.0
_SECONDS_PER_RADIAN: Final = 43_200.0 / 3.141592653589793

# Text is put together from tables: formatting numbers would take most of a chart's time.
_YEARS: Final[list[str]] = [f"{year:04}-" for year in range(3_000)]
_MONTH_DAYS: Final[list[str]] = [f"{month:02}-{day:02}" for month in range(16) for day in range(32)]
_TWO_DIGITS: Final[list[str]] = [f"{number:02}" for number in range(100)]
_HOURS_MINUTES: Final[list[str]] = [f"T{minute // 60:02}:{minute % 60:02}:" for minute in range(1_440)]


def meridian_shift(longitude: float) -> i64:
    """Return local mean time (地方平均時) minus UTC: 240 s for every degree east, rounded down to a whole second."""
    return floor(longitude * 240.0)


def check_longitude(longitude: float) -> None:
    """Refuse a longitude that is none.

    :raises ValueError: if it is not within -180 and 180 degrees.
    """
    if not -180.0 <= longitude <= 180.0:
        raise ValueError(f"longitude must be within -180 and 180 degrees, not {longitude}")


def across_date_line(longitude: float, standard: i64) -> i64:
    """Return what to add to UTC plus a meridian shift for the calendar day of a zone: a day's seconds or 0.

    Where the date line bends, as in Tonga or Samoa, a zone may lie on the other side of 180 degrees than its meridian:
    solar time is then within twelve hours of the zone's standard time, and not a day away.

    :param standard: the zone's standard time minus UTC, in seconds.
    """
    ahead = longitude * 240.0 - float(standard)
    if ahead > 43_200.0:
        return -86_400
    if ahead < -43_200.0:
        return 86_400
    return 0


def equation_of_time(utc: i64) -> float:
    """Return apparent minus mean solar time (균시차) in seconds, good to a few seconds.

    J. Meeus, *Astronomical Algorithms* (2nd ed.), formula 28.3 of W. M. Smart, with the elements of chapter 25.

    :param utc: UTC seconds since 1970.
    """
    t = (float(utc) - _J2000_UNIX) / _SECONDS_PER_CENTURY
    mean_longitude = radians(280.46646 + 36_000.76983 * t + 0.0003032 * t * t)
    anomaly = radians(357.52911 + 35_999.05029 * t - 0.0001537 * t * t)
    eccentricity = 0.016708634 - 0.000042037 * t - 0.0000001267 * t * t
    tangent = tan(radians(23.4392911 - 0.0130042 * t) / 2.0)
    y = tangent * tangent
    equation = (
        y * sin(2.0 * mean_longitude)
        - 2.0 * eccentricity * sin(anomaly)
        + 4.0 * eccentricity * y * sin(anomaly) * cos(2.0 * mean_longitude)
        - y * y / 2.0 * sin(4.0 * mean_longitude)
        - 1.25 * eccentricity * eccentricity * sin(2.0 * anomaly)
    )
    return equation * _SECONDS_PER_RADIAN


def iso_date(days: i64) -> str:
    """Return the Gregorian date of a day after 1970-01-01 as ISO 8601; the year is within 0-2999."""
    packed: i64 = packed_civil(days)
    return _YEARS[packed >> 9] + _MONTH_DAYS[packed & 511]


def iso_time(seconds: i64) -> str:
    """Return date and time of a clock's seconds since 1970-01-01T00:00 as ISO 8601, without a zone."""
    days: i64 = seconds // 86_400
    second: i64 = seconds - days * 86_400
    minute: i64 = second // 60
    return iso_date(days) + _HOURS_MINUTES[minute] + _TWO_DIGITS[second - minute * 60]


def iso_instant(hundredths: i64) -> str:
    """Return an instant in hundredths of a second since 1970 (UTC) as ISO 8601 with two decimals and ``Z``."""
    seconds: i64 = hundredths // 100
    return f"{iso_time(seconds)}.{_TWO_DIGITS[hundredths - seconds * 100]}Z"
