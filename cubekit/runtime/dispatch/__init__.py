"""How a call reaches an operation: one function per operation, which holds exactly the layers that it needs.

`source` writes that function, `endpoint` compiles it; each layer that needs more than a line has a module of its own.
"""

from __future__ import annotations

from cubekit.runtime.dispatch.endpoint import Call, Encode, Endpoint, LayerState

__all__ = ["Call", "Encode", "Endpoint", "LayerState"]
