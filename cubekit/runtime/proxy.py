"""Proxies: what a cube holds in place of the contract it requires.

A proxy outlives every restart and replacement of the provider. Its methods go through the provider's `Endpoint`, with
the context of the call that is being answered.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any

from cubekit.authoring.context import CallContext, active_call
from cubekit.authoring.contracts import ContractInfo, is_stream
from cubekit.authoring.failures import Unavailable
from cubekit.runtime.dispatch import Endpoint
from cubekit.runtime.instances import Instance, State

__all__ = ["Provider", "make_proxy"]


@dataclass(frozen=True, slots=True)
class Provider:
    """An instance that a proxy may turn to, with its endpoints by the methods' Python names."""

    instance: Instance
    endpoints: Mapping[str, Endpoint]


def make_proxy(contract: ContractInfo, providers: Sequence[Provider]) -> object:
    """Return an object that keeps a contract by calling the first of its providers that runs."""
    target = _Target(contract, providers)
    members: dict[str, Any] = {"__repr__": lambda self: f"<proxy of {contract}>"}
    for method in contract.methods:
        promised = getattr(contract.protocol, method)
        members[method] = functools.wraps(promised)(_forward(target, method, promised))
    if not contract.remotable:
        members["__getattr__"] = lambda self, name: getattr(target.provider().instance.living(), name)
    return type(f"{contract.protocol.__name__}Proxy", (), members)()


class _Target:
    """Chooses who answers."""

    def __init__(self, contract: ContractInfo, providers: Sequence[Provider]) -> None:
        self._contract = contract
        self._providers = providers

    def provider(self) -> Provider:
        for provider in self._providers:
            if provider.instance.state is State.RUNNING:
                return provider
        return self._providers[0]

    def endpoint(self, method: str) -> Endpoint:
        provider = self.provider()
        endpoint = provider.endpoints.get(method)
        if endpoint is None:
            raise Unavailable(
                'Cube "{instance}" was written against an older {contract}, which has no {method}().',
                instance=provider.instance.name,
                contract=self._contract.name,
                method=method,
            )
        return endpoint


def _forward(target: _Target, method: str, promised: Callable[..., Any]) -> Callable[..., Any]:
    signature = inspect.signature(promised)

    def named(proxy: object, arguments: tuple[Any, ...], keywords: dict[str, Any]) -> dict[str, Any]:
        bound = signature.bind(proxy, *arguments, **keywords).arguments
        return dict(list(bound.items())[1:])

    async def call(proxy: object, *arguments: Any, **keywords: Any) -> Any:
        return await target.endpoint(method).call(_context(), named(proxy, arguments, keywords))

    async def stream(proxy: object, *arguments: Any, **keywords: Any) -> AsyncIterator[Any]:
        items = target.endpoint(method).stream(_context(), named(proxy, arguments, keywords))
        async with aclosing(items):
            async for item in items:
                yield item

    def direct(proxy: object, *arguments: Any, **keywords: Any) -> Any:
        return getattr(target.provider().instance.living(), method)(*arguments, **keywords)

    if is_stream(promised):
        return stream
    return call if inspect.iscoroutinefunction(promised) else direct


def _context() -> CallContext:
    """The call that is being answered, or a new one for background work."""
    return active_call.get(None) or CallContext()
