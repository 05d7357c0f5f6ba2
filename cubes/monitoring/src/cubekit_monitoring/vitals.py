"""`Vitals`: what browsers measure of pages, within bounds: anybody may send it."""

from __future__ import annotations

import logging
from typing import Annotated, Literal

from cubekit import CallContext, Clock, Model
from cubekit.runtime.rate import RateLimiter
from opentelemetry.metrics import Meter
from pydantic import Field, StringConstraints

from cubekit_monitoring import config, definitions
from cubekit_monitoring.definitions import make_histogram

__all__ = ["ClientReport", "Vital", "Vitals"]

_SECONDS = (0.025, 0.05, 0.1, 0.2, 0.35, 0.5, 0.8, 1.0, 1.2, 1.5, 1.8, 2.0, 2.5, 3.0, 4.0, 6.0, 10.0, 30.0, 60.0)
_SHIFTS = (0.01, 0.025, 0.05, 0.1, 0.15, 0.25, 0.5, 1.0, 2.5)
_OTHERS = "(other)"


class Vital(Model):
    """One measurement, as Google's library ``web-vitals`` reports it."""

    name: Literal["CLS", "FCP", "FID", "INP", "LCP", "TTFB"]
    value: float = Field(ge=0, le=3_600_000, allow_inf_nan=False)
    """Milliseconds; of ``CLS`` a plain number."""


class ClientReport(Model):
    """What a browser has measured of one page."""

    page: Annotated[str, StringConstraints(pattern=r"^/[^\s?#]*$", max_length=200)]
    """Its path, without query and fragment."""
    vitals: tuple[Vital, ...] = Field(min_length=1, max_length=32)


class Vitals:
    """Measures with a meter what is reported."""

    def __init__(self, limits: config.Vitals, meter: Meter, clock: Clock, log: logging.Logger) -> None:
        self._limits = limits
        self._log = log
        self._pages: set[str] = set()
        self._client = RateLimiter(*limits.rate, clock)
        self._total = RateLimiter(*limits.total, clock)
        self._times = make_histogram(meter, definitions.WEB_VITAL_TIME, _SECONDS)
        self._shifts = make_histogram(meter, definitions.WEB_VITAL_SHIFT, _SHIFTS)

    def take(self, report: ClientReport, context: CallContext) -> None:
        """Measure a report.

        :raises RateLimited: if this client, or all of them together, report too much.
        """
        self._client.admit(context)
        self._total.admit(CallContext(trace_id=context.trace_id))
        page = self._known(report.page)
        for vital in report.vitals:
            if vital.name == "CLS":
                self._shifts.record(vital.value, {"page": page})
            else:
                self._times.record(vital.value / 1000, {"name": vital.name, "page": page})

    def _known(self, page: str) -> str:
        if page in self._pages:
            return page
        if len(self._pages) < self._limits.pages:
            self._pages.add(page)
            return page
        if _OTHERS not in self._pages:
            self._pages.add(_OTHERS)
            self._log.warning(
                "browsers report more than %d pages; further ones are added up as %s (config.vitals.pages)",
                self._limits.pages,
                _OTHERS,
            )
        return _OTHERS
