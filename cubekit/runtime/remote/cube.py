"""`RemoteCube`: a cube that keeps contracts by calling a cube of another service."""

from __future__ import annotations

import json
import random
import string
from collections.abc import AsyncGenerator, Callable, Mapping
from http import HTTPStatus
from time import monotonic
from typing import Any, ClassVar
from urllib.parse import quote, unquote

import anyio

from cubekit.authoring.context import CallContext, current_call
from cubekit.authoring.contracts import ContractInfo, is_stream
from cubekit.authoring.cubes import Cube
from cubekit.authoring.failures import Failure, NotFound, Unauthenticated, Unavailable
from cubekit.authoring.health import Health
from cubekit.composition.descriptors import Descriptor
from cubekit.composition.remotes import CONTRACT_HEADER, RemoteConfig
from cubekit.ground.diagnostics import CubekitError, Diagnostic
from cubekit.runtime.remote.agreement import Agreement, Disagreement, agree
from cubekit.runtime.remote.connection import Answer, Connection, Request
from cubekit.runtime.remote.failures import failure_of, kinds_by_slug
from cubekit.runtime.remote.manifest import reasons_of
from cubekit.runtime.remote.methods import RemoteMethod
from cubekit.runtime.remote.wire import BadAnswer, Broken

__all__ = ["remote_cube"]

_FIRST_PAUSE, _LONGEST_PAUSE = 0.05, 5.0
"""Seconds between two tries to reach a service that is gone."""

_OK = HTTPStatus.OK
_GATEWAY_ERRORS = {HTTPStatus.BAD_GATEWAY, HTTPStatus.SERVICE_UNAVAILABLE, HTTPStatus.GATEWAY_TIMEOUT}
"""What a proxy says that does not reach the service."""


def remote_cube(descriptor: Descriptor) -> type[RemoteCube]:
    """Return the class of a remote cube, with the methods of the contracts that it provides."""
    provided = [provision.contract for provision in descriptor.provides.values()]
    contracts = {method: contract for contract in provided for method in contract.methods}
    errors = tuple(error for contract in provided for error in contract.errors)
    members: dict[str, Any] = {method: _method(contract, method) for method, contract in contracts.items()}
    members |= {"__module__": __name__, "__doc__": RemoteCube.__doc__}
    members |= {"_kinds": kinds_by_slug(errors), "_declared": errors}
    return type("RemoteCube", (RemoteCube,), members)


