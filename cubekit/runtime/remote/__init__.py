"""Cubes of other services, called over HTTP as any client would.

`connection` sends requests, `agreement` holds what the other service says of itself against what was planned, `methods`
and `failures` translate between values and what travels, and `cube` is the cube that puts them together.
"""

from __future__ import annotations

from cubekit.runtime.remote.cube import remote_cube

__all__ = ["remote_cube"]
