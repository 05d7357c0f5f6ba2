"""Where the object of an instance comes from: the cube's class, or what stands for one that runs elsewhere."""

from __future__ import annotations

from typing import Any

from cubekit.authoring.cubes import Cube
from cubekit.composition.plan import PlannedCube

__all__ = ["cube_class"]


def cube_class(planned: PlannedCube) -> type[Cube[Any]]:
    """Return the class of an instance's objects."""
    if planned.engine != "remote":
        return planned.descriptor.cube
    from cubekit.runtime.remote import remote_cube  # only where there is one: it needs a client for HTTP

    return remote_cube(planned.descriptor)
