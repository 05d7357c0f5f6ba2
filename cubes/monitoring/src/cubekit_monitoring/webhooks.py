"""`Webhooks`: tells others of alerts by HTTP. A receiver that does not answer holds nobody up."""

from __future__ import annotations

import logging
from collections.abc import Sequence

import anyio
from cubekit import Clock, Model
from httpx2 import AsyncClient, HTTPError

from cubekit_monitoring.alerts import Alert
from cubekit_monitoring.config import Webhook
from cubekit_monitoring.exporting import Queue

__all__ = ["Notice", "Webhooks"]

_WAITING = 100
"""Alerts that wait for one receiver."""
_LONGEST_PAUSE = 60.0


class Notice(Model):
    """What a receiver gets, as JSON."""

    service: str
    alert: Alert


class Webhooks:
    """Posts alerts to each receiver, in order."""

    def __init__(self, receivers: Sequence[Webhook], service: str, clock: Clock, log: logging.Logger) -> None:
        self._receivers = [(receiver, Queue[Alert](_WAITING, 1)) for receiver in receivers]
        self._service = service
        self._clock = clock
        self._log = log
        self._arrived = anyio.Event()

    def tell(self, alert: Alert) -> None:
        """Let receivers know, in time."""
        for receiver, waiting in self._receivers:
            if alert.severity in receiver.severities:
                waiting.add(alert)
        self._arrived.set()

    async def run(self) -> None:
        """Post what waits, until cancelled."""
        async with anyio.create_task_group() as tasks:
            for receiver, waiting in self._receivers:
                tasks.start_soon(self._serve, receiver, waiting)

    async def _serve(self, receiver: Webhook, waiting: Queue[Alert]) -> None:
        headers = {name: value.get_secret_value() for name, value in receiver.headers.items()}
        async with AsyncClient(headers=headers, timeout=receiver.timeout) as client:
            while True:
                while batch := waiting.pop():
                    await self._post(client, receiver, batch[0])
                if self._arrived.is_set():  # otherwise another receiver waits for this one too
                    self._arrived = anyio.Event()
                await self._arrived.wait()

    async def _post(self, client: AsyncClient, receiver: Webhook, alert: Alert) -> None:
        content = Notice(service=self._service, alert=alert).model_dump_json(by_alias=True)
        host = receiver.url.host
        problem = ""
        for attempt in range(receiver.tries):
            if attempt:
                await self._clock.sleep(min(2.0**attempt, _LONGEST_PAUSE))
            try:
                answer = await client.post(
                    str(receiver.url), content=content, headers={"content-type": "application/json"}
                )
            except HTTPError as error:
                problem = f"{type(error).__name__} {error}".strip()
                continue
            if answer.is_success:
                return
            problem = f"it answered {answer.status_code}"
        self._log.error("alert %s did not reach the webhook at %s: %s", alert.name, host, problem)