class RemoteCube(Cube[RemoteConfig]):
    """Calls a cube of another service, which it asks again and again whether it is there and what was agreed.

    While the service is gone no call is tried: each is told so at once, and may go elsewhere.
    """

    _kinds: ClassVar[Mapping[str, type[Failure]]] = {}
    """The failures that may be told apart, by the names that they have on the wire."""
    _declared: ClassVar[tuple[type[Failure], ...]] = ()
    """Those that its contracts declare."""

    def __init__(self) -> None:
        self._connection = Connection(self.config.discovery, self.config.ca)
        self._agreement: Agreement | None = None
        """None while the service is gone."""
        self._last: Agreement | None = None
        self._why = "it has not been asked yet"
        self._token_refused = False
        self._doubted = anyio.Event()
        """Set when a call has met something that the service had better be asked about at once."""

    async def start(self) -> None:
        """Wait for the service, if this one cannot do without it."""
        config, pause = self.config, _FIRST_PAUSE
        until = monotonic() + config.discovery.wait
        while True:
            try:
                await self._agree()
                break
            except (Broken, Disagreement) as error:
                self._lose(str(error))
                if not config.required:
                    break
                if isinstance(error, Disagreement):
                    raise _disagreed(config, error) from error
                if monotonic() + pause > until:
                    raise _unreachable(config, error) from error
            await anyio.sleep(pause)
            pause = min(2 * pause, 1.0)
        self.tasks.start_soon(self._watch)

    async def destroy(self) -> None:
        """Close the connections."""
        await self._connection.close()

    async def health_check(self) -> Health:
        """Say whether the service is there, and how its cube is."""
        if self._agreement is None:
            return Health("fail", f"{self._connection.url}: {self._why}")
        cube = self._agreement.cube
        path = f"/health/{cube.name}"
        try:
            said = await self._connection.inquire(path)
        except Broken as error:
            return Health("fail", f"{self._connection.url}: {error}")
        if said.status == _OK and cube.state == "running":
            refused = f"{self._connection.url} has refused the token of [discovery.{self.config.service}]"
            return Health("warn", refused) if self._token_refused else Health()
        reasons = reasons_of(said.body) or f"{path} answered {said.status}"
        return Health("fail", f'"{cube.name}" is {cube.state} there: {reasons}')

    async def _watch(self) -> None:
        """Notice that the service has gone, that it is back, and that it has become another."""
        pause = _FIRST_PAUSE
        while True:
            if self._agreement is None:
                await anyio.sleep(pause)
                pause = min(2 * pause, _LONGEST_PAUSE)
            else:
                pause = _FIRST_PAUSE
                await anyio.sleep(_FIRST_PAUSE)  # however many calls doubt it
                with anyio.move_on_after(self.config.discovery.every):
                    await self._doubted.wait()
            self._doubted = anyio.Event()
            try:
                await self._agree()
            except (Broken, Disagreement) as error:
                self._lose(str(error))

    async def _agree(self) -> None:
        was_gone, seconds, began = self._agreement is None, self.config.discovery.timeout, monotonic()
        with anyio.move_on_after(seconds) as limit:
            self._agreement = self._last = await agree(self._connection, self.config, self._last)
        if limit.cancelled_caught:
            if not was_gone and self._connection.heard_at > began:
                return  # it is busy: calls are answered
            self._lose(why := f"it did not answer within {seconds:g} s")
            self._connection.abandon()  # nothing that waits for it would ever be answered
            raise Broken(why, sent=True)
        if was_gone:
            self.log.info("%s is there", self._connection.url)

    def _lose(self, why: str) -> None:
        if self._agreement is not None or why != self._why:
            self.log.warning("%s cannot be used: %s", self._connection.url, why)
        self._agreement, self._why = None, why

    def _agreed(self, method: str) -> RemoteMethod:
        if self._agreement is None:
            raise self._unavailable(repeatable=True)
        agreed = self._agreement.methods.get(method)
        if agreed is None:
            message = 'Cube "{instance}" was written against an older contract, which has no {method}().'
            failure = Unavailable(message, instance=self.name, method=method)
            failure.repeatable_for = self.name
            raise failure
        return agreed

    async def _call(self, contract: ContractInfo, name: str, arguments: Mapping[str, Any]) -> Any:
        method, context = self._agreed(name), current_call()
        request = _request(contract, method, arguments, context, "application/json")
        try:
            answer = await self._connection.ask(request)
            if answer.status != _OK:
                raise self._refusal(_read(answer.body), answer, request, method, context)
            return method.result(answer.body)
        except Broken as error:
            raise self._broken(error, method) from error
        except BadAnswer as error:
            self._mistrust(str(error))
            raise

    async def _stream(
        self, contract: ContractInfo, name: str, arguments: Mapping[str, Any]
    ) -> AsyncGenerator[Any, None]:
        method, context = self._agreed(name), current_call()
        request = _request(contract, method, arguments, context, "application/x-ndjson")
        try:
            async with self._connection.streamed(request) as (answer, lines):
                if answer.status != _OK:
                    raise self._refusal(_read(answer.body), answer, request, method, context)
                async for line in lines:
                    if line.startswith(b'{"item"'):
                        yield method.item(line)
                    elif line:
                        frame = _read(line)
                        if "error" in frame:
                            raise self._refusal(frame["error"], answer, request, method, context)
                        if "end" not in frame:
                            raise BadAnswer(f"{method} answered what is neither an item nor an end")
                        return
                raise Broken("the stream ended without an end", sent=True)
        except Broken as error:
            raise self._broken(error, method) from error
        except BadAnswer as error:
            self._mistrust(str(error))
            raise

    def _refusal(
        self, problem: object, answer: Answer, request: Request, method: RemoteMethod, context: CallContext
    ) -> Exception:
        """What a call is told that the service has refused."""
        failure = failure_of(problem, self._kinds, context.locale, answer.retry_after)
        if failure is None and answer.status not in _GATEWAY_ERRORS:
            start = answer.body[:200].decode("utf-8", "replace")
            return BadAnswer(f"{self._connection.url}: {method} answered {answer.status}: {start}")
        if isinstance(failure, Unauthenticated) and not isinstance(failure, self._declared):
            # Not what the caller has shown was refused, but the token of this service.
            if not self._token_refused:
                self._token_refused = True  # told once: every call would meet it
                self.log.error("%s refuses the token of [discovery.%s]", self._connection.url, self.config.service)
            return self._unavailable(repeatable=True)
        if isinstance(failure, NotFound) and failure.params.get("path") == unquote(request.target.partition("?")[0]):
            self._mistrust(f"it has nothing at {method} any more")
            return self._unavailable(repeatable=True)
        if failure is None or isinstance(failure, Unavailable):
            failure = failure or self._unavailable(repeatable=False)
            failure.repeatable_for = self.name if method.idempotent else None
        return failure

    def _broken(self, error: Broken, method: RemoteMethod) -> Unavailable:
        """What a call is told whose connection broke. Whether the service has gone with it is asked at once."""
        self._doubted.set()
        return self._unavailable(repeatable=method.idempotent or not error.sent)

    def _mistrust(self, why: str) -> None:
        """Have everything compared again, though the manifest may say that nothing has changed."""
        if self._last is not None:  # or else it was said for another call
            self.log.warning("%s is asked again what it is: %s", self._connection.url, why)
        self._last = None
        self._doubted.set()

    def _unavailable(self, *, repeatable: bool) -> Unavailable:
        failure = Unavailable(
            'Cube "{instance}" of the service "{service}" cannot be reached.',
            instance=self.name,
            service=self.config.service,
        )
        failure.repeatable_for = self.name if repeatable else None
        return failure


