"""The contract by which a SECURITY cube tells a service who is calling."""

from __future__ import annotations

from typing import Protocol

from cubekit.authoring.contracts import contract
from cubekit.authoring.failures import Unauthenticated
from cubekit.authoring.models import Model

__all__ = ["Authenticator", "Credentials", "Identity"]


class Credentials(Model):
    """What a caller presented, as it came."""

    authorization: str | None = None
    """The ``Authorization`` header."""
    api_key: str | None = None
    """The ``X-API-Key`` header."""
    cookies: dict[str, str] = {}


class Identity(Model):
    """Who somebody is, and what they may do."""

    principal: str
    scopes: frozenset[str] = frozenset()
    tenant: str | None = None


@contract("cubekit.authenticator", version="0.1", errors=(Unauthenticated,))
class Authenticator(Protocol):
    """Checks credentials. Ports ask it once per request that presents any."""

    async def authenticate(self, credentials: Credentials) -> Identity:
        """Return who presented the credentials.

        :raises Unauthenticated: if they are not valid.
        """
