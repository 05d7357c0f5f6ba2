"""`Webhooks`: tells others of alerts by HTTP. A receiver that does not answer holds nobody up."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from functools import partial

import anyio
from anyio import to_thread
from cubekit import Clock, Model
from httpx2 import AsyncClient

from cubekit_monitoring.alerts import Alert
from cubekit_monitoring.config import Webhook
from cubekit_monitoring.exporting import Queue

__all__ = ["Notice", "Webhooks"]

_WAITING = 100
"""Alerts that wait for one receiver."""
_LONGEST_PAUSE = 60.0

_posting: ContextVar[bool] = ContextVar("cubekit_monitoring.posting", default=False)
_CLIENT_LOGGERS = ("httpx2", *(f"httpcore2.{part}" for part in ("connection", "http11", "http2", "proxy", "socks")))
"""They log the URL, which is a secret of many receivers."""


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
        self._finishing = False
        """Whether what waits is `finish`'s: the task of `run` may be cancelled while it posts."""

    def tell(self, alert: Alert) -> None:
        """Let receivers know, in time."""
        for receiver, waiting in self._receivers:
            if alert.severity in receiver.severities:
                waiting.add(alert)
        self._arrived.set()

    async def run(self) -> None:
        """Post what waits, until cancelled."""
        with _silent_posts():
            async with anyio.create_task_group() as tasks:
                for receiver, waiting in self._receivers:
                    tasks.start_soon(self._serve, receiver, waiting)

    async def finish(self) -> None:
        """Post what waits, each with one try."""
        self._finishing = True
        with _silent_posts():
            async with anyio.create_task_group() as tasks:
                for receiver, waiting in self._receivers:
                    tasks.start_soon(self._serve, receiver.model_copy(update={"tries": 1}), waiting, True)

    async def _serve(self, receiver: Webhook, waiting: Queue[Alert], once: bool = False) -> None:
        _posting.set(True)  # in this task alone
        lost = 0
        headers = {name: value.get_secret_value() for name, value in receiver.headers.items()}
        make = partial(AsyncClient, headers=headers, timeout=receiver.timeout)  # reads certificates for 20 ms
        async with await to_thread.run_sync(make) as client:
            while True:
                while (once or not self._finishing) and (batch := waiting.pop()):
                    if waiting.dropped > lost:
                        self._log.warning(
                            "%d alerts for the webhook at %s are lost: it is too slow",
                            waiting.dropped - lost,
                            receiver.url.host,
                        )
                        lost = waiting.dropped
                    await self._post(client, receiver, batch[0])
                if once:
                    return
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
            except Exception as error:  # noqa: BLE001 - whatever a client raises, the service goes on
                problem = f"{type(error).__name__} {error}".strip().replace(str(receiver.url), host or "")
                continue
            if answer.is_success:
                return
            problem = f"it answered {answer.status_code}"
        self._log.error("alert %s did not reach the webhook at %s: %s", alert.name, host, problem)


@contextmanager
def _silent_posts() -> Iterator[None]:
    """Keep the posts of this module out of the log for the time of a ``with`` block."""

    def is_another(record: logging.LogRecord) -> bool:
        return not _posting.get()

    loggers = [logging.getLogger(name) for name in _CLIENT_LOGGERS]
    for logger in loggers:
        logger.addFilter(is_another)
    try:
        yield
    finally:
        for logger in loggers:
            logger.removeFilter(is_another)
