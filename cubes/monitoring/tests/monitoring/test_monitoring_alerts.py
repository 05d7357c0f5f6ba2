"""Alert rules: from pending through firing to resolved, and who is told."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import anyio
import pytest
from anyio import to_thread
from cubekit import Health, Internal, operation
from cubekit.composition.compose import compose
from cubekit.ground.diagnostics import CubekitError
from cubekit.runtime.service import Service
from cubekit.testing import ControlledClock, Part, compose_parts, running

from .receiver import Receiver
from .services import Shop, monitored, parts, settled

pytestmark = pytest.mark.anyio

STOCK_LOW = {
    "name": "StockLow",
    "meter": "shop",
    "metric": "shop.stock",
    "below": 10,
    "for": "60s",
    "severity": "critical",
    "summary": "Buy hats.",
}


class Warehouse(Shop):
    async def start(self) -> None:
        await super().start()
        self.stock = self.meter.create_gauge("shop.stock")

    @operation
    async def count(self, hats: float) -> None:
        self.stock.set(hats, {"item": "hat"})


def warehouse(**alerts: Any) -> dict[str, Part]:
    config = {"alerts": {"standard": False, "interval": "15s", **alerts}}
    return {**parts(**config), "shop": Part(Warehouse)}


async def states(service: Service) -> list[tuple[str, str]]:
    return [(alert.name, alert.state) for alert in await service.call("monitoring.alerts")]


async def test_pending_then_firing_then_resolved(caplog: pytest.LogCaptureFixture) -> None:
    clock = ControlledClock()
    async with running(warehouse(rules=[STOCK_LOW]), clock=clock) as service:
        await settled(clock)
        await service.call("shop.count", hats=12)
        await clock.advance(15)
        assert await states(service) == []
        await service.call("shop.count", hats=9)
        await clock.advance(15)
        assert await states(service) == [("StockLow", "pending")]
        for _ in range(3):
            await clock.advance(15)
            assert await states(service) == [("StockLow", "pending")]
        assert "StockLow" not in caplog.text, "nobody is told of what is pending"
        await clock.advance(15)
        (alert,) = await service.call("monitoring.alerts")
        assert (alert.state, alert.value, alert.labels) == ("firing", 9, {"item": "hat"})
        await service.call("shop.count", hats=20)
        await clock.advance(15)
        assert await states(service) == [("StockLow", "resolved")]
    told = [r for r in caplog.records if "StockLow" in r.getMessage()]
    assert [(record.levelname, record.getMessage()) for record in told] == [
        ("ERROR", "alert StockLow firing at 9 (item=hat): Buy hats."),
        ("INFO", "alert StockLow resolved at 20 (item=hat): Buy hats."),
    ]


async def test_a_condition_that_does_not_last_is_forgotten(caplog: pytest.LogCaptureFixture) -> None:
    clock = ControlledClock()
    async with running(warehouse(rules=[STOCK_LOW]), clock=clock) as service:
        await settled(clock)
        for hats in (9, 12, 9, 12):
            await service.call("shop.count", hats=hats)
            await clock.advance(30)
        assert await states(service) == []
    assert "StockLow" not in caplog.text


async def test_growth_of_counters_and_quantiles_of_histograms() -> None:
    clock = ControlledClock()
    fails = {"name": "Fails", "metric": "cubekit.operation.calls", "where": {"outcome": "INTERNAL"}, "above": 0.1}
    slow = {"name": "Slow", "metric": "cubekit.operation.duration", "above": 0, "quantile": 0.5, "over": "30s"}
    async with running(warehouse(rules=[fails, slow]), clock=clock) as service:
        await settled(clock)
        for _ in range(4):
            with pytest.raises(Internal):
                await service.call("shop.fail")
        await clock.advance(15)
        alerts = await service.call("monitoring.alerts")
        assert {alert.name for alert in alerts} == {"Fails", "Slow"}
        (failing,) = [alert for alert in alerts if alert.name == "Fails"]
        assert failing.value == pytest.approx(4 / 15)
        assert failing.labels == {"instance": "shop", "operation": "fail", "outcome": "INTERNAL"}
        await clock.advance(15)
        await clock.advance(15)
        current = [alert for alert in await service.call("monitoring.alerts") if alert.labels.get("instance") == "shop"]
        assert {(alert.name, alert.state) for alert in current} == {("Fails", "resolved"), ("Slow", "resolved")}


async def test_standard_rules_apply_by_default() -> None:
    clock = ControlledClock()
    async with monitored(clock) as service:
        await settled(clock)
        with pytest.raises(Internal):
            await service.call("shop.fail")
        await clock.advance(15)
        assert await states(service) == [("MistakesOfTheService", "firing")]


class Sick(Shop):
    async def health_check(self) -> Health:
        return Health("fail", "no hats")


async def test_a_cube_that_is_not_well_is_an_alert() -> None:
    clock = ControlledClock()
    async with running({**parts(), "shop": Part(Sick)}, clock=clock) as service:
        await settled(clock)
        for _ in range(3):
            await clock.advance(30)
        (alert,) = await service.call("monitoring.alerts")
        assert (alert.name, alert.state, alert.labels) == (
            "CubeUnhealthy",
            "firing",
            {"instance": "shop", "status": "fail"},
        )


async def test_a_rule_replaces_the_standard_one_of_its_name() -> None:
    clock = ControlledClock()
    rule = {"name": "MistakesOfTheService", "metric": "cubekit.operation.calls", "above": 1000}
    async with monitored(clock, alerts={"rules": [rule]}) as service:
        await settled(clock)
        with pytest.raises(Internal):
            await service.call("shop.fail")
        await clock.advance(15)
        assert await states(service) == []


async def test_a_webhook_is_told_and_tried_again(caplog: pytest.LogCaptureFixture) -> None:
    clock = ControlledClock()
    rule = {**STOCK_LOW, "for": 0}
    with Receiver(answers=[500, 503, 200]) as receiver:
        webhook = {"url": receiver.url, "headers": {"x-room": {"env": "HOME"}}}
        async with running(warehouse(rules=[rule], webhooks=[webhook]), clock=clock) as service:
            await service.call("shop.count", hats=1)
            await settled(clock)
            await pass_until(clock, receiver, 3)
            await service.call("shop.count", hats=100)
            await pass_until(clock, receiver, 4)
    bodies = [json.loads(body) for body in receiver.bodies]
    assert [body["alert"]["state"] for body in bodies] == ["firing", "firing", "firing", "resolved"]
    assert bodies[0]["service"] == "test"
    assert bodies[0]["alert"]["labels"] == {"item": "hat"}
    assert "did not reach" not in caplog.text


async def test_a_webhook_that_is_away_holds_nobody_up_and_is_given_up(caplog: pytest.LogCaptureFixture) -> None:
    clock = ControlledClock()
    webhook = {"url": "http://127.0.0.1:9/alerts?token=secret", "tries": 3}
    async with running(warehouse(rules=[{**STOCK_LOW, "for": 0}], webhooks=[webhook]), clock=clock) as service:
        await service.call("shop.count", hats=1)
        with anyio.fail_after(20):
            while "did not reach" not in caplog.text:
                await clock.advance(15)
        assert await states(service) == [("StockLow", "firing")]
    assert "secret" not in caplog.text


@pytest.mark.parametrize("section", ["export", "webhook"])
async def test_a_header_that_cannot_be_sent_is_an_error_of_composition(
    section: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TOKEN", "Bearer \u043a\u043b\u044e\u0447")
    headers = {"authorization": {"env": "TOKEN"}}
    webhook = {"url": "http://127.0.0.1:9/alerts", "headers": headers}
    config = {"alerts": {"webhooks": [webhook]}} if section == "webhook" else {"export": {"headers": headers}}
    with pytest.raises(CubekitError, match="printable ASCII") as caught:
        compose_parts(parts(**config))
    assert "\u043a" not in str(caught.value)


async def test_a_post_that_fails_in_any_way_stops_nobody(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def post(*args: object, **options: object) -> None:
        raise RuntimeError("the client is mistaken")

    monkeypatch.setattr("httpx2.AsyncClient.post", post)
    clock = ControlledClock()
    webhook = {"url": "http://127.0.0.1:9/alerts", "tries": 1}
    async with running(warehouse(rules=[{**STOCK_LOW, "for": 0}], webhooks=[webhook]), clock=clock) as service:
        await service.call("shop.count", hats=1)
        with anyio.fail_after(20):
            while "did not reach" not in caplog.text:
                await clock.advance(15)
        assert await states(service) == [("StockLow", "firing")]
    assert "RuntimeError the client is mistaken" in caplog.text


async def test_the_url_of_a_webhook_stays_out_of_the_log_and_losses_are_told(caplog: pytest.LogCaptureFixture) -> None:
    clock = ControlledClock()
    caplog.set_level("DEBUG")
    rule = {**STOCK_LOW, "for": 0}
    with Receiver() as receiver:
        webhook = {"url": f"{receiver.url}/secret"}
        async with running(warehouse(rules=[rule], webhooks=[webhook]), clock=clock) as service:
            await settled(clock)
            shop = service.instances["shop"].living()
            assert isinstance(shop, Warehouse)
            for number in range(150):
                shop.stock.set(0, {"item": f"hat {number}"})
            await pass_until(clock, receiver, 100)
    assert "secret" not in caplog.text
    assert "50 alerts for the webhook at 127.0.0.1 are lost" in caplog.text


async def test_what_fires_is_resolved_when_nobody_watches_any_more() -> None:
    clock = ControlledClock()
    with Receiver() as receiver:
        rule = {**STOCK_LOW, "for": 0}
        async with running(warehouse(rules=[rule], webhooks=[{"url": receiver.url}]), clock=clock) as service:
            await service.call("shop.count", hats=1)
            await settled(clock)
            await pass_until(clock, receiver, 1)
    assert [json.loads(body)["alert"]["state"] for body in receiver.bodies] == ["firing", "resolved"]


async def pass_until(clock: ControlledClock, receiver: Receiver, count: int) -> None:
    with anyio.fail_after(20):
        async with anyio.create_task_group() as tasks:

            async def pass_time() -> None:
                while True:
                    await clock.advance(15)
                    await anyio.lowlevel.checkpoint()

            tasks.start_soon(pass_time)
            await to_thread.run_sync(receiver.wait_for, count)
            tasks.cancel_scope.cancel()


SERVICE = """
[service]
name = "shop"

