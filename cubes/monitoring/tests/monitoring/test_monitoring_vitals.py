"""What browsers report, well and badly."""

from __future__ import annotations

from typing import Any

import pytest
from cubekit.runtime.service import Service
from cubekit.testing import ControlledClock, http_client

from .services import monitored

pytestmark = pytest.mark.anyio

GOOD = {"page": "/saju", "vitals": [{"name": "LCP", "value": 1234.5}, {"name": "CLS", "value": 0.02}]}
PATH = "/api/v1/metrics/client"


def vital(**changes: Any) -> dict[str, Any]:
    return {**GOOD, "vitals": [{"name": "LCP", "value": 1.0, **changes}]}


async def exposed(service: Service) -> str:
    async with http_client(service) as client:
        return (await client.get("/metrics")).text


async def test_a_report_becomes_metrics() -> None:
    async with monitored() as service, http_client(service) as client:
        answer = await client.post(PATH, json=GOOD)
        assert (answer.status_code, answer.json()) == (200, {"success": True, "data": None})
        text = await exposed(service)
    labels = 'instance="monitoring",name="LCP",page="/saju"'
    assert f"browser_web_vital_duration_seconds_sum{{{labels}}} 1.2345" in text
    assert (
        'browser_web_vital_duration_seconds_bucket{instance="monitoring",le="1.5",name="LCP",page="/saju"} 1.0' in text
    )
    assert 'browser_web_vital_layout_shift_sum{instance="monitoring",page="/saju"} 0.02' in text


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (vital(value=-1), 422),
        (vital(value=1e12), 422),
        (vital(value="NaN"), 422),
        (vital(value=None), 422),
        (vital(name="XYZ"), 422),
        (vital(rating="good"), 422),
        ({**GOOD, "page": "saju"}, 422),
        ({**GOOD, "page": "/saju?token=secret"}, 422),
        ({**GOOD, "page": "/" + "x" * 200}, 422),
        ({**GOOD, "page": "/a b"}, 422),
        ({**GOOD, "page": '/"\n'}, 422),
        ({**GOOD, "vitals": []}, 422),
        ({**GOOD, "vitals": GOOD["vitals"] * 17}, 422),  # type: ignore[operator]
        ({}, 422),
        ([], 422),
        ("text", 422),
    ],
    ids=str,
)
async def test_a_wrong_report_is_refused_and_measured_nowhere(body: Any, status: int) -> None:
    async with monitored() as service, http_client(service) as client:
        assert (await client.post(PATH, json=body)).status_code == status
        assert "browser_web_vital" not in await exposed(service)


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e999"])
async def test_what_is_no_number_is_refused(number: str) -> None:
    body = '{"page": "/", "vitals": [{"name": "LCP", "value": ' + number + "}]}"
    async with monitored() as service, http_client(service) as client:
        answer = await client.post(PATH, content=body, headers={"content-type": "application/json"})
        assert answer.status_code in {400, 422}
        assert "browser_web_vital" not in await exposed(service)


async def test_a_flood_of_one_client_is_stopped() -> None:
    clock = ControlledClock()
    async with monitored(clock, vitals={"rate": "10/min"}) as service, http_client(service) as client:
        statuses = [(await client.post(PATH, json=GOOD)).status_code for _ in range(50)]
        assert statuses == [200] * 10 + [429] * 40
        refused = await client.post(PATH, json=GOOD)
        assert refused.json()["code"] == "RATE_LIMITED"
        assert int(refused.headers["retry-after"]) > 0
        await clock.advance(60)
        assert (await client.post(PATH, json=GOOD)).status_code == 200


async def test_a_flood_of_many_clients_is_stopped() -> None:
    async with monitored(ControlledClock(), vitals={"total": "20/s"}) as service, http_client(service) as client:
        statuses = []
        for number in range(50):
            client._transport.client = (f"203.0.113.{number}", 1)  # type: ignore[attr-defined]
            statuses.append((await client.post(PATH, json=GOOD)).status_code)
        assert statuses == [200] * 20 + [429] * 30


async def test_pages_are_bounded_with_one_warning(caplog: pytest.LogCaptureFixture) -> None:
    vitals = {"pages": 5, "rate": "100000/s", "total": "100000/s"}
    async with monitored(vitals=vitals) as service, http_client(service) as client:
        for number in range(200):
            await client.post(PATH, json={**GOOD, "page": f"/{number}"})
        text = await exposed(service)
    pages = {line.split('page="')[1].split('"')[0] for line in text.splitlines() if "layout_shift_count" in line}
    assert pages == {"/0", "/1", "/2", "/3", "/4", "(other)"}
    assert 'browser_web_vital_layout_shift_count{instance="monitoring",page="(other)"} 195.0' in text
    assert caplog.text.count("browsers report more than 5 pages") == 1
