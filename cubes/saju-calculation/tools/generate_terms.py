"""Generate ``src/cubekit_saju/_terms_table.py``: the instants of the 24 solar terms as UTC seconds.

Run ``python tools/generate_terms.py`` (needs pyerfa and numpy; neither is a dependency of the cube). With ``--verify``
the same terms are also solved with JPL ephemerides (``skyfield-data`` for DE421, ``de405`` for DE405; each is skipped
with a note when it is not installed) and the differences are printed instead of the table being written.

*Position.* ERFA ``epv00`` (VSOP2000-based, BSD licence) gives the Earth; light time and annual aberration give the
direction to the Sun; ``pnm06a`` (IAU 2006 precession, IAU 2000A nutation) and the true obliquity turn it into the
apparent longitude of date.

*Time.* The equation is solved in TT. TT becomes UTC with TAI−UTC from ERFA's leap-second table since 1972 (37 s frozen
after its last entry) and, before 1972, UT1 = TT − ΔT with the half-yearly table ``data/delta_t.csv``.
"""

from __future__ import annotations

import argparse
import base64
import csv
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
TABLE = TOOLS.parent / "src" / "cubekit_saju" / "_terms_table.py"

FIRST_YEAR, LAST_YEAR = 1899, 2101
TROPICAL_YEAR = 31_556_925
"""Seconds; the whole part only, residuals take the rest."""

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
    """Longitude from ERFA ``epv00``; TT stands for TDB (they differ by 2 ms at most, 8e-8 degrees of longitude)."""
    heliocentric, barycentric = erfa.epv00(jd_tt, 0.0)
    distance = np.linalg.norm(heliocentric["p"], axis=-1)
    earlier_heliocentric, earlier_barycentric = erfa.epv00(jd_tt, -distance * AU_LIGHT_DAYS)
    sun_then = earlier_barycentric["p"] - earlier_heliocentric["p"]
    return apparent_longitude(jd_tt, sun_then - barycentric["p"], barycentric["v"])


def de421_longitude() -> Longitude | None:
    """Longitude from JPL DE421 (1899–2053), or None when its packages are absent."""
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


def de405_longitude() -> Longitude | None:
    """Longitude from JPL DE405 (1600–2200), or None when its packages are absent."""
    if importlib.util.find_spec("jplephem") is None or importlib.util.find_spec("de405") is None:
        return None
    import de405
    from jplephem.ephem import Ephemeris

    ephemeris = Ephemeris(de405)

    def longitude(jd_tt: Vector) -> Vector:
        barycentre, barycentre_velocity = ephemeris.position_and_velocity("earthmoon", jd_tt)
        moon, moon_velocity = ephemeris.position_and_velocity("moon", jd_tt)
        earth = (barycentre - moon * ephemeris.earth_share) / AU_KM
        velocity = (barycentre_velocity - moon_velocity * ephemeris.earth_share) / AU_KM
        distance = np.linalg.norm(ephemeris.position("sun", jd_tt) / AU_KM - earth, axis=0)
        sun_then = ephemeris.position("sun", jd_tt - distance * AU_LIGHT_DAYS) / AU_KM
        return apparent_longitude(jd_tt, (sun_then - earth).T, velocity.T)

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


def unix_seconds(jd_tt: Vector) -> npt.NDArray[np.int64]:
    """UTC seconds since 1970, rounded up, so that ``birth >= term`` is exact for births in whole seconds."""
    return np.ceil((jd_tt - UNIX_EPOCH) * 86_400.0 - tt_minus_utc(jd_tt)).astype(np.int64)


def write_table(terms: npt.NDArray[np.int64]) -> None:
    """Write the table: a base instant per term, and per year the 16-bit rest after whole tropical years."""
    years = np.arange(FIRST_YEAR, LAST_YEAR + 1)
    rest = terms - (years[:, None] - 2000) * TROPICAL_YEAR
    base = (rest.min(axis=0) + rest.max(axis=0)) // 2
    residual = rest - base
    if np.abs(residual).max() > 32_767:
        raise SystemExit("a residual does not fit 16 bits: shorten the range or widen the field")
    packed = base64.b85encode(zlib.compress(residual.astype("<i2").tobytes(), 9)).decode("ascii")
    lines = "\n".join(f'    "{packed[at : at + 110]}"' for at in range(0, len(packed), 110))
    bases = "\n".join("    " + " ".join(f"{int(value)}," for value in base[at : at + 6]) for at in range(0, 24, 6))
    TABLE.write_text(
        f'''"""Solar terms {FIRST_YEAR}-{LAST_YEAR} as UTC seconds (rounded up); written by tools/generate_terms.py, do
        not edit.

Term k (0 = Sohan at 285 degrees) of year y is at BASE[k] + (y - 2000) * TROPICAL_YEAR + residual[y - FIRST_YEAR][k];
RESIDUALS holds the residuals as zlib-compressed little-endian signed 16-bit integers in base 85.
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


def report(name: str, longitude: Longitude | None, first_year: int, last_year: int) -> str:
    """One line: how far the ERFA instants are from those of another ephemeris, both in TT."""
    if longitude is None:
        return f"{name}: not installed, skipped"
    delta = (solve(erfa_longitude, first_year, last_year) - solve(longitude, first_year, last_year)).ravel() * 86_400.0
    size = np.abs(delta)
    return (
        f"ERFA - {name} {first_year}-{last_year}: {size.size} terms, max {size.max():.3f} s, "
        f"p99 {np.percentile(size, 99):.3f} s, rms {math.sqrt(float(np.mean(delta**2))):.3f} s"
    )


def main() -> None:
    """Write the table, or compare with other ephemerides."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--verify", action="store_true", help="compare with DE421 and DE405 instead of writing the table"
    )
    if parser.parse_args().verify:
        lines = (
            report("DE421", de421_longitude(), 1900, 2052),
            report("DE405", de405_longitude(), 1900, 2100),
            report("DE405", de405_longitude(), 1850, 1899),
            report("DE405", de405_longitude(), 2101, 2150),
        )
        print("\n".join(lines))  # noqa: T201 -- the tool's output
        return
    with warnings.catch_warnings():
        # epv00 warns outside 1900-2100; the edge years only bound the table, and --verify shows that they are as good.
        warnings.simplefilter("ignore", erfa.ErfaWarning)
        terms = solve(erfa_longitude, FIRST_YEAR, LAST_YEAR)
    write_table(unix_seconds(terms))


if __name__ == "__main__":
    main()
