"""An open-loop load: requests are sent at their time whether or not earlier ones were answered.

Run as ``python _load.py URL PATH BODY RATE SECONDS``; prints one JSON object.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections import defaultdict
from typing import Any
from urllib.parse import urlsplit

import uvloop


class Load:
    """One run of a load."""

    def __init__(self, url: str, path: str, body: str, rate: float, seconds: float) -> None:
        split = urlsplit(url)
        self._host, self._port = split.hostname, split.port
        raw = body.encode()
        headers = f"host: bench\r\ncontent-type: application/json\r\ncontent-length: {len(raw)}\r\n"
        self._request = f"POST {path} HTTP/1.1\r\n{headers}\r\n".encode() + raw
        self._rate, self._seconds = rate, seconds
        self._idle: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = []
        self._answers: defaultdict[str, list[tuple[float, float]]] = defaultdict(list)
        """By status: when a request was sent, and how long its answer took from then."""
        self._late: list[float] = []
        self.without_retry_after = 0
        self.wrong = 0
        """Answers with 200 and another body than the first one's: all requests are the same."""
        self._body: bytes | None = None

    async def run(self) -> dict[str, Any]:
        """Send everything, wait for every answer."""
        began = time.perf_counter()  # on Linux the clock that all processes share
        self._began = began
        async with asyncio.TaskGroup() as tasks:
            for number in range(int(self._rate * self._seconds)):
                due = began + number / self._rate
                if (left := due - time.perf_counter()) > 0:
                    await asyncio.sleep(left)
                tasks.create_task(self._one(due))
        return {
            "answers": {status: len(found) for status, found in self._answers.items()},
            "late": sorted(self._late)[int(0.99 * len(self._late))],
            "p50": {status: _quantile(found, 0.5) for status, found in self._answers.items()},
            "p99": {status: _quantile(found, 0.99) for status, found in self._answers.items()},
            "longest": {status: _quantile(found, 1.0) for status, found in self._answers.items()},
            "failed": {status: found for status, found in self._answers.items() if status != "200"},
            "withoutRetryAfter": self.without_retry_after,
            "wrong": self.wrong,
            "began": began,
        }

    async def _one(self, due: float) -> None:
        sent = time.perf_counter()
        self._late.append(sent - due)
        try:
            status = await asyncio.wait_for(self._exchange(), 30)
        except (OSError, asyncio.IncompleteReadError, TimeoutError) as error:
            status = type(error).__name__
        self._answers[status].append((sent - self._began, time.perf_counter() - sent))

    async def _exchange(self) -> str:
        # As every client does: a connection that the server has closed is not used again.
        while self._idle and self._idle[-1][0].at_eof():
            self._idle.pop()[1].close()
        reader, writer = self._idle.pop() if self._idle else await asyncio.open_connection(self._host, self._port)
        writer.write(self._request)
        head = (await reader.readuntil(b"\r\n\r\n")).lower()
        length = int(head.partition(b"content-length: ")[2].partition(b"\r\n")[0])
        body = await reader.readexactly(length)
        status = head[9:12].decode()
        if status == "200":
            self._body = self._body or body
            self.wrong += body != self._body
        if status == "503" and b"retry-after: " not in head:
            self.without_retry_after += 1
        if b"connection: close" in head:
            writer.close()
        else:
            self._idle.append((reader, writer))
        return status


def _quantile(found: list[tuple[float, float]], share: float) -> float:
    took = sorted(seconds for _, seconds in found)
    return took[min(len(took) - 1, int(share * len(took)))]


if __name__ == "__main__":
    url, path, body, rate, seconds = sys.argv[1:]
    print(json.dumps(uvloop.run(Load(url, path, body, float(rate), float(seconds)).run())))
