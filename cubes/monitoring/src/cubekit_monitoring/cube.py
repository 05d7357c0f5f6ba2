"""`Monitoring`: the cube, and what it offers to operators and browsers."""

from __future__ import annotations

import logging
import os
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from datetime import datetime
from ipaddress import ip_address
from itertools import islice
from operator import attrgetter
from typing import Annotated, Any

import anyio
from anyio import to_thread
from cubekit import Cube, Health, Model, RateLimited, current_call, operation
from pydantic import Field, StringConstraints

from cubekit_monitoring import definitions
from cubekit_monitoring.alerts import Alert, Alerts
from cubekit_monitoring.config import Config, Level
from cubekit_monitoring.definitions import Points, observe
from cubekit_monitoring.exporting import Exporting, Queue
from cubekit_monitoring.failures import NoSuchCube, ScopeNeeded
from cubekit_monitoring.gpu import Gpus
from cubekit_monitoring.log_lines import LogLine
from cubekit_monitoring.logs import LogTap, levels_of, set_level
from cubekit_monitoring.otlp import Otlp
from cubekit_monitoring.process import ProcessFigures
from cubekit_monitoring.producer import Producer
from cubekit_monitoring.spans import SpanLine, SpanTap, read_span, size_of_span
from cubekit_monitoring.vitals import ClientReport, Vitals
from cubekit_monitoring.webhooks import Webhooks

__all__ = ["ExportState", "LevelSet", "Monitoring", "Overview"]

_LAST_EXPORT = 2.0
"""Seconds for what still waits when the cube stops."""
_LEVELS = {"info": logging.INFO, "warning": logging.WARNING, "critical": logging.ERROR}
"""At which the log is told of alerts, by severity."""

Limit = Annotated[int, Field(ge=1, le=1000)]
TraceId = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{32}$")]


class ExportState(Model):
    """How the export of one signal goes."""

    signal: str
    sent: int
    dropped: int
    failing_since: datetime | None
    """None while the collector takes everything."""


class Overview(Model):
    """How monitoring itself is."""

    exports: tuple[ExportState, ...]
    gpu: str
    log_lines: int
    log_bytes: int
    spans: int
    span_bytes: int


class LevelSet(Model):
    """From which level on a cube logs now."""

    cube: str
    level: str


