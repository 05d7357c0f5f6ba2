"""`create_app`: a service as an ASGI application."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from http import HTTPMethod, HTTPStatus

from fastapi import FastAPI
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Match, Route

from cubekit import __version__
from cubekit.authoring.failures import (
    Conflict,
    DeadlineExceeded,
    Failure,
    Internal,
    Invalid,
    NotFound,
    PermissionDenied,
    RateLimited,
    Unauthenticated,
    Unavailable,
)
from cubekit.composition.operations import ResultKind
from cubekit.ports.http.authentication import Authentication
from cubekit.ports.http.documentation import Documentation
from cubekit.ports.http.exchange import Exchange
from cubekit.ports.http.manifest import http_path, manifest
from cubekit.ports.http.operations import OperationHandler, RawHandler
from cubekit.ports.http.probes import Probes
from cubekit.ports.http.problems import MethodNotAllowed, no_such_path
from cubekit.ports.http.prometheus import Metrics
from cubekit.ports.http.stream_forms import EVENT_STREAM, NDJSON
from cubekit.ports.http.under_way import UnderWay
from cubekit.runtime.service import Service

__all__ = ["create_app"]

_BY_STATUS: dict[int, type[Failure]] = {
    kind.status: kind
    for kind in (
        Unauthenticated,
        PermissionDenied,
        NotFound,
        Conflict,
        RateLimited,
        Unavailable,
        DeadlineExceeded,
    )
}


def create_app(service: Service, under_way: UnderWay | None = None) -> FastAPI:
    """Return an application that offers a service's operations, raw routes and runtime endpoints.

    The service is run elsewhere; while it does not, operations answer 503.

    :param under_way: where requests register, for a server that ends them; see `HttpServer`.
    """
    app = FastAPI(
        title=service.plan.name,
        version=__version__,
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        exception_handlers={HTTPException: _answer_http_exception, Exception: _answer_exception},
    )
    for found in _operation_routes(service, under_way or UnderWay()):
        app.add_api_route(
            found.path,
            found.answer,
            methods=found.methods,
            name=found.name,
            response_model=None,
            include_in_schema=False,
        )
    _add_runtime_endpoints(app, service)
    return app


@dataclass(frozen=True, slots=True)
class _Found:
    """A route to be registered."""

    path: str
    methods: list[str]
    name: str
    answer: Callable[[Request], Awaitable[Response]]


def _operation_routes(service: Service, under_way: UnderWay) -> list[_Found]:
    plan = service.plan
    if "rest" not in plan.expose:
        return []
    authentication = Authentication(service)
    forms = (EVENT_STREAM, NDJSON) if "sse" in plan.expose else (NDJSON,)
    max_body = plan.http.max_body
    routes = []
    for name, endpoint in service.endpoints.items():
        handler = OperationHandler(
            endpoint, authentication=authentication, forms=forms, max_body=max_body, under_way=under_way
        )
        method, path = endpoint.operation.http
        # A HEAD of a stream would begin an answer without an end.
        methods = _methods(method, head=endpoint.operation.kind is not ResultKind.STREAM)
        routes.append(_Found(http_path(endpoint.instance.planned, path), methods, name, handler.answer))
    for instance in service.instances.values():
        for raw in instance.planned.descriptor.routes:
            raw_handler = RawHandler(instance, raw, max_body=max_body, under_way=under_way)
            path = http_path(instance.planned, raw.options.path)
            methods = _methods(raw.options.method, head=True)
            routes.append(_Found(path, methods, f"{instance.name}.{raw.method}", raw_handler.answer))
    # The router takes the first path that fits: "results/latest" goes before "results/{id}".
    return sorted(routes, key=lambda route: [segment.startswith("{") for segment in route.path.split("/")])


def _methods(method: str, *, head: bool) -> list[str]:
    return [method, "HEAD"] if head and method == "GET" else [method]


def _add_runtime_endpoints(app: FastAPI, service: Service) -> None:
    probes, documentation = Probes(service), Documentation(service)

    async def cubes(request: Request) -> Response:
        return JSONResponse(manifest(service), headers={"cache-control": "no-store"})

    for path, answer in (
        ("/livez", probes.live),
        ("/readyz", probes.ready),
        ("/startupz", probes.startup),
        ("/health", probes.health),
        ("/health/{instance}", probes.instance_health),
        ("/metrics", Metrics(service).answer),
        ("/cubes", cubes),
        ("/openapi.json", documentation.openapi),
        ("/docs", documentation.page),
    ):
        app.add_route(path, answer, methods=["GET"], include_in_schema=False)


async def _answer_http_exception(request: Request, error: Exception) -> Response:
    """Answer what the router could not place, and what raw routes raise."""
    assert isinstance(error, HTTPException)  # noqa: S101 - registered for nothing else
    exchange = Exchange(request)
    if error.status_code < HTTPStatus.BAD_REQUEST:
        return Response(status_code=error.status_code, headers=error.headers)
    match error.status_code, error.detail:
        case HTTPStatus.NOT_FOUND, HTTPStatus.NOT_FOUND.phrase:
            return exchange.refuse(no_such_path(request.scope["path"]))
        case HTTPStatus.METHOD_NOT_ALLOWED, HTTPStatus.METHOD_NOT_ALLOWED.phrase:
            allowed = ", ".join(sorted(_allowed_methods(request)))
            if request.method == HTTPMethod.OPTIONS:
                return Response(status_code=HTTPStatus.NO_CONTENT, headers={"allow": allowed})
            return exchange.refuse(MethodNotAllowed(method=request.method, allowed=allowed), {"allow": allowed})
    return exchange.refuse(_failure(error), error.headers)


async def _answer_exception(request: Request, error: Exception) -> Response:
    """Answer 500 where a mistake is in this package; the server logs the error."""
    return Exchange(request).refuse(Internal())


def _allowed_methods(request: Request) -> set[str]:
    routes: list[BaseRoute] = request.app.router.routes
    allowed = {HTTPMethod.OPTIONS.value}
    for route in routes:
        if isinstance(route, Route) and route.matches(request.scope)[0] is not Match.NONE:
            allowed |= route.methods or set()
    return allowed


def _failure(error: HTTPException) -> Failure:
    """The failure that comes nearest to an exception of starlette's, with its status and text."""
    other = Internal if error.status_code >= HTTPStatus.INTERNAL_SERVER_ERROR else Invalid
    failure = _BY_STATUS.get(error.status_code, other)(error.detail)
    failure.status = error.status_code  # type: ignore[misc]  # of this one failure only
    return failure
