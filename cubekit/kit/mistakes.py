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

import pytest

from cubekit.ground.diagnostics import CubekitError

__all__ = ["located", "no_mistakes", "place_of", "shown", "told", "waiting_at"]

_MOST = 200
"""Characters of an input that are shown."""


@contextmanager
def no_mistakes(package: str, given: Any = None) -> Iterator[None]:
    """Raise what an operation or a health check has raised by mistake, of which callers are told nothing.

    :param package: of the cube under test; the place in its code is told.
    :param given: the input, to be told too.
    :raises AssertionError: at the end of the ``with`` block, with the mistake as ``__cause__``.
    """
    found: dict[str, BaseException] = {}

    class Collector(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            error, name = record.exc_info[1] if record.exc_info else None, _failed(record)
            if error is not None and name is not None:
                found.setdefault(f"{name} fails with {type(error).__name__}: {error}{_at(package, error)}", error)

    logger, collector = logging.getLogger("cubekit"), Collector(logging.ERROR)
    logger.addHandler(collector)
    try:
        yield
    finally:
        logger.removeHandler(collector)
    if found:
        said = "" if given is None else f", for {shown(given)}"
        raise AssertionError("\n".join(f"{mistake}{said}" for mistake in found)) from next(iter(found.values()))


@contextmanager
def located(package: str, instance: str) -> Iterator[None]:
    """Note on an error of the service where in the cube's code its cause was raised: the service logs it only."""
    causes: list[BaseException] = []

    class Collector(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            if record.exc_info and record.exc_info[1] is not None:
                causes.append(record.exc_info[1])

    logger, collector = logging.getLogger(f"cubekit.cube.{instance}"), Collector(logging.ERROR)
    logger.addHandler(collector)
    try:
        yield
    except CubekitError as error:
        if causes and (at := _at(package, causes[-1])):
            error.add_note(f"raised{at}")
        raise
    finally:
        logger.removeHandler(collector)


def told(package: str, error: BaseException) -> str:
    """What an exception says, and where in a package it was raised; of a group the first."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    said = str(error) or type(error).__name__
    if isinstance(error, AssertionError | CubekitError | pytest.fail.Exception):
        first, *more = said.splitlines()
        return "\n".join([" ".join([first, *getattr(error, "__notes__", ())]), *more])
    return f"{type(error).__name__}: {said}{_at(package, error)}"


def _failed(record: logging.LogRecord) -> str | None:
    """What a line of the log says to have failed by mistake; a cube logs what it likes itself."""
    if record.name == "cubekit.dispatch" and isinstance(record.args, tuple):
        return str(record.args[0])
    return "health_check()" if record.msg == "health_check() failed" else None


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
    try:
        shorter = os.path.relpath(file)
    except ValueError:  # on another drive
        return f"{file}:{line}"
    return f"{file if shorter.startswith(os.pardir) else shorter}:{line}"
