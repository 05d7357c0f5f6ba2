"""Many cores: a master that owns the listeners, and workers forked from it that each run the whole service."""

from __future__ import annotations

from cubekit.workers.master import Master

__all__ = ["Master"]
