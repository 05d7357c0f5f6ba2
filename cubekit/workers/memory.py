"""What a process does once it has started and before it serves."""

from __future__ import annotations

import gc

__all__ = ["settle"]


def settle() -> None:
    """Take everything that is there now out of the garbage collector's sight.

    Modules, models and cubes stay until the end. To look at all of them again in every full collection would hold
    requests up for tens of milliseconds, and after a fork it would copy memory that processes share.
    """
    gc.collect()
    gc.freeze()
