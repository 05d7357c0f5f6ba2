"""Finds what a cube has done by mistake, and where in its code."""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from traceback import walk_tb
from types import FrameType
from typing import Any

__all__ = ["no_mistakes", "place_of", "shown", "waiting_at"]

_MOST = 200
"""Characters of an input that are shown."""


@contextmanager
def no_mistakes(package: str, given: Any = None) -> Iterator[None]:
    """Raise what an operation has raised by mistake, which callers are only told of as ``INTERNAL``.

    :param package: of the cube under test; the place in its code is told.
    :param given: the input, to be told too.
    :raises AssertionError: at the end of the ``with`` block, with the mistake as ``__cause__``.
    """
    found: dict[str, BaseException] = {}

    class Collector(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            error = record.exc_info[1] if record.exc_info else None
            if error is not None:
                name = record.args[0] if isinstance(record.args, tuple) else record.name
                found.setdefault(f"{name} fails with {type(error).__name__}: {error}{_at(package, error)}", error)

    logger, collector = logging.getLogger("cubekit.dispatch"), Collector(logging.ERROR)
    logger.addHandler(collector)
    try:
        yield
    finally:
        logger.removeHandler(collector)
    if found:
        said = "" if given is None else f", for {shown(given)}"
        raise AssertionError("\n".join(f"{mistake}{said}" for mistake in found)) from next(iter(found.values()))


def shown(given: Any) -> str:
    """An input as a message shows it."""
    text = repr(given) if isinstance(given, bytes) else json.dumps(given, ensure_ascii=False, default=repr)
    return text if len(text) <= _MOST else f"{text[:_MOST]}…"


def place_of(function: Callable[..., Any]) -> str:
    """File and line of a function; compiled ones have their name only."""
    code = getattr(function, "__code__", None)
    return _place(code.co_filename, code.co_firstlineno) if code else function.__qualname__


def waiting_at(package: str, work: Any) -> str | None:
    """File and line where work waits: the innermost one in a package."""
    found = None
    while work is not None:
        frame = getattr(work, "cr_frame", None) or getattr(work, "ag_frame", None)
        if frame is not None and _is_of(package, frame):
            found = _place(frame.f_code.co_filename, frame.f_lineno)
        work = getattr(work, "cr_await", None) or getattr(work, "ag_await", None)
    return found


def _at(package: str, error: BaseException) -> str:
    places = [
        (frame.f_code.co_filename, line) for frame, line in walk_tb(error.__traceback__) if _is_of(package, frame)
    ]
    return f" at {_place(*places[-1])}" if places else ""


def _is_of(package: str, frame: FrameType) -> bool:
    return str(frame.f_globals.get("__name__")).partition(".")[0] == package


def _place(file: str, line: int) -> str:
    shorter = os.path.relpath(file)
    return f"{file if shorter.startswith(os.pardir) else shorter}:{line}"