class Monitoring(Cube[Config]):
    """Metrics, spans and logs of every cube: exported by OTLP, kept for operators, watched by alert rules."""

    def __init__(self) -> None:
        config = self.config
        self._client_may_be_forged = _others_may_forward()
        self._producer = Producer(self.telemetry, self.log)
        self._otlp = Otlp(config.export, self.telemetry.resource) if config.export.endpoint else None
        line_queue: Queue[LogLine] = Queue(
            config.export.queue, config.export.batch, config.export.queue_size, attrgetter("size")
        )
        span_queue: Queue[Any] = Queue(config.export.queue, config.export.batch, config.export.queue_size, size_of_span)
        self._exports: dict[str, Exporting[Any]] = {}
        if self._otlp is not None:
            for signal, source, send in (
                ("metrics", self._producer, self._otlp.send_metrics),
                ("spans", span_queue, self._otlp.send_spans),
                ("logs", line_queue, self._otlp.send_logs),
            ):
                if signal in config.export.signals:
                    self._exports[signal] = Exporting(signal, source, send, self.clock, self.log)
        self._lines = LogTap(config.logs, line_queue.add if "logs" in self._exports else None)
        self._spans = SpanTap(config.spans, span_queue.add if "spans" in self._exports else None)
        self._process = ProcessFigures(self.meter, self.clock)
        self._gpus = Gpus(self.meter, self.clock)
        self._vitals = Vitals(config.vitals, self.meter, self.clock, self.log)
        self._alerts = Alerts(config.alerts.all_rules(), self._producer.read, self._tell, self.clock, self.log)
        self._webhooks = Webhooks(config.alerts.webhooks, self.telemetry.service, self.clock, self.log)
        observe(self.meter, definitions.EXPORT_ITEMS, self._exported)
        observe(self.meter, definitions.EXPORT_FAILING, self._failing)
        observe(self.meter, definitions.ALERTS_FIRING, self._firing)

    @asynccontextmanager
    async def lifespan(self) -> AsyncIterator[None]:
        """Listen while the cube lives, and send what is left at the end."""
        known = self.telemetry.instances
        if unknown := self.config.logs.levels.keys() - set(known):
            found = ", ".join(sorted(unknown))
            raise ValueError(
                f"config.logs.levels names {found}; this service has no such cube, only {', '.join(known)}"
            )
        await self._producer.prepare()
        async with self._collector():
            await anyio.lowlevel.checkpoint_if_cancelled()  # threads are waited for: who is cancelled begins nothing
            with self._listening():
                self.tasks.start_soon(self._process.read)
                self.tasks.start_soon(self._alerts.run, self.config.alerts.interval)
                self.tasks.start_soon(self._webhooks.run)
                if self.config.gpu:
                    self.tasks.start_soon(self._gpus.run)
                for export in self._exports.values():
                    self.tasks.start_soon(export.run, self.config.export.interval)
                try:
                    yield
                finally:
                    self._alerts.stop()
                    with anyio.move_on_after(_LAST_EXPORT, shield=True):
                        await self._webhooks.finish()
            with anyio.move_on_after(_LAST_EXPORT):
                async with anyio.create_task_group() as tasks:
                    for export in self._exports.values():
                        tasks.start_soon(export.finish)

    async def health_check(self) -> Health:
        """Warn while the collector takes nothing."""
        failing = [export.signal for export in self._exports.values() if export.failing_since is not None]
        observed: dict[str, str | int] = {
            "gpu": self._gpus.state,
            "alerts": sum(alert.state == "firing" for alert in self._alerts.current()),
        }
        if failing:
            return Health("warn", f"the collector takes no {', '.join(failing)}", observed)
        return Health(observed=observed)

    @operation(http="POST client", errors=(RateLimited,))
    async def client(self, report: ClientReport) -> None:
        """Take what a browser has measured of a page: its web vitals."""
        self._vitals.take(report, current_call())

    @operation(http="GET logs", errors=(ScopeNeeded,))
    async def logs(
        self, cube: str | None = None, level: Level = "debug", trace: TraceId | None = None, limit: Limit = 100
    ) -> tuple[LogLine, ...]:
        """Return the newest log lines, the newest first."""
        self._authorise()
        least = logging.getLevelName(level.upper())
        chosen = (
            line
            for line in self._lines.kept
            if (cube is None or line.cube == cube)
            and (trace is None or line.trace_id == trace)
            and logging.getLevelNamesMapping().get(line.level.upper(), least) >= least
        )
        return tuple(islice(chosen, limit))

    @operation(http="GET spans", errors=(ScopeNeeded,))
    async def spans(
        self, cube: str | None = None, trace: TraceId | None = None, limit: Limit = 100
    ) -> tuple[SpanLine, ...]:
        """Return the newest spans of sampled calls, the newest first."""
        self._authorise()
        lines = map(read_span, self._spans.kept)
        chosen = (
            line
            for line in lines
            if (cube is None or line.name.startswith(f"{cube}.")) and (trace is None or line.trace_id == trace)
        )
        return tuple(islice(chosen, limit))

    @operation(http="GET alerts", errors=(ScopeNeeded,))
    async def alerts(self) -> tuple[Alert, ...]:
        """Return the alerts: firing, pending, and resolved last."""
        self._authorise()
        return tuple(self._alerts.current())

    @operation(http="GET levels", errors=(ScopeNeeded,))
    async def levels(self) -> dict[str, str]:
        """Return from which level on each cube logs."""
        self._authorise()
        return levels_of(self.telemetry.instances)

    @operation(http="PUT levels/{cube}", errors=(ScopeNeeded, NoSuchCube), idempotent=True)
    async def set_level(self, cube: str, level: Level) -> LevelSet:
        """Let a cube log from a level on, until this cube stops."""
        self._authorise()
        self._known(cube)
        set_level(cube, level)
        return LevelSet(cube=cube, level=level)

    @operation(http="GET overview", errors=(ScopeNeeded,))
    async def overview(self) -> Overview:
        """Return how monitoring itself is: what was exported and lost, what is kept, whether there is a GPU."""
        self._authorise()
        return Overview(
            exports=tuple(
                ExportState(
                    signal=export.signal, sent=export.sent, dropped=export.dropped, failing_since=export.failing_since
                )
                for export in self._exports.values()
            ),
            gpu=self._gpus.state,
            log_lines=len(self._lines.kept),
            log_bytes=self._lines.kept.size,
            spans=len(self._spans.kept),
            span_bytes=self._spans.kept.size,
        )

    def _authorise(self) -> None:
        """Admit who holds the scope, and who calls from this process or machine.

        :raises ScopeNeeded: if it is somebody else.
        """
        context = current_call()
        local = context.client is None or (_is_loopback(context.client) and not self._client_may_be_forged)
        if not local and self.config.scope not in context.caller.scopes:
            raise ScopeNeeded(scope=self.config.scope)

    def _known(self, instance: str) -> None:
        if instance not in self.telemetry.instances:
            known = ", ".join(self.telemetry.instances)
            raise NoSuchCube(cube=instance, known=known)

    def _tell(self, alert: Alert) -> None:
        level = _LEVELS[alert.severity] if alert.state == "firing" else logging.INFO
        labels = ", ".join(f"{name}={value}" for name, value in alert.labels.items())
        summary = f": {alert.summary}" if alert.summary else ""
        self.log.log(level, "alert %s %s at %g (%s)%s", alert.name, alert.state, alert.value, labels, summary)
        self._webhooks.tell(alert)

    def _exported(self) -> Points:
        for export in self._exports.values():
            yield (export.signal, "sent"), export.sent
            yield (export.signal, "dropped"), export.dropped

    def _failing(self) -> Points:
        return [((export.signal,), int(export.failing_since is not None)) for export in self._exports.values()]

    def _firing(self) -> Points:
        firing = [alert for alert in self._alerts.current() if alert.state == "firing"]
        kinds = {(alert.name, alert.severity) for alert in firing}
        return [(kind, sum((alert.name, alert.severity) == kind for alert in firing)) for kind in kinds]

    @asynccontextmanager
    async def _collector(self) -> AsyncIterator[None]:
        """Be ready to export, however the cube ends."""
        if self._otlp is None:
            yield
            return
        await to_thread.run_sync(self._otlp.open)
        try:
            yield
        finally:
            with anyio.CancelScope(shield=True):
                await to_thread.run_sync(self._otlp.close)

    @contextmanager
    def _listening(self) -> Iterator[None]:
        with self._lines.listening(), self._process.watching_gc(), self.telemetry.recording(self._spans):
            yield


def _is_loopback(address: str) -> bool:
    try:
        return ip_address(address).is_loopback
    except ValueError:  # a name, or the path of a unix socket
        return False


def _others_may_forward() -> bool:
    """Whether a caller on another machine may say in ``X-Forwarded-For`` where it is.

    A cube does not see the socket's peer. The server believes the header of those in ``FORWARDED_ALLOW_IPS``.
    """
    trusted = os.environ.get("FORWARDED_ALLOW_IPS", "127.0.0.1").split(",")
    return not all(_is_loopback(address.strip()) for address in trusted if address.strip())
