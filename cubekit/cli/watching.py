"""Shows something again and again: over itself on a terminal, one after the other in a pipe."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Annotated, Any

import typer

from cubekit.cli.console import console
from cubekit.ground.diagnostics import CubekitError

__all__ = ["Interval", "Look", "watch"]

Look = Callable[[], tuple[str, dict[str, Any]]]
"""Looks at something, and returns it as text for people and as JSON."""

Interval = Annotated[float, typer.Option("--interval", min=0.1, help="Seconds between two looks.")]


def watch(look: Look, seconds: float) -> None:
    """Show what ``look`` returns, until Ctrl-C. What cannot be reached later on is shown too: it may come back.

    :raises CubekitError: if the first look fails.
    """
    shown = look()
    try:
        with _screen() as show:
            while True:
                show(*shown)
                time.sleep(seconds)
                try:
                    shown = look()
                except CubekitError as error:
                    text = "\n\n".join(diagnostic.render() for diagnostic in error.diagnostics)
                    shown = text, {"errors": [diagnostic.as_json() for diagnostic in error.diagnostics]}
    except KeyboardInterrupt:
        return


@contextmanager
def _screen() -> Iterator[Callable[[str, dict[str, Any]], None]]:
    if console.as_json or not sys.stdout.isatty():
        yield lambda text, payload: console.data(f"{text}\n", payload)
        return
    from rich.live import Live
    from rich.text import Text

    with Live(screen=True, auto_refresh=False) as live:
        yield lambda text, _: live.update(Text.from_ansi(text, no_wrap=True, overflow="crop"), refresh=True)
