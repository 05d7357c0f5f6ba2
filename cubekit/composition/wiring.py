"""Who provides what to whom: binds each requirement to instances, checks colours, orders the start."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from graphlib import CycleError, TopologicalSorter

from pydantic import BaseModel

from cubekit.composition.descriptors import Descriptor, Requirement
from cubekit.composition.service_file import CubeSection
from cubekit.ground.colours import MAY_REQUIRE
from cubekit.ground.diagnostics import Diagnostic, Place
from cubekit.ground.versions import admits

__all__ = ["Candidate", "bind", "start_order"]


@dataclass
class Candidate:
    """An instance that may become part of the plan."""

    name: str
    section: CubeSection
    descriptor: Descriptor
    config: BaseModel
    place: Place
    bindings: dict[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def path(self) -> str:
        """First path segment of its operations."""
        return self.section.path or self.name

    @property
    def engine(self) -> str:
        """Where it runs."""
        return "remote" if self.section.from_ else self.section.engine

    @property
    def label(self) -> str:
        """Name and distribution, for messages."""
        info = self.descriptor.info
        return f'"{self.name}" ({info.distribution} {info.version})'


def bind(
    candidate: Candidate, all_candidates: Mapping[str, Candidate], suggestions: Mapping[str, str]
) -> list[Diagnostic]:
    """Bind every requirement of an instance; return what cannot be bound.

    :param suggestions: for a contract name, the name of a known cube that provides it.
    """
    problems = []
    attributes = {requirement.attribute for requirement in candidate.descriptor.requires}
    for attribute in candidate.section.bind.keys() - attributes:
        needed = ", ".join(sorted(attributes)) or "nothing: the cube requires no contract"
        message = f'cube "{candidate.name}" has nothing called "{attribute}" to bind'
        problems.append(Diagnostic("CK206", message, candidate.place, needed=needed, found=attribute))
    for requirement in candidate.descriptor.requires:
        problems += _bind_one(candidate, requirement, all_candidates, suggestions)
    return problems


def _bind_one(
    candidate: Candidate,
    requirement: Requirement,
    all_candidates: Mapping[str, Candidate],
    suggestions: Mapping[str, str],
) -> list[Diagnostic]:
    contract = requirement.contract.name
    providers = {
        name: other
        for name, other in all_candidates.items()
        if name != candidate.name and contract in other.descriptor.provides
    }
    fitting = [name for name, other in providers.items() if _fits(requirement, other)]
    chosen = candidate.section.bind.get(requirement.attribute)
    if chosen is not None:
        wrong = [name for name in chosen if name not in fitting]
        if wrong:
            return [_unbindable(candidate, requirement, name, providers, all_candidates) for name in wrong]
    elif len(fitting) > 1:
        found = "\n".join(all_candidates[name].label for name in fitting)
        return [
            Diagnostic(
                "CK205",
                f'cube "{candidate.name}" could take contract {contract} from more than one cube',
                candidate.place,
                needed=f"one provider for {requirement.attribute}",
                found=found,
                fix=f'bind.{requirement.attribute} = "{fitting[0]}"   (a list is an order of fail-over)',
            )
        ]
    elif not fitting and not requirement.optional:
        return [_not_provided(candidate, requirement, providers, suggestions)]
    bound = chosen if chosen is not None else tuple(fitting)
    candidate.bindings[requirement.attribute] = bound
    checks = (_check_edge(candidate, requirement, all_candidates[name]) for name in bound)
    return [problem for problems in checks for problem in problems]


def _fits(requirement: Requirement, provider: Candidate) -> bool:
    return admits(requirement.admitted, provider.descriptor.provides[requirement.contract.name].version)


def _not_provided(
    candidate: Candidate, requirement: Requirement, providers: Mapping[str, Candidate], suggestions: Mapping[str, str]
) -> Diagnostic:
    contract = requirement.contract.name
    found = (
        "\n".join(_offer(requirement, other) for other in providers.values()) or "no cube of this service provides it"
    )
    if providers:
        distribution = next(iter(providers.values())).descriptor.info.distribution
        fix = f"pip install a version of {distribution} that provides {contract} {requirement.admitted}"
    elif contract in suggestions:
        fix = f'add [cubes.{contract.split(".")[0]}] with use = "{suggestions[contract]}"'
    else:
        fix = f"add a cube that provides {contract}"
    return Diagnostic(
        "CK204",
        f'cube "{candidate.name}" cannot start',
        candidate.place,
        needed=f"{contract} {requirement.admitted or '(any version)'}",
        found=found,
        fix=fix,
    )


def _offer(requirement: Requirement, provider: Candidate) -> str:
    name = requirement.contract.name
    info = provider.descriptor.info
    version = provider.descriptor.provides[name].version
    return f'{name} {version} from "{provider.name}" ({info.distribution} {info.version})'


def _unbindable(
    candidate: Candidate,
    requirement: Requirement,
    name: str,
    providers: Mapping[str, Candidate],
    all_candidates: Mapping[str, Candidate],
) -> Diagnostic:
    contract = requirement.contract.name
    if name in providers:
        found = _offer(requirement, providers[name])
    elif name == candidate.name:
        found = "the cube itself"
    elif name in all_candidates:
        found = f"{all_candidates[name].label}, which does not provide {contract}"
    else:
        found = f'no cube of this service is called "{name}"'
    return Diagnostic(
        "CK206",
        f'cube "{candidate.name}" cannot take {requirement.attribute} from "{name}"',
        candidate.place,
        needed=f"{contract} {requirement.admitted}",
        found=found,
        fix=f"bind.{requirement.attribute} = one of: {', '.join(providers) or 'none fits'}",
    )


def _check_edge(consumer: Candidate, requirement: Requirement, provider: Candidate) -> list[Diagnostic]:
    problems: list[Diagnostic] = []
    wants, gives = consumer.descriptor.colour, provider.descriptor.colour
    contract = requirement.contract
    if gives not in MAY_REQUIRE[wants]:
        problems.append(
            Diagnostic(
                "CK208",
                f'{wants.emoji} cube "{consumer.name}" may not require {gives.emoji} cube "{provider.name}"',
                consumer.place,
                needed=f"{wants} may require: {', '.join(sorted(MAY_REQUIRE[wants]))}",
                found=f"{contract.name} from {gives} cube {provider.label}",
                fix=f"put a cube between them that may require {gives}, or use an event",
            )
        )
    if not contract.remotable and {consumer.engine, provider.engine} != {"inline"}:
        problems.append(
            Diagnostic(
                "CK212",
                f"contract {contract.name} hands out live objects and cannot cross processes",
                consumer.place,
                needed=f'"{consumer.name}" and "{provider.name}" in one process',
                found=f"engines {consumer.engine} and {provider.engine}",
                fix='engine = "inline" for both, and no from = …',
            )
        )
    return problems


def start_order(candidates: Mapping[str, Candidate]) -> tuple[list[str], list[Diagnostic]]:
    """Return the instances, each after those it depends on, and a diagnostic per cycle."""
    edges = {
        name: {provider for providers in candidate.bindings.values() for provider in providers} & candidates.keys()
        for name, candidate in candidates.items()
    }
    problems: list[Diagnostic] = []
    while True:
        try:
            return list(TopologicalSorter(edges).static_order()), problems
        except CycleError as error:
            cycle: list[str] = error.args[1][::-1]  # graphlib lists each before the one that requires it
            start = cycle.index(min(cycle))
            ring = [*cycle[start:-1], *cycle[:start]] if start else cycle[:-1]
            problems.append(
                Diagnostic(
                    "CK207",
                    f"cubes require each other in a cycle: {' → '.join([*ring, ring[0]])}",
                    candidates[ring[0]].place,
                    fix="let one of them publish an event instead of requiring the other",
                )
            )
            # Without this edge the rest of the graph can be looked at for further cycles.
            edges[ring[0]].discard(ring[1 % len(ring)])
