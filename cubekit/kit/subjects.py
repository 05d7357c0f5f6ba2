"""`Subject`: a cube under test, in the service in which it is tested."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping, MutableMapping, MutableSequence, MutableSet
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import anyio

from cubekit.authoring.cubes import Clock, Cube
from cubekit.authoring.failures import Unauthenticated
from cubekit.authoring.security import Authenticator, Credentials, Identity
from cubekit.composition.compose import compose_document
from cubekit.composition.cube_directory import cubes_of
from cubekit.composition.descriptors import Descriptor, describe
from cubekit.composition.documents import Document, parse, read_document
from cubekit.composition.operations import Operation, ResultKind, make_operation
from cubekit.composition.plan import Plan, PlannedCube
from cubekit.discovery import Catalogue, CubeInfo, scan
from cubekit.discovery.cubes import normalised
from cubekit.ground.colours import Colour
from cubekit.ground.diagnostics import CubekitError, Diagnostic, Place
from cubekit.ground.versions import split_use
from cubekit.kit.inputs import good_inputs
from cubekit.kit.mistakes import located
from cubekit.kit.stand_ins import stand_in
from cubekit.runtime.service import Service

__all__ = ["CREDENTIALS", "Subject", "subjects_in"]

CREDENTIALS = "Bearer cubekit-kit"
"""The ``Authorization`` header of a caller who may do everything."""

_EXAMPLE = Path("examples", "service.toml")
_FOR_VALUES, _FOR_STREAMS = 25, 3
"""Inputs for each operation; the kit waits a while for what streams have to say."""
_PATIENCE = 120.0
"""Seconds that the service of one test may run."""
_DOORKEEPER = "kit-doorkeeper"


@dataclass(frozen=True)
class Subject:
    """A cube under test.

    It runs in the service of its ``examples/service.toml``; without one, with stand-ins for the providers it needs.
    """

    directory: Path
    descriptor: Descriptor
    _at_first: dict[str, str]
    """What stood in the class before anything ran."""
    _inputs: dict[tuple[str, str], list[Any]] = field(default_factory=dict, repr=False)

    @property
    def name(self) -> str:
        """The cube's name."""
        return self.descriptor.name

    @property
    def package(self) -> str:
        """Its importable package."""
        return self.descriptor.cube.__module__.partition(".")[0]

    @property
    def operations(self) -> tuple[Operation, ...]:
        """What it offers over ports."""
        return tuple(operation for operation in self.descriptor.operations if operation.exposed)

    @cached_property
    def promises(self) -> tuple[Operation, ...]:
        """What other cubes may ask of it through remotable contracts, as the contracts say it."""
        return tuple(self._promises())

    @cached_property
    def methods(self) -> tuple[Operation, ...]:
        """Whatever of it is called: its operations, the writers of their JSON, and what its contracts promise."""
        writers = [_writer(one, one.json_method) for one in self.operations if one.json_method is not None]
        said = [_form(one) for one in self.operations]
        return (*self.operations, *writers, *(one for one in self.promises if _form(one) not in said))

    @property
    def scopes(self) -> frozenset[str]:
        """What callers must be allowed."""
        return frozenset(operation.options.scope for operation in self.operations if operation.options.scope)

    @property
    def example(self) -> Path | None:
        """The service file that shows how the cube is used, if there is one."""
        file = self.directory / _EXAMPLE
        return file if file.exists() else None

    def inputs(self, operation: Operation, count: int | None = None) -> list[Any]:
        """Inputs that an operation must take, as JSON data, the author's examples first.

        :param count: only so many of them.
        :raises LookupError: if none was found.
        """
        form = _form(operation)
        if form not in self._inputs:
            most = _FOR_STREAMS if operation.kind is ResultKind.STREAM else _FOR_VALUES
            self._inputs[form] = good_inputs(operation, most)
        if not self._inputs[form]:
            raise LookupError(f"no input was found that {operation.name} takes: give its model `examples`")
        return self._inputs[form][:count]

    def changed_in_class(self) -> list[str]:
        """The names of what its objects share in their class, and have changed."""
        now = _mutable_in(self.descriptor.cube)
        return sorted(name for name, value in now.items() if self._at_first.get(name) != value)

    def plan(self, config: Mapping[str, Any] | None = None, also: str | None = None) -> Plan:
        """Compose the service.

        :param config: replaces values of the cube's configuration.
        :param also: name of a second instance, with the same settings as the first.
        :raises CubekitError: with everything that is wrong.
        """
        document, problems = self._document()
        _, invalid = parse(document)
        if any(problem.severity == "error" for problem in invalid):
            raise CubekitError([*problems, *invalid])
        cubes = document.data.get("cubes", {})
        instance = self._instance_in(cubes)
        settings = cubes[instance] | {"config": {**cubes[instance].get("config", {}), **(config or {})}}
        service = document.data.get("service", {})
        ports = dict.fromkeys([*service.get("expose", ()), "rest", "sse"])  # whatever the example exposes
        service = {**service, "expose": list(ports)}
        data = {**document.data, "service": service, "cubes": {**cubes, instance: settings}}
        if also is not None:
            data["cubes"] |= _bound(self.plan(config), instance, cubes)
            data["cubes"][also] = {**settings, "path": also}
        catalogue = scan().with_cubes(*self._stand_ins)
        if self.scopes:
            data["cubes"][_DOORKEEPER] = {"use": _DOORKEEPER}
            catalogue = _with_doorkeeper(catalogue, self.scopes)
        return compose_document(Document(document.path, data, document.places), catalogue, problems=problems)

    def planned(self, plan: Plan) -> PlannedCube:
        """The instance under test."""
        return next(planned for planned in plan.cubes.values() if planned.descriptor.cube is self.descriptor.cube)

    @asynccontextmanager
    async def running(
        self, clock: Clock | None = None, also: str | None = None, crashes: int = 0
    ) -> AsyncIterator[tuple[Service, PlannedCube]]:
        """Run the service for the time of a ``with`` block.

        :param crashes: how often the test makes the cube crash.
        :raises AssertionError: if it has crashed more often.
        :raises TimeoutError: if it takes so long that it must hang.
        """
        plan = self.plan(also=also)
        planned = self.planned(plan)
        with anyio.fail_after(_PATIENCE), located(self.package, planned.name):
            async with Service(plan, clock).running() as service:
                yield service, planned
                instance = service.instances[planned.name]
                if instance.problem is not None or instance.restarts > crashes:
                    raise AssertionError(f"it has crashed: {instance.problem or 'and runs again'}")

    def _promises(self) -> Iterator[Operation]:
        for provision in self.descriptor.provides.values():
            for method in provision.contract.methods if provision.contract.remotable else ():
                kept = self.descriptor.operation(method)
                if kept is not None:  # a provider of an older version lacks what is new
                    promised = make_operation(getattr(provision.contract.protocol, method), None)
                    yield replace(promised, options=kept.options)

    @cached_property
    def _stand_ins(self) -> tuple[CubeInfo, ...]:
        """Providers of what it needs, if no example brings them."""
        needed = self.descriptor.requires if self.example is None else ()
        return tuple(stand_in(one.contract) for one in needed if one.contract.remotable and not one.optional)

    def _document(self) -> tuple[Document, list[Diagnostic]]:
        if self.example is not None:
            return read_document(self.example)
        names = (self.name, *(one.name for one in self._stand_ins))
        alone = {"service": {"name": "kit"}, "cubes": {name: {"use": name} for name in names}}
        return Document(self.directory, alone, {}), []

    def _instance_in(self, cubes: Mapping[str, Any]) -> str:
        for instance, settings in cubes.items():
            if normalised(split_use(settings["use"])[0]) == self.name:
                return instance
        message = f'the example does not use the cube "{self.name}"'
        place = Place(str(self.directory / _EXAMPLE))
        raise CubekitError(Diagnostic("CK303", message, place, fix=f'[cubes.{self.name}]\nuse = "{self.name}"'))


