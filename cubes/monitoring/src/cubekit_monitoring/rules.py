"""`Rule`: what an alert looks at and when it fires, as data. The cube evaluates it, and Prometheus can as well."""

from __future__ import annotations

import json
from difflib import get_close_matches
from typing import Annotated, Literal

from cubekit import MetricDefinition, MetricKind
from cubekit.authoring.telemetry import prometheus_name
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationInfo, field_validator, model_validator

from cubekit_monitoring.definitions import ALL
from cubekit_monitoring.quantities import Delay, Duration

__all__ = ["STANDARD_RULES", "Rule", "Severity"]

Severity = Literal["info", "warning", "critical"]
_Name = Annotated[str, StringConstraints(pattern=r"^[A-Za-z][A-Za-z0-9_]{0,99}$")]


class Rule(BaseModel):
    """Fires when a value has been above or below a threshold for some time; each set of labels for itself.

    Of a gauge the value is compared, of a counter its growth per second, of a histogram a quantile.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, validate_by_name=True)

    name: _Name
    meter: str | None = None
    """The instance whose own metric it is, which it has made with ``self.meter``; what kind of metric that is, is known
    only while it runs. None for a metric of the runtime or of this cube."""
    metric: str
    """OpenTelemetry's name."""
    where: dict[str, str] = {}
    """Labels that must have these values."""
    above: float | None = Field(default=None, allow_inf_nan=False)
    below: float | None = Field(default=None, allow_inf_nan=False)
    quantile: float = Field(default=0.99, gt=0, lt=1)
    """Of a histogram."""
    over: Duration = 120.0
    """The time that growth and quantiles are about. For Prometheus, at least four times as long as between scrapes."""
    lasting: Delay = Field(default=0.0, validation_alias="for")
    """How long the condition must hold before the alert fires."""
    severity: Severity = "warning"
    summary: str = Field(default="", max_length=500)
    """What it means, for whoever is told."""

    @field_validator("metric")
    @classmethod
    def _is_known(cls, metric: str, info: ValidationInfo) -> str:
        if info.data.get("meter") is None and metric not in ALL:
            close = get_close_matches(metric, ALL, n=1)
            meant = f'"{close[0]}" is meant?' if close else f"known are {', '.join(ALL)}."
            raise ValueError(
                f'a known metric, and "{metric}" is none; {meant} For a metric that a cube makes itself, say which:'
                ' meter = "INSTANCE"'
            )
        return metric

    @field_validator("where")
    @classmethod
    def _are_labels(cls, where: dict[str, str], info: ValidationInfo) -> dict[str, str]:
        known = ALL.get(info.data.get("metric", ""))
        if known is not None and info.data.get("meter") is None and (unknown := where.keys() - set(known.labels)):
            labels = ", ".join(known.labels) or "none"
            raise ValueError(f"labels of {known.name}, which are: {labels}; not {', '.join(sorted(unknown))}")
        return where

    @model_validator(mode="after")
    def _has_one_threshold(self) -> Rule:
        if (self.above is None) == (self.below is None):
            raise ValueError("either `above` or `below`, with the value that is the threshold")
        return self

    @property
    def definition(self) -> MetricDefinition | None:
        """The metric; None for one that a cube makes itself."""
        return ALL[self.metric] if self.meter is None else None

    def is_met(self, value: float) -> bool:
        """Whether a value is on the wrong side of the threshold. NaN never is."""
        return value > self.above if self.above is not None else value < (self.below or 0.0)

    def expression(self) -> str:
        """Return the condition in PromQL.

        :raises ValueError: for a metric of a cube's own, as it is not known what kind it is.
        """
        definition = self.definition
        if definition is None:
            raise ValueError(f"rule {self.name} is about a metric of the cube {self.meter}, whose kind is not known")
        labels = [f"{prometheus_name(label)}={json.dumps(value)}" for label, value in self.where.items()]
        chosen = f"{{{', '.join(labels)}}}" if labels else ""
        name, window = definition.prometheus, f"[{self.over:.0f}s]"
        match definition.kind:
            case MetricKind.COUNTER:
                value = f"rate({name}_total{chosen}{window})"
            case MetricKind.HISTOGRAM:
                value = f"histogram_quantile({self.quantile:g}, rate({name}_bucket{chosen}{window}))"
            case MetricKind.GAUGE:
                value = name + chosen
        return f"{value} > {self.above:g}" if self.above is not None else f"{value} < {self.below:g}"


STANDARD_RULES = (
    Rule(
        name="CubeNotRunning",
        metric="cubekit.cube.state",
        where={"state": "running"},
        below=1,
        lasting=60,
        severity="critical",
        summary="A cube has not been running for a minute.",
    ),
    Rule(
        name="CubeUnhealthy",
        metric="cubekit.cube.health",
        where={"status": "fail"},
        above=0,
        lasting=60,
        summary="The health of a cube has been failing for a minute; /health says why.",
    ),
    Rule(
        name="CubeRestarts",
        metric="cubekit.cube.restarts",
        above=0,
        over=300,
        summary="A cube has crashed within the last five minutes and was restarted.",
    ),
    Rule(
        name="MistakesOfTheService",
        metric="cubekit.operation.calls",
        where={"outcome": "INTERNAL"},
        above=0,
        summary="Calls fail because the service makes a mistake; its log says which.",
    ),
    Rule(
        name="SlowOperation",
        metric="cubekit.operation.duration",
        above=10,
        over=300,
        lasting=300,
        summary="One call in a hundred takes longer than ten seconds.",
    ),
    Rule(
        name="BreakerOpen",
        metric="cubekit.operation.breaker_open",
        above=0,
        lasting=60,
        summary="A breaker has refused calls for a minute.",
    ),
    Rule(
        name="EventsDropped",
        metric="cubekit.events.dropped",
        above=0,
        summary="A listener does not keep up with the events and loses some.",
    ),
    Rule(
        name="EventLoopBlocked",
        metric="cubekit.event_loop.blocks",
        above=0,
        summary="Something has held up the event loop, and with it every call; the log of the watchdog names the line.",
    ),
    Rule(
        name="ExportFailing",
        metric="cubekit.export.failing",
        above=0,
        lasting=300,
        summary="The collector has taken nothing for five minutes; what waits for it is bounded, and the oldest goes.",
    ),
)
"""Rules that fit any service."""
