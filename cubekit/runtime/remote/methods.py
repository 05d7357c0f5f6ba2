"""`RemoteMethod`: a method of a contract as another service offers it; values in, a request out, and back."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, urlencode

from pydantic import create_model

from cubekit.authoring.contracts import ContractInfo
from cubekit.authoring.failures import Invalid
from cubekit.authoring.models import Page
from cubekit.composition.edge import EdgeCodec, InvalidInput, MalformedInput
from cubekit.composition.operations import BODILESS, ResultKind, make_operation
from cubekit.runtime.remote.manifest import ManifestOperation
from cubekit.runtime.remote.wire import BadAnswer

__all__ = ["RemoteMethod"]

_PLACEHOLDER = re.compile(r"{(\w+)}")


class RemoteMethod:
    """One method.

    :param form: what the other service's manifest says of the operation.
    """

    def __init__(self, contract: ContractInfo, method: str, form: ManifestOperation) -> None:
        operation = make_operation(getattr(contract.protocol, method), None)
        self.verb = form.http.method
        self.idempotent = form.idempotent
        self.kind = operation.kind
        self._path = form.http.path
        self._whole_body = form.whole_body
        self._parameters = {parameter.name: parameter for parameter in operation.parameters}
        self._codecs = {p.name: EdgeCodec(p.annotation) for p in operation.parameters if p.annotation is not bytes}
        self._page: Any = Page.__class_getitem__(operation.result) if operation.kind is ResultKind.PAGE else None
        self._result = _result_codec(operation.kind, operation.result)
        in_path = set(_PLACEHOLDER.findall(self._path))
        known = {name for parameter in operation.parameters for name in (parameter.name, parameter.alias)}
        if missing := in_path - known:
            raise ValueError(f"its path names {', '.join(sorted(missing))}, which the contract does not know")
        self._in_path = in_path

    def __str__(self) -> str:
        return f"{self.verb} {self._path}"  # never with values: they are what somebody has asked

    def target(self, arguments: Mapping[str, Any]) -> str:
        """Return path and query.

        :raises Invalid: if a value cannot stand there.
        """
        target = _PLACEHOLDER.sub(lambda match: self._segment(match[1], arguments), self._path)
        if self.verb not in BODILESS:
            return target
        query = [
            (self._parameters[name].alias, text)
            for name, value in arguments.items()
            if not self._is_in_path(name)
            for text in self._queried(name, value)
        ]
        return f"{target}?{urlencode(query)}" if query else target

    def body(self, arguments: Mapping[str, Any]) -> tuple[bytes, str]:
        """Return the body, and its type; both empty if there is none."""
        if self.verb in BODILESS:
            return b"", ""
        inside = [self._parameters[name] for name in arguments if not self._is_in_path(name)]
        if len(inside) == 1 and inside[0].annotation is bytes:
            return arguments[inside[0].name], "application/octet-stream"
        if len(inside) == 1 and inside[0].alias == self._whole_body:
            return self._codecs[inside[0].name].to_json(arguments[inside[0].name]), "application/json"
        fields = [json.dumps(p.alias).encode() + b":" + self._codecs[p.name].to_json(arguments[p.name]) for p in inside]
        return b"{" + b",".join(fields) + b"}", "application/json"

    def result(self, raw: bytes) -> Any:
        """Return the value that a successful answer holds.

        :raises BadAnswer: if it is none of the promised type.
        """
        if self._result is None:
            return raw
        read = self._read(self._result, raw)
        if self.kind is ResultKind.PAGE:
            said = read.pagination
            return self._page(items=read.data, page=said.page, limit=said.limit, total=said.total)
        return read.data

    def item(self, line: bytes) -> Any:
        """Return the item of a stream that a line holds.

        :raises BadAnswer: if it is none of the promised type.
        """
        assert self._result is not None  # noqa: S101 - bytes are no stream
        return self._read(self._result, line).item

    def _read(self, codec: EdgeCodec, raw: bytes) -> Any:
        try:
            return codec.from_json(raw, "ignore")
        except (InvalidInput, MalformedInput) as error:
            raise BadAnswer(f"{self} answered what the contract does not promise: {error}") from error

    def _is_in_path(self, name: str) -> bool:
        return bool({name, self._parameters[name].alias} & self._in_path)

    def _segment(self, placeholder: str, arguments: Mapping[str, Any]) -> str:
        name = next(name for name, one in self._parameters.items() if placeholder in {name, one.alias})
        text = "".join(_texts(self._plain(name, arguments[name])))
        if text in {"", ".", ".."} or "/" in text:  # servers and proxies would take it for another path
            raise Invalid('"{value}" cannot stand in the path of an address.', field=placeholder, value=text)
        return quote(text, safe="")

    def _queried(self, name: str, value: Any) -> list[str]:
        """The texts of a value in a query, where neither null nor an empty list can be said."""
        plain, parameter = self._plain(name, value), self._parameters[name]
        if plain in (None, []) and value != parameter.default:
            raise Invalid("{value} cannot stand in a query.", field=parameter.alias, value=repr(value))
        return _texts(plain)

    def _plain(self, name: str, value: Any) -> Any:
        return json.loads(self._codecs[name].to_json(value))


def _texts(plain: Any) -> list[str]:
    """A value as paths and queries have it: several texts for a list, none for null."""
    several = plain if isinstance(plain, list) else [plain]
    return [one if isinstance(one, str) else json.dumps(one) for one in several if one is not None]


def _result_codec(kind: ResultKind, result: Any) -> EdgeCodec | None:
    match kind:
        case ResultKind.BYTES:
            return None
        case ResultKind.STREAM:
            return EdgeCodec(create_model("Line", item=(result, ...)))
        case ResultKind.PAGE:
            counts = create_model("Pagination", page=(int, ...), limit=(int, ...), total=(int, ...))
            return EdgeCodec(create_model("Answer", data=(tuple[result, ...], ...), pagination=(counts, ...)))
    return EdgeCodec(create_model("Answer", data=(result, ...)))
