"""How the items of a stream look on the wire: server-sent events or lines of JSON."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from fastapi.sse import KEEPALIVE_COMMENT, format_sse_event

from cubekit.ports.http.problems import NotAcceptable, to_json

__all__ = ["EVENT_STREAM", "NDJSON", "StreamForm", "choose_form", "offered_forms"]


class StreamForm(Protocol):
    """One form of a stream."""

    media_type: str
    port: str
    """Name of the way in, for the call's context."""
    keep_alive: bytes | None
    """What may be sent while there is nothing to say."""
    end: bytes

    def item(self, number: int, data: bytes) -> bytes:
        """Return the frame of an item, given its JSON."""

    def error(self, problem: dict[str, Any]) -> bytes:
        """Return the frame that says why there is no end."""


class _EventStream:
    media_type = "text/event-stream"
    port = "sse"
    keep_alive: bytes | None = KEEPALIVE_COMMENT
    end = format_sse_event(event="end", data_str="{}")

    def item(self, number: int, data: bytes) -> bytes:
        return format_sse_event(event="item", id=str(number), data_str=data.decode())

    def error(self, problem: dict[str, Any]) -> bytes:
        return format_sse_event(event="error", data_str=to_json(problem).decode())


class _Ndjson:
    media_type = "application/x-ndjson"
    port = "rest"
    keep_alive: bytes | None = None
    end = b'{"end":{}}\n'

    def item(self, number: int, data: bytes) -> bytes:
        return b'{"item":' + data + b"}\n"

    def error(self, problem: dict[str, Any]) -> bytes:
        return to_json({"error": problem}) + b"\n"


EVENT_STREAM: StreamForm = _EventStream()
NDJSON: StreamForm = _Ndjson()


def offered_forms(expose: Sequence[str]) -> tuple[StreamForm, ...]:
    """Return the forms that streams have where these ports are exposed, the preferred one first."""
    return tuple(form for port, form in (("sse", EVENT_STREAM), ("rest", NDJSON)) if port in expose)


def choose_form(accept: str, forms: Sequence[StreamForm]) -> StreamForm:
    """Return the form that an ``Accept`` header likes best; the first one if it likes several as much.

    :raises NotAcceptable: if it admits none of them.
    """
    ranges = [_range(part) for part in (accept or "*/*").split(",")]
    best = max(forms, key=lambda form: _quality(form.media_type, ranges))
    if not _quality(best.media_type, ranges):
        raise NotAcceptable(offered=" or ".join(form.media_type for form in forms))
    return best


def _range(text: str) -> tuple[str, float]:
    media_type, *parameters = (part.strip().lower() for part in text.split(";"))
    quality = next((p.partition("=")[2] for p in parameters if p.replace(" ", "").startswith("q=")), "1")
    try:
        return media_type, float(quality)
    except ValueError:
        return media_type, 0.0


def _quality(media_type: str, ranges: Sequence[tuple[str, float]]) -> float:
    """The quality of the most specific range that fits."""
    for wanted in (media_type, f"{media_type.partition('/')[0]}/*", "*/*"):
        fitting = [quality for said, quality in ranges if said == wanted]
        if fitting:
            return max(fitting)
    return 0.0
