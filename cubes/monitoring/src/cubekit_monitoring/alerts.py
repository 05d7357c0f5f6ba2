"""`Alerts`: evaluates rules against what is measured. An alert is pending, then fires, then is resolved."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Literal

from cubekit import Clock, Model
from opentelemetry.sdk.metrics.export import MetricsData

from cubekit_monitoring.readings import Labels, Readings, change, readings_of
from cubekit_monitoring.rules import Rule, Severity

__all__ = ["Alert", "Alerts"]

_MOST_SERIES = 1000
"""Sets of labels that one rule watches."""
_RESOLVED_KEPT = 100

State = Literal["pending", "firing", "resolved"]


class Alert(Model):
    """A rule that is met, or was, for one set of labels."""

    name: str
    state: State
    severity: Severity
    summary: str
    labels: dict[str, str]
    value: float
    """The last one that was compared with the threshold."""
    since: datetime
    """When this state began."""


@dataclass
class _Watch:
    """What is known of one rule."""

    rule: Rule
    history: deque[tuple[float, Readings]] = field(default_factory=deque)
    """As far back as the rule looks; the oldest first."""
    met_since: dict[Labels, float] = field(default_factory=dict)
    """On the clock's `monotonic`."""
    alerts: dict[Labels, Alert] = field(default_factory=dict)
    crowded: bool = False


class Alerts:
    """Watches rules.

    :param read: returns what is measured.
    :param tell: is told of every alert that fires or is resolved.
    """

    def __init__(
        self,
        rules: Sequence[Rule],
        read: Callable[[], Awaitable[MetricsData]],
        tell: Callable[[Alert], None],
        clock: Clock,
        log: logging.Logger,
    ) -> None:
        self._watches = [_Watch(rule) for rule in rules]
        self._read = read
        self._tell = tell
        self._clock = clock
        self._log = log
        self._resolved: deque[Alert] = deque(maxlen=_RESOLVED_KEPT)

    def current(self) -> list[Alert]:
        """Return what fires, what is pending and what was resolved last."""
        open_ones = [alert for watch in self._watches for alert in watch.alerts.values()]
        firing = [alert for alert in open_ones if alert.state == "firing"]
        return [*firing, *(alert for alert in open_ones if alert.state == "pending"), *reversed(self._resolved)]

    async def run(self, interval: float) -> None:
        """Evaluate the rules now and then, until cancelled."""
        while True:
            await self.evaluate()
            await self._clock.sleep(interval)

    async def evaluate(self) -> None:
        """Evaluate all rules once."""
        data, now = await self._read(), self._clock.monotonic()
        for watch in self._watches:
            watch.history.append((now, readings_of(data, watch.rule)))
            while len(watch.history) > 1 and watch.history[1][0] <= now - watch.rule.over:
                watch.history.popleft()
            self._judge(watch, now)

    def stop(self) -> None:
        """Resolve what fires: nobody watches it from now on, and the next life would not know of it."""
        watches, self._watches = self._watches, []
        for watch in watches:
            for alert in watch.alerts.values():
                if alert.state == "firing":
                    self._tell(self._changed(alert, "resolved", alert.value))

    def _judge(self, watch: _Watch, now: float) -> None:
        rule = watch.rule
        values = change(watch.history, rule.quantile)
        met = {labels: value for labels, value in values.items() if rule.is_met(value)}
        if len(met) > _MOST_SERIES:
            # Those that are open stay so: another one that begins is no reason to resolve them.
            met = dict(sorted(met.items(), key=lambda item: item[0] not in watch.alerts)[:_MOST_SERIES])
            if not watch.crowded:
                self._log.warning("rule %s is met by more than %d sets of labels at once", rule.name, _MOST_SERIES)
            watch.crowded = True
        for labels in watch.alerts.keys() - met.keys():
            del watch.met_since[labels]
            alert = watch.alerts.pop(labels)
            if alert.state == "firing":
                alert = self._changed(alert, "resolved", values.get(labels, alert.value))
                self._resolved.append(alert)
                self._tell(alert)
        for labels, value in met.items():
            since = watch.met_since.setdefault(labels, now)
            before = watch.alerts.get(labels) or self._new(rule, labels, value)
            if before.state == "pending" and now - since >= rule.lasting:
                watch.alerts[labels] = self._changed(before, "firing", value)
                self._tell(watch.alerts[labels])
            else:
                watch.alerts[labels] = before.model_copy(update={"value": value})

    def _new(self, rule: Rule, labels: Labels, value: float) -> Alert:
        return Alert(
            name=rule.name,
            state="pending",
            severity=rule.severity,
            summary=rule.summary,
            labels=dict(labels),
            value=value,
            since=self._now(),
        )

    def _changed(self, alert: Alert, state: State, value: float) -> Alert:
        return alert.model_copy(update={"state": state, "value": value, "since": self._now()})

    def _now(self) -> datetime:
        return datetime.fromtimestamp(self._clock.time(), UTC)
