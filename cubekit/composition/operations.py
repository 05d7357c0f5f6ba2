"""`Operation`: the one record of a method, from which every port is made."""

from __future__ import annotations

import dis
import inspect
import re
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from dataclasses import dataclass, is_dataclass
from enum import StrEnum
from functools import cached_property
from typing import Any, get_args, get_origin, get_type_hints

from pydantic import BaseModel, ConfigDict, create_model
from pydantic.fields import FieldInfo
from typing_extensions import is_typeddict

from cubekit.authoring.contracts import DeclarationError, check_stream, is_stream
from cubekit.authoring.models import Page
from cubekit.authoring.operations import OperationOptions
from cubekit.composition.edge import EdgeCodec, camel
from cubekit.composition.writers import check_writer

__all__ = ["Operation", "Parameter", "ResultKind", "make_operation", "make_route_operation"]

BODILESS = frozenset({"GET", "DELETE"})
"""HTTP methods whose requests have no body."""

_PLACEHOLDER = re.compile(r"{(\w+)}")


class ResultKind(StrEnum):
    """How an operation answers."""

    VALUE = "value"
    PAGE = "page"
    BYTES = "bytes"
    STREAM = "stream"


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter of an operation."""

    name: str
    """Name in Python."""
    alias: str
    """Name in JSON."""
    annotation: Any
    default: Any
    """`inspect.Parameter.empty` if it is required."""
    source: str
    """Where HTTP finds it: ``path``, ``query`` or ``body``."""

    @property
    def required(self) -> bool:
        """Whether it has no default."""
        return self.default is inspect.Parameter.empty


@dataclass(frozen=True)
class Operation:
    """What is known of an operation before anything runs."""

    name: str
    """Name in paths and messages: ``solarTerms``."""
    method: str
    """Name in Python: ``solar_terms``."""
    doc: str
    exposed: bool
    """Whether ports offer it; otherwise only other cubes call it, through a contract."""
    options: OperationOptions
    parameters: tuple[Parameter, ...]
    kind: ResultKind
    result: Any
    """Type of the value, or of an item of a page or stream."""
    suspends: bool
    """Whether a call may wait for something: its code has an ``await``, or cannot be looked into."""
    json_method: str | None = None
    """Name in Python of the method that ports call instead: it writes the same result as JSON."""

    @property
    def http(self) -> tuple[str, str]:
        """HTTP method and path relative to the cube's."""
        return self.options.form(self.name)

    @property
    def has_body(self) -> bool:
        """Whether its requests have an HTTP body."""
        return self.http[0] not in BODILESS

    @cached_property
    def input(self) -> EdgeCodec | None:
        """Reads the whole input as one JSON object; None if there is none or it is bytes."""
        return _codec(self.name, self.parameters)

    @cached_property
    def body(self) -> EdgeCodec | None:
        """Reads the HTTP body; None if there is none or it is bytes."""
        return _codec(self.name, self._from("body"))

    @cached_property
    def strings(self) -> EdgeCodec | None:
        """Reads what stands in the HTTP path and query; None if nothing does."""
        return _codec(self.name, self._from("path", "query"))

    @cached_property
    def output(self) -> EdgeCodec:
        """Writes the value, or an item of the page or stream."""
        return EdgeCodec(self.result)

    @property
    def takes_bytes(self) -> bool:
        """Whether the HTTP body is a document, not JSON."""
        return _is_bytes(self._from("body"))

    @property
    def whole_body(self) -> str | None:
        """Name of the parameter that is the whole HTTP body, if it is the only parameter."""
        alone = len(self.parameters) == 1 and self.parameters[0].source == "body"
        parameter = self.parameters[0] if alone else None
        return parameter.name if parameter and (self.takes_bytes or _is_object(parameter.annotation)) else None

    def arguments(self, value: Any) -> dict[str, Any]:
        """Keyword arguments of the method, from what `input` read (or from the bytes)."""
        return _arguments(value, self.parameters)

    def http_arguments(self, body: Any, strings: Any) -> dict[str, Any]:
        """Keyword arguments of the method, from what `body` and `strings` read."""
        return {
            **_arguments(body, self._from("body")),
            **_arguments(strings, self._from("path", "query")),
        }

    def _from(self, *sources: str) -> tuple[Parameter, ...]:
        return tuple(parameter for parameter in self.parameters if parameter.source in sources)


def make_route_operation(method: str) -> Operation:
    """Make the record of a raw route, whose one argument is the request and whose result is the response."""
    return Operation(
        name=method,
        method=method,
        doc="",
        exposed=False,
        options=OperationOptions(),
        parameters=(),
        kind=ResultKind.VALUE,
        result=object,
        suspends=True,
    )