[cubes.monitoring]
use = "monitoring"

[[cubes.monitoring.config.alerts.rules]]
name = "Fine"
metric = "cubekit.events.dropped"
above = 0

[[cubes.monitoring.config.alerts.rules]]
name = "Wrong"
{wrong}
"""


@pytest.mark.parametrize(
    ("wrong", "line", "said"),
    [
        ('metric = "cubekit.events.droped"\nabove = 0', 15, '"cubekit.events.dropped" is meant?'),
        ('metric = "shop.sold"\nabove = 0', 15, 'meter = "INSTANCE"'),
        ('metric = "cubekit.cube.state"\nwhere = { stat = "x" }\nabove = 0', 16, "labels of cubekit.cube.state"),
        ('metric = "cubekit.events.dropped"', 13, "either `above` or `below`"),
        ('metric = "cubekit.events.dropped"\nabove = nan', 16, "finite number"),
        ('metric = "cubekit.events.dropped"\nabove = 0\nfor = "soon"', 17, "a duration such as"),
        ('metric = "cubekit.events.dropped"\nabove = 0\nseverity = "bad"', 17, "'info', 'warning' or 'critical'"),
        ('metric = "cubekit.events.dropped"\nabove = 0\nquantile = 1.0', 17, "less than 1"),
    ],
)
async def test_a_wrong_rule_is_an_error_of_composition_with_its_place(
    wrong: str, line: int, said: str, tmp_path: Path
) -> None:
    (tmp_path / "service.toml").write_text(SERVICE.replace("{wrong}", wrong))
    with pytest.raises(CubekitError) as caught:
        compose(tmp_path)
    (problem,) = caught.value.diagnostics
    assert problem.code == "CK104"
    assert problem.place is not None
    assert problem.place.line == line
    assert said in (problem.needed or "")


async def test_two_rules_of_one_name() -> None:
    with pytest.raises(CubekitError, match="StockLow"):
        compose_parts(warehouse(rules=[STOCK_LOW, STOCK_LOW]))


async def test_a_thousand_alerts_of_one_rule_are_enough(caplog: pytest.LogCaptureFixture) -> None:
    clock = ControlledClock()
    rule = {**STOCK_LOW, "for": 0, "severity": "info"}
    async with running(warehouse(rules=[rule]), clock=clock) as service:
        await settled(clock)
        shop = service.instances["shop"].living()
        assert isinstance(shop, Warehouse)
        for number in range(1500):
            shop.stock.set(0, {"item": f"hat {number}"})
        await clock.advance(15)
        await clock.advance(15)
        before = await service.call("monitoring.alerts")
        assert len(before) == 1000
        shop.stock.set(100, {"item": "hat 0"})
        await clock.advance(15)
        assert "resolved" in {alert.state for alert in await service.call("monitoring.alerts")}
        shop.stock.set(0, {"item": "hat 0"})
        await clock.advance(15)
        after = [alert for alert in await service.call("monitoring.alerts") if alert.state == "resolved"]
        assert [alert.labels for alert in after] == [{"item": "hat 0"}], "the return of one resolves no other"
    assert caplog.text.count("by more than 1000 sets of labels") == 1
