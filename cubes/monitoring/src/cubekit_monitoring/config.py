"""The configuration of the cube."""

from __future__ import annotations

from importlib.util import find_spec
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, HttpUrl, SecretStr, field_validator

from cubekit_monitoring.quantities import Duration, Rate, Size
from cubekit_monitoring.rules import STANDARD_RULES, Rule

__all__ = ["Alerts", "Config", "Export", "Level", "Logs", "Vitals", "Webhook"]


def _lower(value: Any) -> Any:
    return value.lower() if isinstance(value, str) else value


Level = Annotated[Literal["debug", "info", "warning", "error", "critical"], BeforeValidator(_lower)]


def _sendable(value: SecretStr) -> SecretStr:
    text = value.get_secret_value()
    if not (text.isascii() and text.isprintable()):
        raise ValueError("a header of printable ASCII characters")
    return value


HeaderValue = Annotated[SecretStr, AfterValidator(_sendable)]


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Export(_Section):
    """Where metrics, spans and logs are sent, by OTLP."""

    endpoint: HttpUrl | None = None
    """Of the collector, without a path: ``http://127.0.0.1:4318``. None exports nothing."""
    protocol: Literal["http", "grpc"] = "http"
    signals: frozenset[Literal["metrics", "spans", "logs"]] = frozenset({"metrics", "spans", "logs"})
    headers: dict[str, HeaderValue] = {}
    """Sent along with every export."""
    interval: Duration = 5.0
    """Between two exports of a signal."""
    timeout: Duration = 5.0
    """Of one try."""
    queue: int = Field(default=2048, ge=1, le=1_000_000)
    """Spans, and log lines, that wait at most; then the oldest go."""
    queue_size: Size = 16 << 20
    """Bytes of them, of each kind."""
    batch: int = Field(default=512, ge=1)
    """The most that go at once."""

    @field_validator("protocol")
    @classmethod
    def _is_installed(cls, protocol: str) -> str:
        if protocol == "grpc" and find_spec("opentelemetry.exporter.otlp.proto.grpc") is None:
            raise ValueError("the extra for grpc, which is not installed: pip install 'cubekit-monitoring[grpc]'")
        return protocol


class Logs(_Section):
    """What becomes of log lines."""

    format: Literal["human", "json", "unchanged"] = "human"
    """Of the lines on the console."""
    levels: dict[str, Level] = {}
    """For a cube's instance, from which level on it logs; by default what ``cubekit up --log-level`` says."""
    keep: int = Field(default=1000, ge=1)
    """Lines that the operation ``logs`` can return, and ``keep_size`` bytes of them."""
    keep_size: Size = 4 << 20


class Spans(_Section):
    """What becomes of the spans of sampled calls."""

    keep: int = Field(default=1000, ge=1)
    """Spans that the operation ``spans`` can return, and ``keep_size`` bytes of them."""
    keep_size: Size = 4 << 20


class Webhook(_Section):
    """Somebody who is told of alerts by HTTP."""

    url: HttpUrl
    headers: dict[str, HeaderValue] = {}
    severities: frozenset[Literal["info", "warning", "critical"]] = frozenset({"info", "warning", "critical"})
    timeout: Duration = 5.0
    tries: int = Field(default=5, ge=1, le=100)


class Alerts(_Section):
    """Rules, and who is told. The log is told anyway."""

    standard: bool = True
    """Whether the rules that fit any service apply."""
    interval: Duration = 15.0
    """Between two evaluations."""
    rules: tuple[Rule, ...] = ()
    webhooks: tuple[Webhook, ...] = ()

    @field_validator("rules")
    @classmethod
    def _have_names_of_their_own(cls, rules: tuple[Rule, ...]) -> tuple[Rule, ...]:
        names = [rule.name for rule in rules]
        if twice := {name for name in names if names.count(name) > 1}:
            raise ValueError(f"a name of its own for each rule; more than one is called {', '.join(sorted(twice))}")
        return rules

    def all_rules(self) -> tuple[Rule, ...]:
        """Return the rules that apply. One takes the place of the standard rule of the same name."""
        names = {rule.name for rule in self.rules}
        standard = [rule for rule in STANDARD_RULES if rule.name not in names] if self.standard else []
        return (*standard, *self.rules)


class Vitals(_Section):
    """What browsers may report."""

    rate: Rate = (60, 60.0)
    """Reports of one client."""
    total: Rate = (200, 1.0)
    """Reports of all clients."""
    pages: int = Field(default=100, ge=1, le=1000)
    """Pages that are told apart; the others are one."""


class Config(_Section):
    """Configuration of the cube."""

    export: Export = Export()
    logs: Logs = Logs()
    spans: Spans = Spans()
    alerts: Alerts = Alerts()
    vitals: Vitals = Vitals()
    scope: str = "monitoring"
    """Who holds it may read logs, spans and alerts, and set levels; and so may whoever calls from this machine."""
    gpu: bool = True
    """Whether GPUs are looked for."""
