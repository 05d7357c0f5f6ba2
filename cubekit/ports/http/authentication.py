"""Who is calling: asked of the service's SECURITY cube."""

from __future__ import annotations

from cubekit.authoring.context import ANONYMOUS, CallContext, Caller
from cubekit.authoring.failures import Unauthenticated
from cubekit.authoring.security import Authenticator, Credentials, Identity
from cubekit.ground.colours import Colour
from cubekit.ports.http.head import Head
from cubekit.runtime.service import Service

__all__ = ["Authentication"]

_CONTRACT = "cubekit.authenticator"


class Authentication:
    """Finds the caller of a request through the cube that provides ``cubekit.authenticator``.

    If several do, each is asked in the order of the service file until one knows the caller.
    """

    def __init__(self, service: Service) -> None:
        self._endpoints = [
            provider.endpoints[Authenticator.authenticate.__name__]
            for provider in service.providers(_CONTRACT)
            if provider.instance.planned.descriptor.colour is Colour.SECURITY
        ]

    def is_needed(self, head: Head) -> bool:
        """Whether a request says anything about its caller that somebody could understand."""
        headers = head.headers
        return bool(self._endpoints) and (
            b"authorization" in headers or b"x-api-key" in headers or b"cookie" in headers
        )

    async def identified(self, head: Head, context: CallContext) -> CallContext:
        """Return the context with its caller.

        :raises Unauthenticated: if the credentials are not valid. Cookies alone are no claim: browsers send them along,
            so with cookies that say nothing the caller stays unknown.
        """
        claims, cookies = (head.header(b"authorization"), head.header(b"x-api-key")), head.cookies
        if not self._endpoints or not (any(claims) or cookies):
            return context
        credentials = Credentials(authorization=claims[0], api_key=claims[1], cookies=cookies)
        try:
            return context._replace(caller=await self._ask(context, credentials))
        except Unauthenticated:
            if any(claims):
                raise
            return context

    async def _ask(self, context: CallContext, credentials: Credentials) -> Caller:
        refusal: Unauthenticated | None = None
        for endpoint in self._endpoints:
            try:
                identity: Identity = await endpoint.call(context, {"credentials": credentials})
            except Unauthenticated as error:
                refusal = error
            else:
                return Caller(identity.principal, identity.scopes, identity.tenant)
        if refusal is not None:
            raise refusal
        return ANONYMOUS
