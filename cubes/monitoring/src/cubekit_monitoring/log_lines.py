"""`LogLine`: a line of a log with the trace it belongs to, and the forms it has on the console."""

from __future__ import annotations

import logging
import re
import time
import traceback
from datetime import UTC, datetime

from cubekit import Model, current_call
from opentelemetry import trace

__all__ = ["CUBE_LOGGERS", "Human", "Json", "LogLine", "encodable", "read_record"]

CUBE_LOGGERS = "cubekit.cube."
"""What the name of a cube's logger begins with; the instance follows."""

_LONGEST = 8192
"""Characters that are kept of a message, and of the end of a traceback."""

_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
"""Would move the cursor of a terminal, or worse."""

_TRACE_ID = re.compile(r"[0-9a-f]{32}")


class LogLine(Model):
    """A line of a log."""

    time: datetime
    level: str
    logger: str
    cube: str | None = None
    """The instance that has logged it; None for the runtime and for libraries."""
    message: str
    trace_id: str | None = None
    """Of the call within which it was logged."""
    span_id: str | None = None
    exception: str | None = None
    """The traceback."""

    @property
    def size(self) -> int:
        """About how many bytes of memory it takes."""
        return 600 + len(self.message) + len(self.exception or "")


def read_record(record: logging.LogRecord) -> LogLine:
    """Return what a record says. To be called where it was logged, as the trace is that of the running call."""
    trace_id, span_id = _trace(record)
    message = encodable(record.getMessage())
    name = encodable(record.name)
    return LogLine(
        time=datetime.fromtimestamp(record.created, UTC),
        level=record.levelname.lower(),
        logger=name,
        cube=name.removeprefix(CUBE_LOGGERS) if name.startswith(CUBE_LOGGERS) else None,
        message=message if len(message) <= _LONGEST else f"{message[:_LONGEST]}…",
        trace_id=trace_id,
        span_id=span_id,
        exception=_traceback(record),
    )


def encodable(text: str) -> str:
    """Return a text that has a form in UTF-8: names of files may have lone surrogates."""
    return text.encode("utf-8", "backslashreplace").decode()


def _trace(record: logging.LogRecord) -> tuple[str | None, str | None]:
    """Trace and span: of the recorded span, as the record itself says, or of the call, which may not be recorded."""
    span = trace.get_current_span().get_span_context()
    if span.is_valid:
        return trace.format_trace_id(span.trace_id), trace.format_span_id(span.span_id)
    said = vars(record).get("trace_id")
    if isinstance(said, str) and _TRACE_ID.fullmatch(said):
        return said, None
    try:
        return current_call().trace_id, None
    except RuntimeError:  # outside of a call
        return None, None


def _traceback(record: logging.LogRecord) -> str | None:
    if not record.exc_info or record.exc_info[1] is None:
        return None
    text = encodable("".join(traceback.format_exception(record.exc_info[1])))
    return text if len(text) <= _LONGEST else f"…{text[-_LONGEST:]}"


class Json(logging.Formatter):
    """A JSON object a line."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        return read_record(record).model_dump_json(by_alias=True, exclude_none=True)


class Human(logging.Formatter):
    """A line for people, with the traceback below. What a user has sent cannot pass for a line of its own."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        line = read_record(record)
        moment = time.strftime("%H:%M:%S", time.localtime(record.created))
        where = f" [trace {line.trace_id}]" if line.trace_id and line.trace_id not in line.message else ""
        whose = _printable(line.cube or line.logger)
        text = f"{moment} {line.level.upper():<8} {whose}: {_printable(line.message)}{where}"
        return f"{text}\n    {_printable(line.exception.rstrip())}" if line.exception else text


def _printable(text: str) -> str:
    return _CONTROL.sub(_escaped, text).replace("\n", "\n    ")


def _escaped(found: re.Match[str]) -> str:
    return f"\\x{ord(found[0]):02x}"
