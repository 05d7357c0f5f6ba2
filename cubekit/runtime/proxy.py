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
from typing import Any, Protocol

from cubekit.authoring.context import CallContext, active_call
from cubekit.authoring.contracts import ContractInfo, is_stream
from cubekit.authoring.failures import Unavailable
from cubekit.runtime.dispatch import Call, Endpoint
from cubekit.runtime.instances import Instance
from cubekit.runtime.tickets import NO_DEADLINE

__all__ = ["Provider", "make_proxy"]


@dataclass(frozen=True, slots=True)
class Provider:
    """An instance that a proxy may turn to, with its endpoints by the methods' Python names."""

    instance: Instance
    endpoints: Mapping[str, Endpoint]


def _ignored(before: str, after: str) -> bool:
    """Of a proxy whose provider nobody follows."""
    return True


def _ailing(provider: Provider) -> bool:
    return provider.instance.ailing


def make_proxy(
    contract: ContractInfo, providers: Sequence[Provider], moved: Callable[[str, str], bool] = _ignored
) -> object:
    """Return an object that keeps a contract by calling the first of its providers that runs and is well.

    If that one goes away during a call of an idempotent operation, or before it has done anything of the call, the
    call fails over to the next. A stream does so before its first item.

    :param moved: called with the names of the old and the new provider when another one answers; returns False to be
        asked again at the next call.
    """
    targets = _Targets(contract, providers, moved)
    members: dict[str, Any] = {"__repr__": lambda self: f"<proxy of {contract}>"}
    for method in contract.methods:
        promised = getattr(contract.protocol, method)
        members[method] = functools.wraps(promised)(_forward(targets, method, promised))
    if not contract.remotable:
        members["__getattr__"] = lambda self, name: getattr(targets.first().instance.living(), name)
    return type(f"{contract.protocol.__name__}Proxy", (), members)()


class _Targets:
    """Chooses who answers."""

    def __init__(
        self, contract: ContractInfo, providers: Sequence[Provider], moved: Callable[[str, str], bool]
    ) -> None:
        self._contract = contract
        self._providers = providers
        self.moved = moved

    @property
    def preferred(self) -> str:
        """The provider that is called while all are well."""
        return self._providers[0].instance.name

    def first(self) -> Provider:
        """The first provider that runs, else the first of all."""
        for provider in self._providers:
            if provider.instance.life is not None:
                return provider
        return self._providers[0]

    def endpoints(self, method: str) -> Sequence[Endpoint]:
        """The endpoints of a method that would take a call now, in the order of fail-over; else the first of all.

        :raises Unavailable: if the only provider that runs has no such method.
        """
        ready = [provider for provider in self._providers if provider.instance.life is not None]
        ready.sort(key=_ailing)
        known = [endpoint for provider in ready if (endpoint := provider.endpoints.get(method)) is not None]
        if found := [endpoint for endpoint in known if not endpoint.refuses] or known:
            return found
        provider = (ready or self._providers)[0]
        endpoint = provider.endpoints.get(method)
        if endpoint is None:
            raise Unavailable(
                'Cube "{instance}" was written against an older {contract}, which has no {method}().',
                instance=provider.instance.name,
                contract=self._contract.name,
                method=method,
            )
        return (endpoint,)

    def chosen(self, method: str) -> _Callable:
        """Return what a call of a method goes to."""
        only = self._providers[0].endpoints.get(method)
        return only if only is not None and len(self._providers) == 1 else _FailOver(self, method)


class _Callable(Protocol):
    @property
    def call(self) -> Call: ...


