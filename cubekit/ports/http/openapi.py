"""The OpenAPI 3.1 document of a service, made from its `Operation` records alone."""

from __future__ import annotations

from typing import Any

from cubekit import __version__
from cubekit.authoring.failures import (
    DeadlineExceeded,
    Failure,
    Internal,
    Overloaded,
    PermissionDenied,
    RateLimited,
    Unauthenticated,
    Unavailable,
)
from cubekit.composition.edge import InvalidInput, MalformedInput
from cubekit.composition.operations import Operation, Parameter, ResultKind
from cubekit.composition.plan import Plan, PlannedCube
from cubekit.ports.http.manifest import http_path
from cubekit.ports.http.problems import (
    PROBLEM_JSON,
    BodyTooLarge,
    BodyTooSlow,
    UnsupportedMediaType,
    problem_type,
    title,
)
from cubekit.ports.http.schemas import PAGINATION, PROBLEM, Schemas
from cubekit.ports.http.stream_forms import EVENT_STREAM, NDJSON, StreamForm, offered_forms

__all__ = ["openapi_document"]

Forms = tuple[StreamForm, ...]


def openapi_document(plan: Plan) -> dict[str, Any]:
    """Return the document of all operations that a plan offers over HTTP."""
    schemas = Schemas()
    paths: dict[str, dict[str, Any]] = {}
    forms = offered_forms(plan.expose)
    for planned in plan.cubes.values():
        for operation in planned.descriptor.operations:
            offered = bool(forms) if operation.kind is ResultKind.STREAM else "rest" in plan.expose
            if operation.exposed and offered:
                method, relative = operation.http
                path = paths.setdefault(_json_path(planned, operation, relative), {})
                path[method.lower()] = _operation(planned, operation, schemas, forms)
    scoped = any(o.options.scope for planned in plan.cubes.values() for o in planned.descriptor.operations)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": plan.name,
            "version": __version__,
            "description": f"Operations of the service {plan.name}, composed of cubes by cubekit.",
        },
        "servers": [{"url": "/"}],
        "tags": [_tag(planned) for planned in plan.cubes.values() if planned.engine != "remote"],
        "paths": paths,
        "components": {
            "schemas": schemas.definitions,
            **({"securitySchemes": _SECURITY_SCHEMES} if scoped else {}),
        },
    }


_SECURITY_SCHEMES = {
    "bearer": {"type": "http", "scheme": "bearer"},
    "apiKey": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
}


def _tag(planned: PlannedCube) -> dict[str, Any]:
    descriptor = planned.descriptor
    colour = descriptor.colour
    kind = f"{colour.emoji} {colour.value} cube {descriptor.name} {descriptor.info.version}"
    return {
        "name": planned.name,
        "description": f"{kind}\n\n{descriptor.doc}".strip(),
        "x-colour": colour.value,
    }


def _json_path(planned: PlannedCube, operation: Operation, relative: str) -> str:
    for parameter in operation.parameters:
        relative = relative.replace(f"{{{parameter.name}}}", f"{{{parameter.alias}}}")
    return http_path(planned, relative)


def _operation(planned: PlannedCube, operation: Operation, schemas: Schemas, forms: Forms) -> dict[str, Any]:
    summary, _, description = operation.doc.partition("\n")
    scope = operation.options.scope
    entry: dict[str, Any] = {
        "operationId": f"{planned.name}.{operation.name}",
        "tags": [planned.name],
        "summary": summary or operation.name,
        "description": description.strip(),
        "parameters": _parameters(operation, schemas) + _HEADERS,
        "requestBody": _request_body(operation, schemas),
        "responses": {"200": _success(operation, schemas, forms), **_problems(planned, operation)},
        "security": [{"bearer": [scope]}, {"apiKey": [scope]}] if scope else None,
        "x-scope": scope,
    }
    return {key: value for key, value in entry.items() if value not in (None, "", [])}


_HEADERS = [
    {
        "name": "X-Request-Timeout",
        "in": "header",
        "description": "Seconds after which the call is given up; shortens the operation's own deadline.",
        "schema": {"type": "number", "exclusiveMinimum": 0},
    }
]


