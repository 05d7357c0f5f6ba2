"""Whether there is still somebody who looks on."""

from __future__ import annotations

import os

__all__ = ["terminal_is_there"]


def terminal_is_there() -> bool:
    """Whether this process has a terminal that has not hung up."""
    try:
        os.close(os.open("/dev/tty", os.O_RDONLY | os.O_NOCTTY))
    except OSError:
        return False
    return True