class _FailOver:
    """Calls the first endpoint of a method, and if that goes away the next."""

    def __init__(self, targets: _Targets, method: str) -> None:
        self._targets = targets
        self._method = method
        self._answering: str | None = None
        """The provider that was told last."""

    async def call(self, context: CallContext, arguments: Mapping[str, Any], deadline: float = NO_DEADLINE, /) -> Any:
        *others, last = self._targets.endpoints(self._method)
        for endpoint in others:
            try:
                value = await endpoint.call(context, arguments, deadline)
            except Unavailable as failure:
                if not _repeatable(endpoint, failure):
                    raise
            else:
                self._note(endpoint)
                return value
        value = await last.call(context, arguments, deadline)
        self._note(last)
        return value

    def _note(self, endpoint: Endpoint) -> None:
        """Note who has answered."""
        before, now = self._answering or self._targets.preferred, endpoint.instance.name
        if before != now and self._targets.moved(before, now):
            self._answering = now


def _repeatable(endpoint: Endpoint, failure: Unavailable) -> bool:
    """Whether a call that has failed may be made elsewhere."""
    return endpoint.operation.options.idempotent or failure.repeatable_for == endpoint.instance.name


def _forward(targets: _Targets, method: str, promised: Callable[..., Any]) -> Callable[..., Any]:
    signature = inspect.signature(promised)

    def named(proxy: object, arguments: tuple[Any, ...], keywords: dict[str, Any]) -> dict[str, Any]:
        bound = signature.bind(proxy, *arguments, **keywords).arguments
        return dict(list(bound.items())[1:])

    async def stream(proxy: object, /, *arguments: Any, **keywords: Any) -> AsyncIterator[Any]:
        context, deadline = active_call.get() or (CallContext(), NO_DEADLINE)
        given = named(proxy, arguments, keywords)
        *others, last = targets.endpoints(method)
        for endpoint in others:
            begun = False
            try:
                async with aclosing(endpoint.stream(context, given, deadline)) as items:
                    async for item in items:
                        begun = True
                        yield item
            except Unavailable as failure:
                if begun or not _repeatable(endpoint, failure):
                    raise
            else:
                return
        async with aclosing(last.stream(context, given, deadline)) as items:
            async for item in items:
                yield item

    def direct(proxy: object, /, *arguments: Any, **keywords: Any) -> Any:
        return getattr(targets.first().instance.living(), method)(*arguments, **keywords)

    if is_stream(promised):
        return stream
    return _make_call(targets, method, signature) if inspect.iscoroutinefunction(promised) else direct


def _make_call(targets: _Targets, method: str, signature: inspect.Signature) -> Callable[..., Any]:
    """Write a function with the promised signature: binding arguments to one is dearer than the rest of a call."""
    proxy, *parameters = signature.parameters.values()
    own = "_"  # begins the names that are ours: no parameter begins like that, whatever it is called
    while any(name.startswith(own) for name in signature.parameters):
        own += "_"
    unset = _Unset(f"{own}unset")
    optional = [parameter.name for parameter in parameters if parameter.default is not parameter.empty]
    written = inspect.Signature(
        [
            parameter.replace(
                annotation=parameter.empty, default=unset if parameter.name in optional else parameter.empty
            )
            for parameter in (proxy, *parameters)
        ]
    )
    given = ", ".join(f"{p.name!r}: {p.name}" for p in parameters if p.name not in optional)
    # What is not given is not passed on: the provider has defaults of its own.
    more = "".join(f"    if {name} is not {unset}:\n        {own}arguments[{name!r}] = {name}\n" for name in optional)
    source = f"""def call{written}:
    {own}arguments = {{{given}}}
{more}    {own}active = {own}get_active()
    {own}context, {own}deadline = ({own}CallContext(), {own}NO_DEADLINE) if {own}active is None else {own}active
    return {own}target.call({own}context, {own}arguments, {own}deadline)
"""
    names: dict[str, Any] = {
        f"{own}CallContext": CallContext,
        f"{own}NO_DEADLINE": NO_DEADLINE,
        f"{unset}": unset,
        f"{own}target": targets.chosen(method),
        f"{own}get_active": active_call.get,
    }
    exec(source, names)  # noqa: S102 - the source is our own; of the contract it has identifiers only
    call: Callable[..., Any] = names["call"]
    return call


@dataclass(frozen=True)
class _Unset:
    """What a parameter is that was not given; written by its name in the function's source."""

    name: str

    def __repr__(self) -> str:
        return self.name
