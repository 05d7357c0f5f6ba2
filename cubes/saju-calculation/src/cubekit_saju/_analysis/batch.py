"""Four pillars of many births at once, in columns. Compiled."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from cubekit_saju._analysis.luck import rounded_age
from cubekit_saju._analysis.moment import moment_of
from cubekit_saju._analysis.notices import notices_of
from cubekit_saju._analysis.pillars import SPLIT, korean_birth, korean_shift, packed_pillars, wall_clock
from cubekit_saju._analysis.settings import Settings
from cubekit_saju._calendar.days import JDN_OF_1970, civil_from_days
from cubekit_saju._calendar.lunar import jdn_from_lunar
from cubekit_saju._calendar.terms import jeol_at
from cubekit_saju._errors import LeapMonthOfSolarDate, MalformedDate, MalformedTime, SajuError
from cubekit_saju.results.chart import Notice

if TYPE_CHECKING:
    from mypy_extensions import i64

_NOON: Final = 12


def korean_pillars_batch(
    years: list[int],
    months: list[int],
    days: list[int],
    hours: list[int],
    minutes: list[int],
    longitude: float = 126.978,
    zi_hour: i64 = SPLIT,
) -> list[int]:
    """Return the packed pillars of many births in Korea; the columns are as long as each other.

    :param longitude: degrees east of Greenwich, of all.
    :param zi_hour: `SPLIT`, `ZI23` or `MIDNIGHT`.
    :raises SajuError: as `korean_pillars` does, at the first birth that is wrong.
    :raises ValueError: if the columns are not equally long, or ``longitude`` or ``zi_hour`` out of their range.
    """
    count: i64 = len(years)
    if len(months) != count or len(days) != count or len(hours) != count or len(minutes) != count:
        raise ValueError("the columns must be equally long")
    shift: i64 = korean_shift(longitude, zi_hour)
    found: list[int] = []
    row: i64 = 0
    while row < count:
        found.append(korean_birth(years[row], months[row], days[row], hours[row], minutes[row], shift, zi_hour))
        row += 1
    return found


class Columns:
    """The births of a batch, column by column; an absent column holds the same for all."""

    def __init__(
        self,
        dates: list[str],
        times: list[str | None],
        male: list[bool],
        lunar: list[bool] | None,
        leap_month: list[bool] | None,
        longitudes: list[float] | None,
        longitude: float,
        timezone: str,
    ) -> None:
        self.dates: Final = dates
        self.times: Final = times
        self.male: Final = male
        self.lunar: Final = lunar
        self.leap_month: Final = leap_month
        self.longitudes: Final = longitudes
        self.longitude: Final = longitude
        self.timezone: Final = timezone


class PillarColumns:
    """Results column by column, None in all of them where a birth is wrong."""

    def __init__(self) -> None:
        self.year: Final[list[int | None]] = []
        self.month: Final[list[int | None]] = []
        self.day: Final[list[int | None]] = []
        self.hour: Final[list[int | None]] = []
        self.forward: Final[list[bool | None]] = []
        self.start_age: Final[list[int | None]] = []
        self.errors: Final[list[tuple[int, SajuError]]] = []
        """Row and what is wrong with it."""
        self.warnings: Final[list[tuple[int, Notice]]] = []
        """Row and a doubt about it."""

    def add(self, births: Columns, settings: Settings, first: i64, last: i64) -> None:
        """Calculate the rows from ``first`` up to, but not including, ``last``."""
        row: i64 = first
        while row < last:
            try:
                self._add_row(births, settings, row)
            except SajuError as error:
                self.errors.append((int(row), error))
                self._add_values(-1, -1, -1, -1, False, 0)
            row += 1

    def _add_row(self, births: Columns, settings: Settings, row: i64) -> None:
        packed_date: i64 = _date(births.dates[row])
        year: i64 = packed_date >> 9
        month: i64 = packed_date >> 5 & 15
        day: i64 = packed_date & 31
        leap_month = births.leap_month is not None and births.leap_month[row]
        if births.lunar is not None and births.lunar[row]:
            jdn: i64 = jdn_from_lunar(int(year), int(month), int(day), leap_month)
            year, month, day = civil_from_days(jdn - JDN_OF_1970)
        elif leap_month:
            raise LeapMonthOfSolarDate
        time = births.times[row]
        minutes: i64 = _NOON * 60 if time is None else _time(time)
        longitude = births.longitude if births.longitudes is None else births.longitudes[row]
        wall: i64 = wall_clock(year, month, day, minutes // 60, minutes % 60)
        moment = moment_of(wall, time is not None, longitude, births.timezone, settings.fold)
        local: i64 = moment.by(settings.clock)
        reference: i64 = moment.reference(settings)
        jeol: i64 = jeol_at(reference, settings.jeol)
        packed: i64 = packed_pillars(jeol, local, settings.zi_hour)
        forward = (packed % 2 == 0) == births.male[row]
        previous: i64 = settings.jeol[jeol]
        following: i64 = settings.jeol[jeol + 1]
        distance: i64 = following - reference if forward else reference - previous
        age: i64 = rounded_age(distance, settings.daeun_rounding)
        self._add_values(
            packed & 63,
            packed >> 6 & 63,
            packed >> 12 & 63,
            -1 if time is None else packed >> 18 & 63,
            forward,
            age + 1 if settings.seneun else age,
        )
        for notice in notices_of(time is not None, moment, reference, previous, following, settings):
            self.warnings.append((int(row), notice))

    def _add_values(self, year: i64, month: i64, day: i64, hour: i64, forward: bool, age: i64) -> None:
        wrong = year < 0
        self.year.append(None if wrong else int(year))
        self.month.append(None if wrong else int(month))
        self.day.append(None if wrong else int(day))
        self.hour.append(None if hour < 0 else int(hour))
        self.forward.append(None if wrong else forward)
        self.start_age.append(None if wrong else int(age))


def _date(text: str) -> i64:
    """Return ``YYYY-MM-DD`` in one integer: the day in the lowest five bits, the month in the next four, then the year.

    Months above 15 and days above 31 do not fit and are malformed, too.
    """
    if len(text) != 10 or text[4] != "-" or text[7] != "-":
        raise MalformedDate(text)
    year: i64 = _digits(text, 0) * 100 + _digits(text, 2)
    month: i64 = _digits(text, 5)
    day: i64 = _digits(text, 8)
    if year < 0 or month < 0 or day < 0 or month > 15 or day > 31:
        raise MalformedDate(text)
    return year << 9 | month << 5 | day


def _time(text: str) -> i64:
    """Return ``HH:MM`` as minutes."""
    if len(text) != 5 or text[2] != ":":
        raise MalformedTime(text)
    hour: i64 = _digits(text, 0)
    minute: i64 = _digits(text, 3)
    if hour < 0 or minute < 0 or hour > 23 or minute > 59:
        raise MalformedTime(text)
    return hour * 60 + minute


_NO_DIGITS: Final = -100_000


def _digits(text: str, at: i64) -> i64:
    """Return two digits as a number, or far less than any if they are none."""
    tens: i64 = ord(text[at]) - 48
    ones: i64 = ord(text[at + 1]) - 48
    if tens < 0 or tens > 9 or ones < 0 or ones > 9:
        return _NO_DIGITS
    return tens * 10 + ones
