"""The chart of a birth, as the library gives it out."""

from __future__ import annotations

from typing import cast

from cubekit_saju._analysis.chart import calculate_shared
from cubekit_saju._analysis.copying import fresh
from cubekit_saju._analysis.settings import settings_of
from cubekit_saju._birth import Birth
from cubekit_saju.results.chart import Chart


def calculate(birth: Birth, *, shared: bool = False) -> Chart:
    """Return the chart of a birth.

    :param shared: let the chart share parts with other charts, which is faster; it must not be changed then.
    :raises SajuError: if there was no such date or time, or if it is not covered; the error names the field.
    """
    chart = calculate_shared(birth, settings_of(birth.options))
    return chart if shared else cast(Chart, fresh(chart))