def _form(operation: Operation) -> tuple[str, str]:
    """The Python name of a method, and what it takes and answers with."""
    parameters = [(one.name, one.annotation, one.default) for one in operation.parameters]
    return operation.method, f"{parameters} -> {operation.kind} {operation.result}"


def _writer(operation: Operation, method: str) -> Operation:
    return replace(operation, method=method, exposed=False, kind=ResultKind.BYTES, result=bytes, json_method=None)


def subjects_in(directory: Path) -> list[Subject]:
    """Return the cubes of a distribution's directory.

    :raises CubekitError: if there is none, or one is not installed or cannot be imported.
    """
    found = map(describe, cubes_of(directory))
    return [Subject(directory.resolve(), descriptor, _mutable_in(descriptor.cube)) for descriptor in found]


def _mutable_in(cube: type[Cube[Any]]) -> dict[str, str]:
    members = {f"{base.__name__}.{name}": value for base in cube.__mro__ for name, value in vars(base).items()}
    mutable = (MutableMapping, MutableSequence, MutableSet)
    return {name: repr(value) for name, value in members.items() if isinstance(value, mutable)}


def _bound(plan: Plan, provider: str, cubes: Mapping[str, Any]) -> dict[str, Any]:
    """The tables of those who require an instance, bound to it: a second provider would leave them a choice."""
    bindings = {
        name: {attribute: list(names) for attribute, names in planned.bindings.items() if provider in names}
        for name, planned in plan.cubes.items()
    }
    return {
        name: {**cubes[name], "bind": {**cubes[name].get("bind", {}), **bind}}
        for name, bind in bindings.items()
        if bind and name in cubes
    }


def _with_doorkeeper(catalogue: Catalogue, scopes: frozenset[str]) -> Catalogue:
    """Add a SECURITY cube that knows the kit, and lets it do whatever the cube under test asks for."""

    class Doorkeeper(Cube, Authenticator, implements="cubekit.authenticator@0.1"):
        async def authenticate(self, credentials: Credentials) -> Identity:
            if credentials.authorization != CREDENTIALS:
                raise Unauthenticated
            return Identity(principal="kit", scopes=scopes)

    target = f"{Doorkeeper.__module__}:{Doorkeeper.__qualname__}"
    info = CubeInfo(_DOORKEEPER, Colour.SECURITY, target, "cubekit-core", "0.1.0", in_memory=Doorkeeper)
    return catalogue.with_cubes(info)
