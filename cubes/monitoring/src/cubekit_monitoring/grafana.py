"""`dashboard`: a Grafana dashboard of every metric, made from the definitions."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby
from typing import Any

from cubekit import MetricDefinition, MetricKind
from cubekit.authoring.telemetry import BUILD_INFO, prometheus_name

from cubekit_monitoring.definitions import ALL

__all__ = ["dashboard", "queries"]

_UNITS = {"s": "s", "By": "bytes", "1": "percentunit", "Cel": "celsius"}
_SOURCE = {"type": "prometheus", "uid": "${source}"}
_WIDTH, _HEIGHT, _COLUMNS = 8, 8, 24


def dashboard() -> dict[str, Any]:
    """Return the dashboard in Grafana's form."""
    return {
        "title": "cubekit service",
        "uid": "cubekit-service",
        "tags": ["cubekit"],
        "schemaVersion": 39,
        "time": {"from": "now-1h", "to": "now"},
        "refresh": "10s",
        "templating": {
            "list": [
                {"name": "source", "type": "datasource", "query": "prometheus", "label": "Data source"},
                {
                    "name": "job",
                    "type": "query",
                    "datasource": _SOURCE,
                    "query": f"label_values({BUILD_INFO.prometheus}, job)",
                    "refresh": 1,
                    "includeAll": True,
                    "multi": True,
                },
            ]
        },
        "panels": list(_panels()),
    }


def queries(definition: MetricDefinition) -> list[tuple[str, str]]:
    """Return what a panel shows of a metric: legends, and expressions in PromQL."""
    labels = [prometheus_name(label) for label in definition.labels]
    legend = " ".join(f"{{{{{label}}}}}" for label in labels)
    chosen, by = '{job=~"$job"}', ", ".join(["job", *labels])
    name = definition.prometheus
    match definition.kind:
        case MetricKind.COUNTER:
            return [(legend, f"sum by ({by}) (rate({name}_total{chosen}[$__rate_interval]))")]
        case MetricKind.GAUGE:
            return [(legend, f"sum by ({by}) ({name}{chosen})")]
        case MetricKind.HISTOGRAM:
            grown = f"sum by ({by}, le) (rate({name}_bucket{chosen}[$__rate_interval]))"
            shares = ((0.5, "p50"), (0.95, "p95"), (0.99, "p99"))
            return [(f"{short} {legend}".strip(), f"histogram_quantile({share}, {grown})") for share, short in shares]


def _panels() -> Iterator[dict[str, Any]]:
    number, top = 0, 0
    for area, definitions in groupby(ALL.values(), key=_area):
        number += 1
        yield {"id": number, "type": "row", "title": area, "gridPos": {"x": 0, "y": top, "w": _COLUMNS, "h": 1}}
        top += 1
        left = 0
        for definition in definitions:
            if left == _COLUMNS:
                left, top = 0, top + _HEIGHT
            number += 1
            yield {
                "id": number,
                "type": "timeseries",
                "title": definition.description,
                "description": definition.name,
                "datasource": _SOURCE,
                "gridPos": {"x": left, "y": top, "w": _WIDTH, "h": _HEIGHT},
                "fieldConfig": {"defaults": {"unit": _unit(definition), "min": 0}, "overrides": []},
                "targets": [
                    {"refId": chr(ord("A") + index), "datasource": _SOURCE, "expr": expression, "legendFormat": legend}
                    for index, (legend, expression) in enumerate(queries(definition))
                ],
            }
            left += _WIDTH
        top += _HEIGHT


def _area(definition: MetricDefinition) -> str:
    """The first part of a name, and for what cubekit itself measures the second."""
    parts = definition.name.split(".")
    return " ".join(parts[:2] if parts[0] == "cubekit" else parts[:1])


def _unit(definition: MetricDefinition) -> str:
    if definition.kind is MetricKind.COUNTER:
        return "percentunit" if definition.unit == "s" else "cps"  # seconds a second are a share
    return _UNITS.get(definition.unit, "short")
