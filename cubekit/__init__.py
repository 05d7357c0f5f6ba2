"""cubekit: services composed of self-contained plugins, *cubes*.

Names are imported when they are first used, so that ``import cubekit`` and the command line stay cheap.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cubekit.authoring.context import CallContext, Caller, current_call
    from cubekit.authoring.contracts import DeclarationError, contract
    from cubekit.authoring.cubes import Clock, Cube, NoConfig
    from cubekit.authoring.events import (
        CubeHealthChanged,
        CubeRegistered,
        CubeStateChanged,
        Event,
        EventLoopBlocked,
        Events,
        HealingStepTaken,
        Subscription,
    )
    from cubekit.authoring.failures import (
        Conflict,
        DeadlineExceeded,
        Failure,
        Internal,
        Invalid,
        NotFound,
        Overloaded,
        PermissionDenied,
        RateLimited,
        Unauthenticated,
        Unavailable,
    )
    from cubekit.authoring.health import Health
    from cubekit.authoring.hooks import hookimpl
    from cubekit.authoring.models import Model, Page
    from cubekit.authoring.operations import Cache, operation, route
    from cubekit.authoring.security import Authenticator, Credentials, Identity
    from cubekit.authoring.telemetry import Distribution, Measured, MetricDefinition, MetricKind, Telemetry
    from cubekit.ground.colours import Colour
    from cubekit.ground.diagnostics import CubekitError, Diagnostic

__all__ = [
    "Authenticator",
    "Cache",
    "CallContext",
    "Caller",
    "Clock",
    "Colour",
    "Conflict",
    "Credentials",
    "Cube",
    "CubeHealthChanged",
    "CubeRegistered",
    "CubeStateChanged",
    "CubekitError",
    "DeadlineExceeded",
    "DeclarationError",
    "Diagnostic",
    "Distribution",
    "Event",
    "EventLoopBlocked",
    "Events",
    "Failure",
    "HealingStepTaken",
    "Health",
    "Identity",
    "Internal",
    "Invalid",
    "Measured",
    "MetricDefinition",
    "MetricKind",
    "Model",
    "NoConfig",
    "NotFound",
    "Overloaded",
    "Page",
    "PermissionDenied",
    "RateLimited",
    "Subscription",
    "Telemetry",
    "Unauthenticated",
    "Unavailable",
    "__version__",
    "contract",
    "current_call",
    "hookimpl",
    "operation",
    "route",
]

__version__ = "0.1.0"

_HOMES = {
    "authoring.context": ("CallContext", "Caller", "current_call"),
    "authoring.contracts": ("DeclarationError", "contract"),
    "authoring.cubes": ("Clock", "Cube", "NoConfig"),
    "authoring.events": (
        "CubeHealthChanged",
        "HealingStepTaken",
        "CubeRegistered",
        "CubeStateChanged",
        "Event",
        "EventLoopBlocked",
        "Events",
        "Subscription",
    ),
    "authoring.failures": (
        "Conflict",
        "DeadlineExceeded",
        "Failure",
        "Internal",
        "Invalid",
        "NotFound",
        "Overloaded",
        "PermissionDenied",
        "RateLimited",
        "Unauthenticated",
        "Unavailable",
    ),
    "authoring.health": ("Health",),
    "authoring.hooks": ("hookimpl",),
    "authoring.models": ("Model", "Page"),
    "authoring.operations": ("Cache", "operation", "route"),
    "authoring.security": ("Authenticator", "Credentials", "Identity"),
    "authoring.telemetry": ("Distribution", "Measured", "MetricDefinition", "MetricKind", "Telemetry"),
    "ground.colours": ("Colour",),
    "ground.diagnostics": ("CubekitError", "Diagnostic"),
}
_MODULES = {name: f"cubekit.{home}" for home, names in _HOMES.items() for name in names}


def __getattr__(name: str) -> object:
    if name not in _MODULES:
        raise AttributeError(f"module 'cubekit' has no attribute {name!r}")
    value: object = getattr(import_module(_MODULES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
