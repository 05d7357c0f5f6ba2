"""`Descriptor`: what a cube says of itself, obtained by importing it once."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from dataclasses import dataclass
from types import NoneType, UnionType
from typing import Annotated, Any, Union, get_args, get_origin, get_type_hints

from pydantic import BaseModel

from cubekit.authoring.contracts import (
    ContractInfo,
    DeclarationError,
    contract_of,
    contracts_kept_by,
    is_stream,
    kind_of,
)
from cubekit.authoring.cubes import Cube
from cubekit.authoring.operations import RouteOptions, operation_options, route_options
from cubekit.composition.operations import Operation, make_operation
from cubekit.discovery.cubes import CubeInfo
from cubekit.ground.colours import Colour
from cubekit.ground.diagnostics import CubekitError, Diagnostic
from cubekit.ground.versions import SpecifierSet, Version, parse_range

__all__ = ["Descriptor", "Provision", "RawRoute", "Requirement", "describe"]


@dataclass(frozen=True, slots=True)
class Provision:
    """A contract that a cube keeps, in the version it was written against."""

    contract: ContractInfo
    version: Version


@dataclass(frozen=True, slots=True)
class Requirement:
    """A contract that a cube needs, under the attribute where the proxy will be."""

    attribute: str
    contract: ContractInfo
    admitted: SpecifierSet
    optional: bool


@dataclass(frozen=True, slots=True)
class RawRoute:
    """A method that answers raw HTTP requests."""

    method: str
    """Name in Python."""
    options: RouteOptions


@dataclass(frozen=True)
class Descriptor:
    """A cube, imported and checked, before anything of it runs."""

    info: CubeInfo
    cube: type[Cube[Any]]
    doc: str
    provides: dict[str, Provision]
    requires: tuple[Requirement, ...]
    operations: tuple[Operation, ...]
    """Operations offered to the world and methods that contracts reach, by name."""
    routes: tuple[RawRoute, ...]
    warnings: tuple[Diagnostic, ...] = ()

    @property
    def name(self) -> str:
        """The cube's name."""
        return self.info.name

    @property
    def colour(self) -> Colour:
        """The cube's colour."""
        return self.info.colour

    @property
    def config_type(self) -> type[BaseModel]:
        """The model of its configuration."""
        return self.cube.config_type

    @property
    def lifecycle(self) -> list[str]:
        """The lifecycle methods that it defines."""
        steps = ("initialize", "start", "stop", "destroy", "lifespan", "health_check")
        return [step for step in steps if getattr(self.cube, step) is not getattr(Cube, step)]

    def http_forms(self) -> Iterator[tuple[tuple[str, str], str]]:
        """HTTP method and relative path of everything that answers requests, with the Python name of the method."""
        for operation in self.operations:
            if operation.exposed:
                yield operation.http, operation.method
        for route in self.routes:
            yield (route.options.method, route.options.path), route.method

    def operation(self, method: str) -> Operation | None:
        """The record of a method by its Python name, or None."""
        return next((operation for operation in self.operations if operation.method == method), None)


def describe(info: CubeInfo) -> Descriptor:
    """Import a cube and check what it declares.

    :raises CubekitError: with everything that is wrong with it (CK301–CK304).
    """
    cube = info.load()
    if not issubclass(cube, Cube):
        raise CubekitError(
            Diagnostic(
                "CK302",
                f'entry point "{info.name}" leads to a class that is not a cube',
                needed="a subclass of cubekit.Cube",
                found=f"{info.target} ({cube.__module__}.{cube.__qualname__})",
                fix=f"derive the class from cubekit.Cube, or correct the entry point of {info.distribution}",
            )
        )
    problems: list[Diagnostic] = []
    provides = _provisions(info, cube, problems)
    descriptor = Descriptor(
        info=info,
        cube=cube,
        doc=inspect.cleandoc(vars(cube).get("__doc__") or ""),
        provides=provides,
        requires=_requirements(info, cube, problems),
        operations=_operations(info, cube, provides, problems),
        routes=_routes(info, cube, problems),
    )
    _check_lifecycle(info, cube, problems)
    if problems:
        raise CubekitError(problems)
    return descriptor


def _wrong(
    info: CubeInfo,
    message: str,
    *,
    code: str = "CK303",
    needed: str | None = None,
    found: str | None = None,
    fix: str | None = None,
) -> Diagnostic:
    message = f'cube "{info.name}" ({info.distribution} {info.version}): {message}'
    return Diagnostic(code, message, needed=needed, found=found, fix=fix)


def _provisions(info: CubeInfo, cube: type[Cube[Any]], problems: list[Diagnostic]) -> dict[str, Provision]:
    kept = {contract.name: contract for contract in contracts_kept_by(cube)}
    for name in kept.keys() - cube.implements.keys():
        fix = f'class {cube.__name__}(…, implements="{kept[name]}")'
        problems.append(_wrong(info, f"it inherits contract {name} without saying which version", fix=fix))
    provides = {}
    for name, version in cube.implements.items():
        contract = kept.get(name)
        if contract is None:
            fix = f"inherit the Protocol of {name} in class {cube.__name__}"
            problems.append(_wrong(info, f"it claims contract {name} and does not inherit it", code="CK304", fix=fix))
            continue
        if version > contract.version:
            problems.append(
                _wrong(
                    info,
                    f"it was written against {name} {version}, which is not installed",
                    code="CK304",
                    needed=f"{name} >={version}",
                    found=f"{name} {contract.version} in {contract.protocol.__module__}",
                    fix=f"upgrade the distribution that holds {contract.protocol.__module__}",
                )
            )
        _check_methods(info, cube, contract, version, problems)
        provides[name] = Provision(contract, version)
    return provides


