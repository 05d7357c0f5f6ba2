"""The HTTP port: a service as a FastAPI application, served by uvicorn."""

from __future__ import annotations

from cubekit.ports.http.app import create_app
from cubekit.ports.http.server import HttpServer

__all__ = ["HttpServer", "create_app"]