def _method(contract: ContractInfo, name: str) -> Callable[..., Any]:
    """Return the method by which a remote cube keeps a promise."""

    async def call(self: RemoteCube, **arguments: Any) -> Any:
        return await self._call(contract, name, arguments)

    def stream(self: RemoteCube, **arguments: Any) -> AsyncGenerator[Any, None]:
        return self._stream(contract, name, arguments)

    return stream if is_stream(getattr(contract.protocol, name)) else call


def _request(
    contract: ContractInfo, method: RemoteMethod, arguments: Mapping[str, Any], context: CallContext, accept: str
) -> Request:
    body, content_type = method.body(arguments)
    parent = context.parent_span_id or f"{random.getrandbits(64) | 1:016x}"
    headers = (
        f"accept: {accept}\r\n{CONTRACT_HEADER}: {contract}\r\naccept-language: {_header(context.locale)}\r\n"
        f"traceparent: 00-{context.trace_id}-{parent}-{context.sampled:02x}\r\n"
    )
    if content_type:
        headers += f"content-type: {content_type}\r\n"
    if context.deadline is not None:
        headers += f"x-request-timeout: {max(0.001, context.deadline - monotonic()):.3f}\r\n"
    if context.idempotency_key is not None:
        headers += f"idempotency-key: {_header(context.idempotency_key)}\r\n"
    return Request(method.verb, method.target(arguments), headers, body)


def _header(text: str) -> str:
    return text if text.isascii() and text.isprintable() else quote(text, string.punctuation + " ")


def _read(raw: bytes) -> dict[str, Any]:
    """A JSON object; an empty one in place of anything else."""
    try:
        said = json.loads(raw)
    except (ValueError, RecursionError):
        return {}
    return said if isinstance(said, dict) else {}


def _unreachable(config: RemoteConfig, error: Broken) -> CubekitError:
    message = f"service {config.service} at {config.discovery.url} does not answer: {error}"
    fix = f"start it, or correct [discovery.{config.service}] url; or do without it: optional = true"
    return CubekitError(Diagnostic("CK408", message, fix=fix))


def _disagreed(config: RemoteConfig, error: Disagreement) -> CubekitError:
    message = f"service {config.service} at {config.discovery.url} is not what the service file says"
    fix = f"cubekit discover {config.discovery.url}   (prints what to write)"
    return CubekitError(Diagnostic("CK409", message, found="\n".join(error.reasons), fix=fix))
