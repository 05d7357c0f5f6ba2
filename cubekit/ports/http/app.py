"""`create_app`: a service as an ASGI application."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from http import HTTPMethod, HTTPStatus

from fastapi import FastAPI
from starlette.exceptions import HTTPException
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Match, Route
from starlette.types import Receive, Scope, Send

from cubekit import __version__
from cubekit.authoring.failures import (
    Internal,
)
from cubekit.composition.operations import ResultKind
from cubekit.ports.http.authentication import Authentication
from cubekit.ports.http.calls import CallHandler
from cubekit.ports.http.documentation import Documentation
from cubekit.ports.http.exchange import Exchange
from cubekit.ports.http.head import Head
from cubekit.ports.http.manifest import Manifests, http_path
from cubekit.ports.http.operations import OperationHandler, RawHandler, StreamHandler
from cubekit.ports.http.peers import Alone, Peers
from cubekit.ports.http.probes import Probes
from cubekit.ports.http.problems import MethodNotAllowed, failure_of, no_such_path
from cubekit.ports.http.prometheus import Metrics
from cubekit.ports.http.stream_forms import offered_forms
from cubekit.ports.http.table import Table
from cubekit.ports.http.under_way import UnderWay
from cubekit.runtime.service import Service
from cubekit.runtime.tickets import asyncio_runs

__all__ = ["ServiceApp", "create_app"]


class ServiceApp(FastAPI):
    """FastAPI, with the operations' exact paths in front of its router."""

    table: Table

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if scope["type"] == "http" and asyncio_runs():
            handler = self.table.handlers.get((scope["method"], scope["path"]))
            if handler is not None and not (self.user_middleware and b"origin" in dict(scope["headers"])):
                await self.table.serve(handler, scope, receive, send)
                return
        await super().__call__(scope, receive, send)


def create_app(
    service: Service, under_way: UnderWay | None = None, *, exact: bool = True, peers: Peers | None = None
) -> ServiceApp:
    """Return an application that offers a service's operations, raw routes and runtime endpoints.

    The service is run elsewhere; while it does not, operations answer 503.

    :param under_way: where requests register, for a server that ends them; see `HttpServer`.
    :param exact: whether exact paths are looked up before the router is asked. The answers are the same.
    :param peers: the other workers of the service, if there are any.
    """
    under_way = under_way or UnderWay()
    app = ServiceApp(
        title=service.plan.name,
        version=__version__,
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        # It would record the requests that take the router's way, and not ask whether they are sampled.
        telemetry={"tracing": False, "metrics": False, "logs": False},
        exception_handlers={HTTPException: _answer_http_exception, Exception: _answer_exception},
    )
    calls = _calls(service)
    for found in _routes(service, calls, under_way):
        app.add_api_route(
            found.path,
            found.answer,
            methods=found.methods,
            name=found.name,
            response_model=None,
            include_in_schema=False,
        )
    _add_runtime_endpoints(app, service, peers or Alone())
    if origins := service.plan.http.cors:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=origins,
            allow_methods=["*"],
            allow_headers=["*"],
            allow_credentials="*" not in origins,
            expose_headers=["retry-after"],
        )
    handlers = {(call.method, call.path): call for call in calls.values() if exact and "{" not in call.path}
    app.table = Table(handlers, service.plan.http.max_body, under_way)
    return app


@dataclass(frozen=True, slots=True)
class _Found:
    """A route to be registered."""

    path: str
    methods: list[str]
    name: str
    answer: Callable[[Request], Awaitable[Response]]


def _calls(service: Service) -> dict[str, CallHandler]:
    """The operations that are no streams, by ``instance.operation``."""
    authentication, sample = Authentication(service), service.plan.telemetry.sample
    return {
        name: CallHandler(endpoint, authentication, sample)
        for name, endpoint in service.endpoints.items()
        if "rest" in service.plan.expose and endpoint.operation.kind is not ResultKind.STREAM
    }


