"""Generate ``src/cubekit_saju/_calendar/terms_table.py``: the instants of the 24 solar terms of 1599-2401.

Run ``python tools/generate_terms.py`` with ``pip install de406 jplephem pyerfa`` (JPL's DE406, public domain; none of
them is a dependency of the cube). ``--verify`` solves the same terms with independent ephemerides and prints the
differences instead of writing the table: ERFA's ``epv00`` (an analytical theory), DE405 and DE421 (``de405``;
``skyfield skyfield-data``), each skipped with a note where it is not installed.

*Position.* The ephemeris gives Earth and Sun; light time and annual aberration give the direction to the Sun;
``pnm06a`` (IAU 2006 precession, IAU 2000A nutation) and the true obliquity turn it into the apparent longitude of date.

*Time.* The equation is solved in TT, for which TDB may stand (they differ by 2 ms at most, 8e-8 degrees of longitude).
TT becomes UTC with TAI−UTC from ERFA's leap-second table since 1972 (37 s, frozen, after its last entry) and, before
1972, UT1 = TT − ΔT with the half-yearly table ``data/delta_t.csv``.
"""

from __future__ import annotations

import argparse
import base64
import csv
import importlib
import importlib.util
import math
import warnings
import zlib
from collections.abc import Callable
from pathlib import Path

import erfa
import numpy as np
import numpy.typing as npt

Vector = npt.NDArray[np.float64]
Longitude = Callable[[Vector], Vector]
"""Apparent longitude of the Sun in degrees for Julian dates in TT."""

TOOLS = Path(__file__).resolve().parent
TABLE = TOOLS.parent / "src" / "cubekit_saju" / "_calendar" / "terms_table.py"

FIRST_YEAR, LAST_YEAR = 1599, 2401
"""A year more than births may have, on either side: every birth lies between two terms."""
TROPICAL_YEAR = 3_155_692_500
"""Hundredths of a second; residuals take what a year differs from it."""

UNIX_EPOCH = 2_440_587.5
J2000 = 2_451_545.0
AU_LIGHT_DAYS = 499.004783836 / 86_400.0
AU_KM = 149_597_870.7
FIRST_UTC = 2_441_317.5
"""1972-01-01: integral leap seconds begin."""


def apparent_longitude(jd_tt: Vector, sun_au: Vector, earth_velocity_au_day: Vector) -> Vector:
    """Ecliptic longitude of date, in degrees, of the geometric geocentric Sun ``sun_au`` after annual aberration."""
    distance = np.linalg.norm(sun_au, axis=-1)
    velocity_c = earth_velocity_au_day * AU_LIGHT_DAYS
    lorentz_inverse = np.sqrt(1.0 - np.sum(velocity_c**2, axis=-1))
    direction = erfa.ab(sun_au / distance[..., None], velocity_c, distance, lorentz_inverse)
    of_date = erfa.rxp(erfa.pnm06a(jd_tt, 0.0), direction)
    _, deps = erfa.nut06a(jd_tt, 0.0)
    ecliptic = erfa.rxp(
        erfa.rx(erfa.obl06(jd_tt, 0.0) + deps, np.broadcast_to(np.eye(3), (*jd_tt.shape, 3, 3))), of_date
    )
    return np.degrees(np.arctan2(ecliptic[..., 1], ecliptic[..., 0])) % 360.0


