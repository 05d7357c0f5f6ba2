"""``/openapi.json`` and ``/docs``, made when somebody first asks."""

from __future__ import annotations

from functools import cached_property
from importlib.resources import files

import anyio.to_thread
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from cubekit.ports.http.openapi import openapi_document
from cubekit.ports.http.problems import to_json
from cubekit.runtime.service import Service

__all__ = ["Documentation"]

# The page is one file that loads nothing but the API document and calls nothing but this service.
_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; connect-src 'self'; img-src data:;"
    " base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


class Documentation:
    """Answers ``/openapi.json`` and ``/docs``."""

    def __init__(self, service: Service) -> None:
        self._service = service

    async def openapi(self, request: Request) -> Response:
        """The API document."""
        return Response(self._document, media_type="application/json")

    async def page(self, request: Request) -> Response:
        """The API document for people."""
        return HTMLResponse(await self._html(), headers={"content-security-policy": _POLICY})

    @cached_property
    def _document(self) -> bytes:
        return to_json(openapi_document(self._service.plan))

    async def _html(self) -> bytes:
        return await anyio.to_thread.run_sync(files(__package__).joinpath("docs.html").read_bytes)
