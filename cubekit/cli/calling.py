"""How ``call`` reaches an operation: through the dispatch of a service in this process, or over HTTP."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import aclosing
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any
from urllib.parse import quote

import anyio

from cubekit.authoring.context import CallContext, Caller
from cubekit.authoring.failures import Failure, NotFound
from cubekit.cli.compositions import compose_and_remember
from cubekit.cli.remote import client, get_json
from cubekit.composition.edge import InvalidInput
from cubekit.composition.operations import Operation, ResultKind
from cubekit.ground.diagnostics import CubekitError, Diagnostic
from cubekit.runtime.dispatch import Endpoint
from cubekit.runtime.service import Service

__all__ = ["Answer", "call_in_process", "call_over_http"]

Schema = Mapping[str, Any]
Receiver = Callable[[Any], None]


@dataclass
class Answer:
    """What an operation answered: data, or a problem. The items of a stream went to the receiver as they came."""

    data: Any = None
    streamed: bool = False
    problem: dict[str, Any] | None = None
    text: str | None = None
    """The data as the cube shows it to people, if it has a way of its own."""


def call_in_process(
    service: Path,
    settings: list[str] | None,
    name: str,
    text: str | None,
    fields: Mapping[str, str],
    receive: Receiver,
) -> Answer:
    """Compose a service, run it without ports, and call one operation.

    :param receive: called with each item of a stream.
    :raises CubekitError: if it cannot be composed or started, or has no such operation (CK501).
    """
    plan = compose_and_remember(service, settings)

    async def run() -> Answer:
        async with Service(plan).running() as running:
            try:
                endpoint = running.endpoint(name)
            except NotFound as error:
                raise _no_operation(name, list(running.endpoints)) from error
            return await _call(endpoint, text, fields, receive)

    return anyio.run(run)


async def _call(endpoint: Endpoint, text: str | None, fields: Mapping[str, str], receive: Receiver) -> Answer:
    operation = endpoint.operation
    try:
        arguments = _arguments(operation, text, fields)
        # Whoever can start the service may call anything in it.
        scope = operation.options.scope
        caller = Caller("cli", frozenset({scope} if scope else ()))
        context = CallContext(caller=caller, port="cli")
        if operation.kind is ResultKind.STREAM:
            async with aclosing(endpoint.stream(context, arguments)) as stream:
                async for item in stream:
                    receive(json.loads(operation.output.to_json(item)))
            return Answer(streamed=True)
        data = _plain(operation, await endpoint.call(context, arguments))
        view = operation.options.view
        return Answer(data=data, text=view(data) if view is not None else None)
    except Failure as failure:
        return Answer(problem=_problem(failure))


def _arguments(operation: Operation, text: str | None, fields: Mapping[str, str]) -> dict[str, Any]:
    if operation.takes_bytes:
        return operation.arguments((text or "").encode())
    if operation.input is None:
        return {}
    document = _merged(text, fields, operation.input.json_schema("validation", "#/$defs/{model}"))
    return operation.arguments(operation.input.from_json(document.encode()))


def _plain(operation: Operation, value: Any) -> Any:
    if operation.kind is ResultKind.BYTES:
        return value.decode("utf-8", "backslashreplace")
    if operation.kind is ResultKind.PAGE:
        items = [json.loads(operation.output.to_json(item)) for item in value.items]
        return {"items": items, "page": value.page, "limit": value.limit, "total": value.total}
    return json.loads(operation.output.to_json(value))


def _problem(failure: Failure) -> dict[str, Any]:
    detail = failure.localized("en")
    errors = failure.errors if isinstance(failure, InvalidInput) else {}
    if failure.field and not errors:
        errors = {failure.field: [detail]}
    return {"code": failure.code, "detail": detail, "retryable": failure.retryable, "errors": errors}


def call_over_http(url: str, name: str, text: str | None, fields: Mapping[str, str], receive: Receiver) -> Answer:
    """Call one operation of a running service.

    :param receive: called with each item of a stream.
    :raises CubekitError: CK502 if it does not answer, or not as a service does; CK501 if it has no such operation.
    """
    document = get_json(url, "/openapi.json")
    operations = {
        operation["operationId"]: (verb, path, operation)
        for path, verbs in document["paths"].items()
        for verb, operation in verbs.items()
        if isinstance(operation, dict) and "operationId" in operation
    }
    if name not in operations:
        raise _no_operation(name, list(operations))
    verb, path, operation = operations[name]
    body = operation.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema", {})
    parameters = {
        one["name"]: one.get("schema", {}) for one in operation.get("parameters", ()) if one["in"] != "header"
    }
    schema = {**document, "allOf": [{"properties": parameters}, body]}
    values = json.loads(_merged(text, fields, schema))
    target = re.sub(r"{(\w+)}", lambda match: quote(str(values.pop(match[1], "")), safe=""), path)
    sent: dict[str, Any] = {"params": values} if verb in {"get", "delete"} else {"json": values}
    accept = "application/x-ndjson, application/json, */*;q=0.1"
    with client(url) as http, http.stream(verb.upper(), target, headers={"accept": accept}, **sent) as answer:
        kind = answer.headers.get("content-type", "")
        if kind.startswith("application/x-ndjson"):
            return _receive_lines(answer.iter_lines(), receive)
        answer.read()
        try:
            if answer.status_code >= 400:
                problem = answer.json()
                return Answer(problem={"code": problem["code"], "detail": problem["detail"], **problem})
            return Answer(data=answer.json()["data"] if kind.startswith("application/json") else answer.text)
        except (ValueError, LookupError, TypeError) as error:
            message = f"{url}{target} answered {answer.status_code} and not as a cubekit service does"
            raise CubekitError(Diagnostic("CK502", message, found=answer.text[:200])) from error


def _receive_lines(lines: Iterable[str], receive: Receiver) -> Answer:
    for line in lines:
        frame = json.loads(line)
        if "error" in frame:
            return Answer(streamed=True, problem=frame["error"])
        if "item" in frame:
            receive(frame["item"])
    return Answer(streamed=True)


def _merged(text: str | None, fields: Mapping[str, str], schema: Schema) -> str:
    """The JSON text with the fields put in; untouched if there are none.

    :raises CubekitError: CK504 if there is no object to put a field into.
    """
    if not fields:
        return text if text is not None else "{}"
    try:
        document = json.loads(text) if text else {}
    except ValueError as error:
        raise _unusable(f"the input is not JSON: {error}") from error
    for dotted, value in fields.items():
        *parents, last = dotted.split(".")
        inner = document
        for parent in parents:
            inner = inner.setdefault(parent, {}) if isinstance(inner, dict) else None
        if not isinstance(inner, dict):
            raise _unusable(f"field {dotted} has no object to go into")
        inner[last] = _typed(value, schema, [*parents, last])
    return json.dumps(document)


def _unusable(message: str) -> CubekitError:
    return CubekitError(
        Diagnostic("CK504", message, fix='give one JSON object, \'{"name": "value"}\', or --name value')
    )


def _typed(text: str, schema: Schema, path: list[str]) -> Any:
    """Read a text as what the schema says; texts that fit no other type stay texts, for the service to refuse."""
    kinds = set(_kinds(schema, schema, path))
    if "string" in kinds and not (text == "null" and "null" in kinds):
        return text
    try:
        return json.loads(text)
    except ValueError:
        return text


def _kinds(root: Schema, schema: Schema, path: list[str]) -> Iterator[str]:
    while "$ref" in schema:
        target: Any = root
        for part in schema["$ref"].removeprefix("#/").split("/"):
            target = target[part]
        schema = target
    for alternative in (*schema.get("anyOf", ()), *schema.get("oneOf", ()), *schema.get("allOf", ())):
        yield from _kinds(root, alternative, path)
    if path:
        if path[0] in schema.get("properties", {}):
            yield from _kinds(root, schema["properties"][path[0]], path[1:])
        return
    kind = schema.get("type")
    yield from [kind] if isinstance(kind, str) else kind or ()
    if "enum" in schema or "const" in schema:
        values = schema.get("enum", [schema.get("const")])
        yield from ("string" for value in values if isinstance(value, str))


def _no_operation(name: str, offered: list[str]) -> CubekitError:
    close = get_close_matches(name, offered, n=3)
    found = f"similar: {', '.join(close)}" if close else f"offered: {', '.join(sorted(offered)) or 'nothing'}"
    return CubekitError(Diagnostic("CK501", f'the service has no operation "{name}"', found=found))