def erfa_longitude(jd_tt: Vector) -> Vector:
    """Longitude from ERFA ``epv00`` (a fit of VSOP2000, made for 1900-2100)."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", erfa.ErfaWarning)  # outside 1900-2100; --verify shows how good it is there
        heliocentric, barycentric = erfa.epv00(jd_tt, 0.0)
        distance = np.linalg.norm(heliocentric["p"], axis=-1)
        earlier_heliocentric, earlier_barycentric = erfa.epv00(jd_tt, -distance * AU_LIGHT_DAYS)
    sun_then = earlier_barycentric["p"] - earlier_heliocentric["p"]
    return apparent_longitude(jd_tt, sun_then - barycentric["p"], barycentric["v"])


def jpl_longitude(name: str) -> Longitude | None:
    """Longitude from the JPL ephemeris in the package ``name`` (de405: 1600-2200, de406: -3000-3000), or None when it
    or ``jplephem`` is absent.
    """
    if importlib.util.find_spec("jplephem") is None or importlib.util.find_spec(name) is None:
        return None
    from jplephem.ephem import Ephemeris

    ephemeris = Ephemeris(importlib.import_module(name))

    def longitude(jd_tt: Vector) -> Vector:
        barycentre, barycentre_velocity = ephemeris.position_and_velocity("earthmoon", jd_tt)
        moon, moon_velocity = ephemeris.position_and_velocity("moon", jd_tt)
        earth = (barycentre - moon * ephemeris.earth_share) / AU_KM
        velocity = (barycentre_velocity - moon_velocity * ephemeris.earth_share) / AU_KM
        distance = np.linalg.norm(ephemeris.position("sun", jd_tt) / AU_KM - earth, axis=0)
        sun_then = ephemeris.position("sun", jd_tt - distance * AU_LIGHT_DAYS) / AU_KM
        return apparent_longitude(jd_tt, (sun_then - earth).T, velocity.T)

    return longitude


def de421_longitude() -> Longitude | None:
    """Longitude from JPL DE421 (1899-2053) by Skyfield's own precession, nutation and aberration, or None when its
    packages are absent.
    """
    if importlib.util.find_spec("skyfield") is None or importlib.util.find_spec("skyfield_data") is None:
        return None
    from skyfield.api import load, load_file
    from skyfield_data import get_skyfield_data_path

    planets = load_file(str(Path(get_skyfield_data_path()) / "de421.bsp"))
    scale = load.timescale(builtin=True)

    def longitude(jd_tt: Vector) -> Vector:
        moment = scale.tt_jd(jd_tt)
        _, lon, _ = planets["earth"].at(moment).observe(planets["sun"]).apparent().ecliptic_latlon("date")
        return np.asarray(lon.degrees, dtype=np.float64)

    return longitude


def solve(longitude: Longitude, first_year: int, last_year: int) -> Vector:
    """Julian dates (TT) of the terms, shape (years, 24).

    Term k of a year stands at (285 + 15k) degrees; k = 0 is Sohan, in January.
    """
    years = np.arange(first_year, last_year + 1)
    step = 365.2422
    k = np.arange(24)
    jd = J2000 + 4.6 + (years[:, None] - 2000) * step + k[None, :] * step / 24
    target = np.broadcast_to((285.0 + 15.0 * k)[None, :], jd.shape).ravel()
    flat = jd.ravel()
    for _ in range(8):
        flat = flat + ((target - longitude(flat) + 180.0) % 360.0 - 180.0) * step / 360.0
    return flat.reshape(jd.shape)


def delta_t_before_1972(jd_tt: Vector) -> Vector:
    """ΔT = TT − UT1 in seconds, interpolated linearly in ``data/delta_t.csv``."""
    with (TOOLS / "data" / "delta_t.csv").open(encoding="utf-8", newline="") as file:
        rows = [(float(row["jd_tt"]), float(row["delta_t"])) for row in csv.DictReader(file)]
    dates, values = zip(*rows, strict=True)
    return np.interp(jd_tt, dates, values)


def tt_minus_utc(jd_tt: Vector) -> Vector:
    """TT − UTC in seconds by the rule in the module's docstring."""
    changes = [row for row in erfa.leap_seconds.get() if row["year"] >= 1972]
    starts = [sum(erfa.cal2jd(int(row["year"]), int(row["month"]), 1)) for row in changes]
    offsets = np.array([float(row["tai_utc"]) for row in changes])
    at = np.clip(np.searchsorted(np.array(starts) + 60 / 86_400, jd_tt, side="right") - 1, 0, None)
    return np.where(jd_tt < FIRST_UTC, delta_t_before_1972(jd_tt), offsets[at] + 32.184)


