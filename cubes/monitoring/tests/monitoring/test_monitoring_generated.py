"""What is generated from the definitions, held against Prometheus' own tool and against a running service."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import anyio
import pytest
from cubekit import MetricKind
from cubekit.testing import http_client

from cubekit_monitoring.definitions import ALL
from cubekit_monitoring.grafana import dashboard
from cubekit_monitoring.prometheus import rule_file
from cubekit_monitoring.rules import Rule

from .services import monitored

RULES = """
rule_files: [rules.yml]
evaluation_interval: 30s
tests:
  - interval: 30s
    input_series:
      - series: 'cubekit_cube_state{instance="saju",cube="saju-calculation",colour="feature",state="running"}'
        values: 1 1 0x10
      - series: cubekit_operation_calls_total{instance="saju",operation="calculate",outcome="INTERNAL"}
        values: 0x5 3 3 3 3x20
    alert_rule_test:
      - {eval_time: 90s, alertname: CubeNotRunning, exp_alerts: []}
      - eval_time: 2m
        alertname: CubeNotRunning
        exp_alerts:
          - exp_labels: {severity: critical, instance: saju, cube: saju-calculation, colour: feature, state: running}
            exp_annotations: {summary: A cube has not been running for a minute.}
      - {eval_time: 2m, alertname: MistakesOfTheService, exp_alerts: []}
      - eval_time: 4m
        alertname: MistakesOfTheService
        exp_alerts:
          - exp_labels: {severity: warning, instance: saju, operation: calculate, outcome: INTERNAL}
            exp_annotations: {summary: 'Calls fail because the service makes a mistake; its log says which.'}
      - {eval_time: 10m, alertname: MistakesOfTheService, exp_alerts: []}
"""


def promtool(directory: Path, *arguments: str) -> str:
    if shutil.which("promtool") is None:
        missing = "promtool is not installed: apt install prometheus"
        pytest.fail(missing) if os.environ.get("CUBEKIT_TEST_REQUIRE") == "all" else pytest.skip(missing)
    done = subprocess.run(["promtool", *arguments], cwd=directory, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def written(what: str) -> str:
    return subprocess.run(
        [sys.executable, "-m", "cubekit_monitoring", what], capture_output=True, text=True, check=True
    ).stdout


def test_prometheus_accepts_the_rules_and_they_fire_when_they_should(tmp_path: Path) -> None:
    (tmp_path / "rules.yml").write_text(written("rules"))
    (tmp_path / "tests.yml").write_text(RULES)
    assert "SUCCESS" in promtool(tmp_path, "check", "rules", "rules.yml")
    promtool(tmp_path, "test", "rules", "tests.yml")


def test_prometheus_accepts_every_kind_of_rule(tmp_path: Path) -> None:
    rules = (
        Rule(name="Quotes", metric="cubekit.cube.state", where={"instance": 'a "b" \\'}, above=1, summary="‘’ \" '"),
        Rule(name="Small", metric="process.memory.usage", below=1e-9, lasting=3600),
        Rule(name="Gpu", metric="hw.gpu.temperature", where={"hw.id": "GPU-1"}, above=90),
        Rule(name="Vitals", metric="browser.web_vital.duration", where={"name": "LCP"}, quantile=0.75, above=2.5),
    )
    (tmp_path / "rules.yml").write_text(rule_file(rules))
    assert "4 rules found" in promtool(tmp_path, "check", "rules", "rules.yml")


def test_a_rule_about_a_metric_of_unknown_kind_cannot_be_written() -> None:
    with pytest.raises(ValueError, match=r"rule Sales .* of the cube shop"):
        rule_file([Rule(name="Sales", meter="shop", metric="shop.sold", below=1)])


SERVICE = """
[service]
name = "shop"
[cubes.monitoring]
use = "monitoring"
config.alerts.standard = false
[[cubes.monitoring.config.alerts.rules]]
name = "Stalled"
metric = "cubekit.events.published"
below = 0.1
for = "5m"
[[cubes.monitoring.config.alerts.rules]]
name = "Sales"
meter = "shop"
metric = "shop.sold"
below = 1
"""


def test_the_rules_of_a_service(tmp_path: Path) -> None:
    (tmp_path / "service.toml").write_text(SERVICE)
    command = [sys.executable, "-m", "cubekit_monitoring", "rules", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "left out: Sales" in done.stderr
    (tmp_path / "rules.yml").write_text(done.stdout)
    assert "1 rules found" in promtool(tmp_path, "check", "rules", "rules.yml")
    (tmp_path / "service.toml").write_text(SERVICE.replace("published", "publshed"))
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "[CK104]" in done.stderr


def test_every_query_of_the_dashboard_is_promql(tmp_path: Path) -> None:
    panels = [panel for panel in json.loads(written("dashboard"))["panels"] if panel["type"] != "row"]
    assert {panel["description"] for panel in panels} == set(ALL)
    queries = [target["expr"] for panel in panels for target in panel["targets"]]
    rules = [
        {"record": f"query:{number}", "expr": query.replace("$__rate_interval", "5m").replace("$job", ".+")}
        for number, query in enumerate(queries)
    ]
    (tmp_path / "rules.yml").write_text(json.dumps({"groups": [{"name": "dashboard", "rules": rules}]}))
    assert f"{len(queries)} rules found" in promtool(tmp_path, "check", "rules", "rules.yml")


def test_panels_do_not_overlap() -> None:
    taken: set[tuple[int, int]] = set()
    for panel in dashboard()["panels"]:
        place = panel["gridPos"]
        cells = {(place["x"] + x, place["y"] + y) for x in range(place["w"]) for y in range(place["h"])}
        assert not cells & taken
        assert place["x"] + place["w"] <= 24
        taken |= cells
    numbers = [panel["id"] for panel in dashboard()["panels"]]
    assert len(numbers) == len(set(numbers))


@pytest.mark.anyio
async def test_what_is_generated_names_what_a_service_exposes() -> None:
    config: dict[str, Any] = {"export": {"endpoint": "http://127.0.0.1:9"}}
    async with monitored(**config) as service, http_client(service) as client:
        await service.call("shop.sell")
        report = {"page": "/", "vitals": [{"name": "CLS", "value": 0.1}, {"name": "LCP", "value": 900}]}
        await client.post("/api/v1/metrics/client", json=report)
        with anyio.fail_after(20):
            while "process_memory" not in (text := (await client.get("/metrics")).text):
                pass  # the process is read in a thread
    rare = {"cubekit.gc.pause", "cubekit.alerts.firing"}  # nothing may have happened yet
    for definition in ALL.values():
        if definition.name not in rare and not definition.name.startswith("hw."):
            ending = "_total" if definition.kind is MetricKind.COUNTER else ""
            assert f"\n# TYPE {definition.prometheus}{ending} {definition.kind}\n" in text
