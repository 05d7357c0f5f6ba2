"""`LogTap`: takes part in the logging of the process while the cube lives, and leaves it as it was."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from cubekit_monitoring.config import Level, Logs
from cubekit_monitoring.exporting import in_export
from cubekit_monitoring.log_lines import CUBE_LOGGERS, Human, Json, LogLine, read_record
from cubekit_monitoring.ring import Ring

__all__ = ["LogTap", "levels_of", "set_level"]

_EXPORTERS = "opentelemetry.exporter"
"""Logs of exporters: each failure several times over. `exporting` says once when the collector is away, and back."""


class LogTap(logging.Handler):
    """Keeps lines, and hands them on.

    :param hand_on: gets each line, in the thread that has logged it.
    """

    def __init__(self, config: Logs, hand_on: Callable[[LogLine], None] | None = None) -> None:
        super().__init__()
        self.kept: Ring[LogLine] = Ring(config.keep, config.keep_size)
        self._config = config
        self._hand_on = hand_on

    def emit(self, record: logging.LogRecord) -> None:
        """Take a line. What cannot be read is `logging`'s to report: it must not fail who logs."""
        try:
            line = read_record(record)
        except Exception:  # noqa: BLE001 - a message with wrong arguments, or an object that has no text
            self.handleError(record)
            return
        self.kept.add(line, line.size)
        if self._hand_on is not None and not in_export.get():
            self._hand_on(line)

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Take all lines of the process, format the console's and set levels, for the time of a ``with`` block."""
        root, exporters = logging.getLogger(), logging.getLogger(_EXPORTERS)
        loggers = {name: logging.getLogger(name) for name in logging.root.manager.loggerDict}
        levels = {name: logger.level for name, logger in loggers.items() if name.startswith(CUBE_LOGGERS)}
        consoles = [] if self._config.format == "unchanged" else _consoles(root)
        formatters = [handler.formatter for handler in consoles]
        exporters_level = exporters.level
        for handler in consoles:
            handler.setFormatter(Json() if self._config.format == "json" else Human())
        for instance, level in self._config.levels.items():
            set_level(instance, level)
        exporters.setLevel(logging.CRITICAL)
        root.addHandler(self)
        try:
            yield
        finally:
            root.removeHandler(self)
            exporters.setLevel(exporters_level)
            for handler, formatter in zip(consoles, formatters, strict=True):
                handler.setFormatter(formatter)
            for name in [name for name in logging.root.manager.loggerDict if name.startswith(CUBE_LOGGERS)]:
                logging.getLogger(name).setLevel(levels.get(name, logging.NOTSET))


def levels_of(instances: Sequence[str]) -> dict[str, str]:
    """Return from which level on each cube logs."""
    return {
        instance: logging.getLevelName(logging.getLogger(CUBE_LOGGERS + instance).getEffectiveLevel()).lower()
        for instance in instances
    }


def set_level(instance: str, level: Level) -> None:
    """Let a cube log from a level on."""
    logging.getLogger(CUBE_LOGGERS + instance).setLevel(level.upper())


def _consoles(root: logging.Logger) -> list[logging.Handler]:
    streams = {sys.stderr, sys.stdout, sys.__stderr__, sys.__stdout__}
    return [
        handler for handler in root.handlers if isinstance(handler, logging.StreamHandler) and handler.stream in streams
    ]
