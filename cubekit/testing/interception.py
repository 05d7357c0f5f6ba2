"""How faults get into a service: as the outermost middleware of an endpoint that is in use."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from cubekit.composition.plugins import Middleware
from cubekit.runtime.dispatch import Endpoint

__all__ = ["intercepted"]


@contextmanager
def intercepted(endpoint: Endpoint, layer: Middleware) -> Iterator[None]:
    """Let a middleware stand around every call of an endpoint for the time of a ``with`` block."""
    before = endpoint.middleware
    endpoint.middleware = (layer, *before)
    try:
        yield
    finally:
        endpoint.middleware = before