def _parameters(operation: Operation, schemas: Schemas) -> list[dict[str, Any]]:
    if operation.strings is None:
        return []
    schema = schemas.inlined(operation.strings)
    in_path = {parameter.alias for parameter in operation.parameters if parameter.source == "path"}
    required = set(schema.get("required", ()))
    return [
        {
            "name": name,
            "in": "path" if name in in_path else "query",
            "required": name in in_path or name in required,
            "schema": part,
            **({"description": part["description"]} if "description" in part else {}),
        }
        for name, part in schema.get("properties", {}).items()
    ]


def _request_body(operation: Operation, schemas: Schemas) -> dict[str, Any] | None:
    if not operation.has_body:
        return None
    if operation.takes_bytes:
        binary = {"schema": {"type": "string", "contentMediaType": "application/octet-stream"}}
        return {"required": True, "content": {"*/*": binary}}
    if operation.body is None:
        return None
    return {
        "required": any(_needed(parameter) for parameter in operation.parameters),
        "content": {"application/json": {"schema": schemas.reference(operation.body, "validation")}},
    }


def _needed(parameter: Parameter) -> bool:
    return parameter.source == "body" and parameter.required


def _success(operation: Operation, schemas: Schemas, forms: Forms) -> dict[str, Any]:
    if operation.kind is ResultKind.BYTES:
        return {"description": "The document.", "content": {"application/octet-stream": {}}}
    data = schemas.reference(operation.output, "serialization")
    if operation.kind is ResultKind.STREAM:
        return _stream(data, schemas, forms)
    properties: dict[str, Any] = {"success": {"const": True}, "data": data}
    if operation.kind is ResultKind.PAGE:
        properties["data"] = {"type": "array", "items": data}
        properties["pagination"] = schemas.shared("Pagination", PAGINATION)
    envelope = {"type": "object", "properties": properties, "required": list(properties)}
    return {"description": "The result.", "content": {"application/json": {"schema": envelope}}}


def _stream(item: dict[str, Any], schemas: Schemas, forms: Forms) -> dict[str, Any]:
    problem = schemas.shared("Problem", PROBLEM)
    line = {
        "oneOf": [
            {"type": "object", "properties": {"item": item}, "required": ["item"]},
            {"type": "object", "properties": {"end": {"type": "object"}}, "required": ["end"]},
            {"type": "object", "properties": {"error": problem}, "required": ["error"]},
        ]
    }
    event = {
        "type": "string",
        "description": "Frames `event: item` with an `id`, then exactly one `event: end` or `event: error`.",
        "contentMediaType": "application/json",
        "contentSchema": {"anyOf": [item, problem]},
    }
    known = {EVENT_STREAM.media_type: event, NDJSON.media_type: line}
    return {
        "description": "The items as they come, then exactly one end or error.",
        "content": {form.media_type: {"schema": known[form.media_type]} for form in forms},
    }


def _problems(planned: PlannedCube, operation: Operation) -> dict[str, Any]:
    by_status: dict[int, list[type[Failure]]] = {}
    for kind in dict.fromkeys([*_usual(planned, operation), *_declared(planned, operation)]):
        by_status.setdefault(kind.status, []).append(kind)
    return {str(status): _problem(kinds) for status, kinds in sorted(by_status.items())}


def _usual(planned: PlannedCube, operation: Operation) -> list[type[Failure]]:
    kinds: list[type[Failure]] = [MalformedInput, InvalidInput, Internal, Unavailable, DeadlineExceeded]
    if operation.has_body:
        kinds += [BodyTooLarge, BodyTooSlow] + ([] if operation.takes_bytes else [UnsupportedMediaType])
    if operation.options.scope:
        kinds += [Unauthenticated, PermissionDenied]
    if operation.options.rate:
        kinds.append(RateLimited)
    if planned.limits.queue is not None:
        kinds.append(Overloaded)
    return kinds


def _declared(planned: PlannedCube, operation: Operation) -> list[type[Failure]]:
    """The operation's own errors, and those of the contract that it keeps."""
    kept = [
        provision.contract.errors
        for provision in planned.descriptor.provides.values()
        if operation.method in provision.contract.methods
    ]
    return [*operation.options.errors, *(kind for errors in kept for kind in errors)]


def _problem(kinds: list[type[Failure]]) -> dict[str, Any]:
    return {
        "description": " · ".join(title(kind) for kind in kinds),
        "content": {
            PROBLEM_JSON: {
                "schema": {
                    "allOf": [
                        {"$ref": "#/components/schemas/Problem"},
                        {"properties": {"type": {"enum": [problem_type(kind) for kind in kinds]}}},
                    ]
                }
            }
        },
    }
