"""Where a coroutine stands: the frames between its start and what it awaits."""

from __future__ import annotations

import traceback
from collections.abc import Iterator
from types import FrameType
from typing import Any

__all__ = ["format_stack"]


def format_stack(awaitable: Any) -> str:
    """Return the stack of a suspended coroutine or async generator, outermost first, as a traceback shows it."""
    frames = [(frame, frame.f_lineno) for frame in _frames(awaitable)]
    summary = traceback.StackSummary.extract(iter(frames), lookup_lines=True)
    return "".join(summary.format()).rstrip()


def _frames(awaitable: Any) -> Iterator[FrameType]:
    while awaitable is not None:
        frame = (
            getattr(awaitable, "cr_frame", None)
            or getattr(awaitable, "gi_frame", None)
            or getattr(awaitable, "ag_frame", None)
        )
        if frame is None:
            return
        yield frame
        awaitable = (
            getattr(awaitable, "cr_await", None)
            or getattr(awaitable, "gi_yieldfrom", None)
            or getattr(awaitable, "ag_await", None)
        )