def make_operation(
    function: Callable[..., Any], options: OperationOptions | None, writer: Callable[..., Any] | None = None
) -> Operation:
    """Make the record of a method.

    :param options: what `operation` recorded, or None for a method that only contracts reach.
    :param writer: the method that ``options.json`` names, if the cube has it.
    :raises DeclarationError: if ports could not offer the method; the message says what to change.
    """
    where = function.__qualname__
    try:
        hints = get_type_hints(function, include_extras=True)
    except Exception as error:
        raise DeclarationError(f"{where}: an annotation cannot be resolved at run time: {error}") from error
    exposed = options is not None
    options = options or OperationOptions()
    check_stream(where, function)
    stream = is_stream(function)
    if not stream and not inspect.iscoroutinefunction(function):
        raise DeclarationError(f"{where} must be `async def`, or an async generator for a stream")
    if exposed and "return" not in hints:
        raise DeclarationError(f"{where} needs a return annotation: ports document and write results by it")
    name = camel(function.__name__)
    kind, result = _result(where, stream, hints.get("return", Any))
    _check_options(where, kind, options)
    if options.json is not None:
        check_writer(where, options.json, function, writer)
    operation = Operation(
        name=name,
        method=function.__name__,
        doc=inspect.getdoc(function) or "",
        exposed=exposed,
        options=options,
        parameters=_parameters(function, hints, options.form(name)),
        kind=kind,
        result=result,
        suspends=stream or _may_suspend(function) or (writer is not None and _may_suspend(writer)),
        json_method=options.json,
    )
    if exposed:
        _check_path(where, operation)
        _build_codecs(where, operation)
    return operation


def _result(where: str, stream: bool, returned: Any) -> tuple[ResultKind, Any]:
    if stream:
        arguments = get_args(returned)
        if (get_origin(returned) or returned) not in {AsyncIterator, AsyncGenerator} or not arguments:
            raise DeclarationError(f"{where} is a stream: annotate it `-> AsyncIterator[T]`")
        return ResultKind.STREAM, arguments[0]
    if returned is bytes:
        return ResultKind.BYTES, bytes
    if isinstance(returned, type) and issubclass(returned, Page):
        item = returned.__pydantic_generic_metadata__["args"]
        if not item:
            raise DeclarationError(f"{where}: annotate the page's items, as in `-> Page[Chart]`")
        return ResultKind.PAGE, item[0]
    return ResultKind.VALUE, returned


def _check_options(where: str, kind: ResultKind, options: OperationOptions) -> None:
    if options.cache and kind is ResultKind.STREAM:
        raise DeclarationError(f"{where}: a stream cannot be cached")
    if options.json is not None and kind is not ResultKind.VALUE:
        raise DeclarationError(f"{where}: json= is for operations that return a value, not for a {kind.value}")
    if options.public and options.scope:
        raise DeclarationError(f"{where}: public=True says that the caller does not matter, and scope= that it does")


def _parameters(function: Callable[..., Any], hints: dict[str, Any], http: tuple[str, str]) -> tuple[Parameter, ...]:
    verb, path = http
    in_path = set(_PLACEHOLDER.findall(path))
    found = []
    for parameter in list(inspect.signature(function).parameters.values())[1:]:
        where = f"{function.__qualname__}({parameter.name})"
        if parameter.kind not in {parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY}:
            raise DeclarationError(f"{where}: an operation takes named parameters only")
        if parameter.name not in hints:
            raise DeclarationError(f"{where} needs a type annotation")
        annotation = hints[parameter.name]
        if get_origin(annotation) in {AsyncIterator, AsyncGenerator}:
            raise DeclarationError(f"{where}: streams as input are not available in this version of cubekit")
        alias = camel(parameter.name)
        beside_path = "query" if verb in BODILESS else "body"
        source = "path" if in_path & {parameter.name, alias} else beside_path
        found.append(Parameter(parameter.name, alias, annotation, parameter.default, source))
    return tuple(found)


def _check_path(where: str, operation: Operation) -> None:
    known = {name for parameter in operation.parameters for name in (parameter.name, parameter.alias)}
    if missing := set(_PLACEHOLDER.findall(operation.http[1])) - known:
        raise DeclarationError(f"{where}: the path names {', '.join(sorted(missing))}, which is no parameter")


def _may_suspend(function: Callable[..., Any]) -> bool:
    code = getattr(function, "__code__", None)  # what is compiled has none
    return code is None or any(step.opname == "SEND" for step in dis.get_instructions(code))


def _build_codecs(where: str, operation: Operation) -> None:
    # Built here so that a type without a JSON form is an error of composition, not of the first call.
    try:
        _ = operation.input, operation.body, operation.strings
        if operation.kind is not ResultKind.BYTES:
            _ = operation.output
    except Exception as error:
        raise DeclarationError(f"{where}: a type has no JSON form: {error}") from error


def _is_bytes(parameters: tuple[Parameter, ...]) -> bool:
    return len(parameters) == 1 and parameters[0].annotation is bytes


def _is_object(annotation: Any) -> bool:
    return (
        (isinstance(annotation, type) and issubclass(annotation, BaseModel))
        or is_dataclass(annotation)
        or is_typeddict(annotation)
    )


def _codec(name: str, parameters: tuple[Parameter, ...]) -> EdgeCodec | None:
    if not parameters or _is_bytes(parameters):
        return None
    if len(parameters) == 1 and _is_object(parameters[0].annotation):
        return EdgeCodec(parameters[0].annotation)
    fields: dict[str, Any] = {
        parameter.name: (
            parameter.annotation,
            FieldInfo(**({} if parameter.required else {"default": parameter.default})),
        )
        for parameter in parameters
    }
    title = f"{name[:1].upper()}{name[1:]}Input"
    return EdgeCodec(create_model(title, __config__=ConfigDict(arbitrary_types_allowed=False), **fields))


def _arguments(value: Any, parameters: tuple[Parameter, ...]) -> dict[str, Any]:
    if not parameters:
        return {}
    if _is_bytes(parameters) or (len(parameters) == 1 and _is_object(parameters[0].annotation)):
        return {parameters[0].name: value}
    return {parameter.name: getattr(value, parameter.name) for parameter in parameters}