def _check_methods(
    info: CubeInfo, cube: type[Cube[Any]], contract: ContractInfo, version: Version, problems: list[Diagnostic]
) -> None:
    for method in contract.methods:
        promised, kept = getattr(contract.protocol, method), getattr(cube, method)
        if kept is promised:
            # A provider of an older version cannot know the methods that a newer one added.
            if version == contract.version:
                message = f"contract {contract} promises {method}(), and it is missing"
                problems.append(_wrong(info, message, code="CK304", fix=f"define {cube.__name__}.{method}"))
            continue
        if (kind := kind_of(kept)) is not kind_of(promised):
            message = f"{method}() is {kind}, and contract {contract} promises {kind_of(promised)}"
            problems.append(
                _wrong(info, message, code="CK304", fix=f"make {cube.__name__}.{method} {kind_of(promised)}")
            )
            continue
        needed, found = (inspect.signature(function) for function in (promised, kept))
        names = tuple(needed.parameters)
        if tuple(found.parameters)[: len(names)] != names or not _required(found) <= _required(needed):
            message = f"{method}() does not take what contract {contract} promises, or needs more"
            shown = {"needed": f"{method}{needed}", "found": f"{method}{found}"}
            problems.append(_wrong(info, message, code="CK304", **shown))


def _required(signature: inspect.Signature) -> set[str]:
    collecting = {inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD}
    parameters = signature.parameters.values()
    return {one.name for one in parameters if one.default is one.empty and one.kind not in collecting}


def _requirements(info: CubeInfo, cube: type[Cube[Any]], problems: list[Diagnostic]) -> tuple[Requirement, ...]:
    try:
        hints = get_type_hints(cube, include_extras=True)
    except Exception as error:  # noqa: BLE001 - evaluating an annotation runs code of the cube
        problems.append(_wrong(info, f"an annotation on the class cannot be resolved at run time: {error}"))
        return ()
    found = []
    for attribute, hint in hints.items():
        kind, *extras = get_args(hint) if get_origin(hint) is Annotated else (hint,)
        optional = get_origin(kind) in {Union, UnionType} and NoneType in get_args(kind)
        if optional:
            kind = next(argument for argument in get_args(kind) if argument is not NoneType)
        contract = contract_of(kind)
        if contract is None:
            continue
        if hasattr(Cube, attribute):
            message = (
                f"attribute {attribute} requires contract {contract.name}, and every cube has a member of that name"
            )
            problems.append(_wrong(info, message, fix=f"rename the attribute {attribute}"))
            continue
        text = next((extra for extra in extras if isinstance(extra, str)), None)
        if text is None:
            fix = f'{attribute}: Annotated[{kind.__name__}, ">={contract.version}"]'
            message = f"attribute {attribute} requires contract {contract.name} without saying which versions"
            problems.append(_wrong(info, message, fix=fix))
            continue
        try:
            found.append(Requirement(attribute, contract, parse_range(text), optional))
        except ValueError as error:
            problems.append(_wrong(info, f"attribute {attribute}: {error}"))
    return tuple(found)


def _operations(
    info: CubeInfo, cube: type[Cube[Any]], provides: dict[str, Provision], problems: list[Diagnostic]
) -> tuple[Operation, ...]:
    promised = {method: provision for provision in provides.values() for method in provision.contract.methods}
    found: dict[str, Operation] = {}
    for name, function in inspect.getmembers(cube, inspect.isfunction):
        options = operation_options(function)
        provision = promised.get(name)
        if options is None and (provision is None or getattr(provision.contract.protocol, name) is function):
            continue
        promise = getattr(provision.contract.protocol, name) if provision else function
        is_async = inspect.iscoroutinefunction(promise) or is_stream(promise)
        if options is None and not is_async:
            continue  # a plain method of a local contract: the proxy hands it out as it is
        if options is None and kind_of(promise) is not kind_of(function):
            continue  # has been told already
        try:
            writer = getattr(cube, options.json, None) if options and options.json else None
            operation = make_operation(function, options, writer)
        except DeclarationError as error:
            problems.append(_wrong(info, str(error)))
            continue
        if (other := found.get(operation.name)) is not None:
            problems.append(_wrong(info, f"methods {other.method} and {name} are both called {operation.name} in JSON"))
        found[operation.name] = operation
    return tuple(found.values())


def _routes(info: CubeInfo, cube: type[Cube[Any]], problems: list[Diagnostic]) -> tuple[RawRoute, ...]:
    found = []
    for name, function in inspect.getmembers(cube, inspect.isfunction):
        options = route_options(function)
        if options is None:
            continue
        if not inspect.iscoroutinefunction(function):
            problems.append(_wrong(info, f"raw route {function.__qualname__} must be `async def`"))
            continue
        found.append(RawRoute(name, options))
    return tuple(found)


def _check_lifecycle(info: CubeInfo, cube: type[Cube[Any]], problems: list[Diagnostic]) -> None:
    steps = [
        step for step in ("initialize", "start", "stop", "destroy") if getattr(cube, step) is not getattr(Cube, step)
    ]
    if cube.lifespan is not Cube.lifespan and steps:
        message = f"it has lifespan() and also {', '.join(f'{step}()' for step in steps)}: choose one"
        problems.append(_wrong(info, message, fix="move the steps into lifespan(), before and after its yield"))
    asynchronous = [*steps, *(["health_check"] if cube.health_check is not Cube.health_check else [])]
    plain = [step for step in asynchronous if not inspect.iscoroutinefunction(getattr(cube, step))]
    problems += [_wrong(info, f"{step}() must be `async def`") for step in plain]
