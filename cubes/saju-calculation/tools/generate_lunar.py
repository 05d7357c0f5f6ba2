"""Generate ``src/cubekit_saju/_calendar/lunar_table.py``, the months of the Korean lunar calendar, from
``data/korean_lunar_months.csv``.

Run ``python tools/generate_lunar.py``; it needs nothing but the standard library.
"""

from __future__ import annotations

import csv
from itertools import groupby, pairwise
from pathlib import Path
from typing import NamedTuple

TOOLS = Path(__file__).resolve().parent
SOURCE = TOOLS / "data" / "korean_lunar_months.csv"
TABLE = TOOLS.parent / "src" / "cubekit_saju" / "_calendar" / "lunar_table.py"


class Month(NamedTuple):
    """One row of the source."""

    year: int
    month: int
    leap: bool
    start: int
    """Julian day number of the first day."""


def read_months() -> tuple[list[Month], int]:
    """Return the months in order and the Julian day number after the last of them; refuse a source with holes."""
    with SOURCE.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    months = [
        Month(int(row["lunar_year"]), int(row["lunar_month"]), row["leap"] == "1", int(row["start_jdn"]))
        for row in rows
    ]
    end = int(rows[-1]["start_jdn"]) + int(rows[-1]["length"])
    starts = [*(month.start for month in months), end]
    if any(after - before not in (29, 30) for before, after in pairwise(starts)):
        raise SystemExit(f"{SOURCE.name}: a month is neither 29 nor 30 days long")
    return months, end


def year_code(months: list[Month], lengths: dict[Month, int]) -> int:
    """Pack a year: bits 0-12 say which of its months have 30 days, bits 13-16 the leap month (0: none)."""
    leap = next((month.month for month in months if month.leap), 0)
    expected = [(m, is_leap) for m in range(1, 13) for is_leap in ((False, True) if m == leap else (False,))]
    if [(month.month, month.leap) for month in months] != expected:
        raise SystemExit(f"{SOURCE.name}: lunar year {months[0].year} is not in order")
    return leap << 13 | sum(1 << position for position, month in enumerate(months) if lengths[month] == 30)


def main() -> None:
    """Write the table."""
    months, end = read_months()
    lengths = {
        month: after - month.start for month, after in zip(months, [*(m.start for m in months[1:]), end], strict=True)
    }
    codes = [year_code(list(group), lengths) for _, group in groupby(months, key=lambda month: month.year)]
    digits = "".join(f"{code:05x}" for code in codes)
    lines = "\n".join(f'    "{digits[at : at + 110]}"' for at in range(0, len(digits), 110))
    TABLE.write_text(
        f'''"""Korean lunar years {months[0].year}-{months[-1].year}; written by tools/generate_lunar.py, do not edit.

Five hexadecimal digits a year: bits 0-12 tell which months, in order and with the leap month in its place, have 30
days (else 29), bits 13-16 are the number of the month that is repeated as a leap month, 0 if none is.
"""

FIRST_YEAR = {months[0].year}
FIRST_JDN = {months[0].start}
YEARS = (
{lines}
)
''',
        encoding="utf-8",
    )


if __name__ == "__main__":
    main()