def _routes(service: Service, calls: Mapping[str, CallHandler], under_way: UnderWay) -> list[_Found]:
    plan = service.plan
    max_body, sample, authentication = plan.http.max_body, plan.telemetry.sample, Authentication(service)
    routes = [
        _Found(
            call.path,
            _methods(call.method),
            name,
            OperationHandler(call, max_body=max_body, under_way=under_way).answer,
        )
        for name, call in calls.items()
    ]
    forms = offered_forms(plan.expose)
    for name, endpoint in service.endpoints.items():
        if forms and endpoint.operation.kind is ResultKind.STREAM:
            stream = StreamHandler(
                endpoint,
                authentication=authentication,
                forms=forms,
                max_body=max_body,
                under_way=under_way,
                sample=sample,
            )
            verb, path = endpoint.operation.http
            # A HEAD of a stream would begin an answer without an end.
            routes.append(_Found(http_path(endpoint.instance.planned, path), [verb], name, stream.answer))
    for instance in service.instances.values() if "rest" in plan.expose else ():
        for route in instance.planned.descriptor.routes:
            name = f"{instance.name}.{route.method}"
            raw = RawHandler(service.routes[name], max_body=max_body, under_way=under_way, sample=sample)
            path = http_path(instance.planned, route.options.path)
            routes.append(_Found(path, _methods(route.options.method), name, raw.answer))
    # The router takes the first path that fits: "results/latest" goes before "results/{id}".
    return sorted(routes, key=lambda route: [segment.startswith("{") for segment in route.path.split("/")])


def _methods(verb: str) -> list[str]:
    return [verb, "HEAD"] if verb == "GET" else [verb]


def _add_runtime_endpoints(app: FastAPI, service: Service, peers: Peers) -> None:
    probes, documentation = Probes(service, peers), Documentation(service)
    manifests = Manifests(service, peers)

    for path, answer in (
        ("/livez", probes.live),
        ("/readyz", probes.ready),
        ("/startupz", probes.startup),
        ("/health", probes.health),
        ("/health/{name}", probes.part_health),
        ("/metrics", Metrics(service, peers).answer),
        ("/cubes", manifests.answer),
        ("/cubes/contracts/{name}", manifests.contract),
        ("/openapi.json", documentation.openapi),
        ("/docs", documentation.page),
    ):
        app.add_route(path, answer, methods=["GET"], include_in_schema=False)


async def _answer_http_exception(request: Request, error: Exception) -> Response:
    """Answer what the router could not place, and what raw routes raise."""
    assert isinstance(error, HTTPException)  # noqa: S101 - registered for nothing else
    exchange = Exchange(Head.of(request.scope))
    if error.status_code < HTTPStatus.BAD_REQUEST:
        return Response(status_code=error.status_code, headers=error.headers)
    match error.status_code, error.detail:
        case HTTPStatus.NOT_FOUND, HTTPStatus.NOT_FOUND.phrase:
            return exchange.refuse(no_such_path(request.scope["path"])).response()
        case HTTPStatus.METHOD_NOT_ALLOWED, HTTPStatus.METHOD_NOT_ALLOWED.phrase:
            allowed = ", ".join(sorted(_allowed_methods(request)))
            if request.method == HTTPMethod.OPTIONS:
                return Response(status_code=HTTPStatus.NO_CONTENT, headers={"allow": allowed})
            return exchange.refuse(
                MethodNotAllowed(method=request.method, allowed=allowed), {"allow": allowed}
            ).response()
    return exchange.refuse(failure_of(error), error.headers).response()


async def _answer_exception(request: Request, error: Exception) -> Response:
    """Answer 500 where a mistake is in this package; the server logs the error."""
    return Exchange(Head.of(request.scope)).refuse(Internal()).response()


def _allowed_methods(request: Request) -> set[str]:
    routes: list[BaseRoute] = request.app.router.routes
    allowed = {HTTPMethod.OPTIONS.value}
    for route in routes:
        if isinstance(route, Route) and route.matches(request.scope)[0] is not Match.NONE:
            allowed |= route.methods or set()
    return allowed