def utc_hundredths(jd_tt: Vector) -> npt.NDArray[np.int64]:
    """UTC since 1970 in hundredths of a second, to the nearest."""
    return np.rint(((jd_tt - UNIX_EPOCH) * 86_400.0 - tt_minus_utc(jd_tt)) * 100.0).astype(np.int64)


def write_table(terms: npt.NDArray[np.int64]) -> None:
    """Write the table: a base instant per term, and per year the 24-bit rest after whole tropical years."""
    years = np.arange(FIRST_YEAR, LAST_YEAR + 1)
    rest = terms - (years[:, None] - 2000) * TROPICAL_YEAR
    base = rest.min(axis=0)
    residuals = (rest - base).T.ravel()
    if residuals.max() >= 1 << 24:
        raise SystemExit("a residual does not fit 24 bits: shorten the range or widen the field")
    # All low bytes, then all middle ones, then all high ones: zlib does better with like beside like.
    planes = b"".join((residuals >> shift & 255).astype(np.uint8).tobytes() for shift in (0, 8, 16))
    packed = base64.b64encode(zlib.compress(planes, 9)).decode("ascii")
    lines = "\n".join(f'    "{packed[at : at + 110]}"' for at in range(0, len(packed), 110))
    bases = "\n".join("    " + " ".join(f"{int(value)}," for value in base[at : at + 6]) for at in range(0, 24, 6))
    TABLE.write_text(
        f'''"""Solar terms {FIRST_YEAR}-{LAST_YEAR} in UTC; written by tools/generate_terms.py, do not edit.

Term k (0 = Sohan at 285 degrees) of year y is at BASE[k] + (y - 2000) * TROPICAL_YEAR + residual[k][y - FIRST_YEAR], in
hundredths of a second since 1970. RESIDUALS holds the residuals, 24 bits each, term by term: the low bytes of all of
them, the middle ones, the high ones, zlib-compressed, in base 64.
"""

FIRST_YEAR = {FIRST_YEAR}
LAST_YEAR = {LAST_YEAR}
TROPICAL_YEAR = {TROPICAL_YEAR}
BASE = (
{bases}
)
RESIDUALS = (
{lines}
)
''',
        encoding="utf-8",
    )


def report(name: str, other: Longitude | None, first_year: int, last_year: int, source: Longitude) -> str:
    """One line: how far the source's instants are from those of another ephemeris, both in TT."""
    if other is None:
        return f"{name}: not installed, skipped"
    delta = (solve(source, first_year, last_year) - solve(other, first_year, last_year)).ravel() * 86_400.0
    size = np.abs(delta)
    return (
        f"DE406 - {name} {first_year}-{last_year}: {size.size} terms, max {size.max():.4f} s, "
        f"p99 {np.percentile(size, 99):.4f} s, rms {math.sqrt(float(np.mean(delta**2))):.4f} s"
    )


def main() -> None:
    """Write the table, or compare with other ephemerides."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--verify", action="store_true", help="compare with other ephemerides, write nothing")
    source = jpl_longitude("de406")
    if source is None:
        raise SystemExit("the table is made from DE406: pip install de406 jplephem pyerfa")
    if not parser.parse_args().verify:
        write_table(utc_hundredths(solve(source, FIRST_YEAR, LAST_YEAR)))
        return
    others = (
        ("DE421", de421_longitude(), 1900, 2052),
        ("DE421", de421_longitude(), 1900, 2026),
        ("DE405", jpl_longitude("de405"), 1601, 2199),
        ("ERFA", erfa_longitude, 1900, 2100),
        ("ERFA", erfa_longitude, 1600, 2400),
    )
    for name, other, first_year, last_year in others:
        print(report(name, other, first_year, last_year, source))  # noqa: T201 -- the tool's output


if __name__ == "__main__":
    main()
