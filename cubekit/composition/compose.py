"""`compose`: a service file becomes a Plan, or every reason why it cannot, at once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path

from cubekit import __version__
from cubekit.composition.checks import (
    check_availability,
    check_engine,
    check_exclusive,
    check_names,
    check_paths,
    check_scopes,
    check_workers,
)
from cubekit.composition.configs import make_config
from cubekit.composition.descriptors import Descriptor, describe
from cubekit.composition.documents import Document, parse, read_document
from cubekit.composition.plan import LeftOut, Plan, PlannedCube
from cubekit.composition.plugins import Plugins, load_plugins
from cubekit.composition.remotes import plan_remote, read_discovery
from cubekit.composition.service_file import CubeSection, GroupSection, ServiceFile
from cubekit.composition.wiring import Candidate, bind, start_order
from cubekit.discovery import Catalogue, CubeInfo, Registry, load_registry, nearest_registry, scan
from cubekit.discovery.cubes import normalised
from cubekit.ground.colours import Colour
from cubekit.ground.diagnostics import CubekitError, Diagnostic, Place
from cubekit.ground.versions import admits, parse_range, split_use

__all__ = ["compose", "compose_document"]


def compose(
    path: Path,
    settings: Iterable[str] = (),
    *,
    catalogue: Catalogue | None = None,
    environ: Mapping[str, str] | None = None,
    imported: dict[CubeInfo, Descriptor | CubekitError] | None = None,
) -> Plan:
    """Read, resolve and check a service. Imports the cubes it names, and nothing else runs.

    :param path: the service file, or the directory that holds ``service.toml``.
    :param settings: overrides such as ``cubes.saju.config.longitude=127.5``, which win over the environment's.
    :param catalogue: the installed cubes, if they are known already.
    :param environ: the environment, ``os.environ`` by default.
    :param imported: receives each cube that was imported, with its descriptor or what was wrong with it.
    :raises CubekitError: with everything that is wrong, in the order of the file.
    """
    document, problems = read_document(path, settings, environ)
    return compose_document(document, catalogue or scan(), environ=environ, problems=problems, imported=imported)


def compose_document(
    document: Document,
    catalogue: Catalogue,
    *,
    environ: Mapping[str, str] | None = None,
    problems: Iterable[Diagnostic] = (),
    imported: dict[CubeInfo, Descriptor | CubekitError] | None = None,
) -> Plan:
    """Do the same from a document that has been read already.

    :param problems: what was wrong with reading it.
    :raises CubekitError: with everything that is wrong.
    """
    service, invalid = parse(document)
    found = [*problems, *invalid]
    if service is None:
        raise CubekitError(_in_order(document.hiding_secrets(found)))
    return _Composer(document, service, catalogue, environ, found, {} if imported is None else imported).plan()


class _Composer:
    """One run of `compose`, collecting problems as it goes."""

    def __init__(
        self,
        document: Document,
        service: ServiceFile,
        catalogue: Catalogue,
        environ: Mapping[str, str] | None,
        problems: list[Diagnostic],
        imported: dict[CubeInfo, Descriptor | CubekitError],
    ) -> None:
        self.document = document
        self.service = service
        self.catalogue = catalogue
        self.environ = environ
        self.problems = problems
        self.warnings: list[Diagnostic] = []
        self.left_out: dict[str, LeftOut] = {}
        self.imported = imported

    def plan(self) -> Plan:
        for problem in check_availability(self.service, self.document):
            (self.warnings if problem.severity == "warning" else self.problems).append(problem)
        self.problems += check_names(self.service, self.document)
        plugins = self._plugins()
        candidates = self._candidates(plugins)
        self._add_remotes(candidates)
        self._bind(candidates)
        order, cycles = start_order(candidates)
        self.problems += cycles
        for check in (check_exclusive, check_paths, check_scopes):
            self.problems += check(candidates)
        self.problems += check_workers(self.service, self.document, candidates)
        groups = {"default": GroupSection(), **self.service.supervise}
        cubes = {name: _planned(candidates[name], groups) for name in order}
        if any(problem.severity == "error" for problem in self.problems):
            # Why cubes were left out may be the reason for the rest.
            raise CubekitError(_in_order(self.document.hiding_secrets([*self.problems, *self.warnings])))
        return Plan(
            name=self.service.service.name,
            source=str(self.document.path),
            http=self.service.http,
            recycle=self.service.recycle,
            telemetry=self.service.telemetry,
            expose=tuple(self.service.service.expose),
            cubes=cubes,
            groups=groups,
            health=self.service.health,
            ready=self._ready(candidates),
            left_out=tuple(self.left_out.values()),
            warnings=tuple(self.document.hiding_secrets(self.warnings)),
            plugins=plugins,
        )

    def _plugins(self) -> Plugins:
        names = [
            (name, self.document.place("service", "plugins", index))
            for index, name in enumerate(self.service.service.plugins)
        ]
        return load_plugins(names, self.catalogue.hooks, self.problems)

    def _candidates(self, plugins: Plugins) -> dict[str, Candidate]:
        candidates = {}
        for name, section in self.service.cubes.items():
            if section.from_ is not None:
                continue
            descriptor = self._descriptor(name, section, plugins)
            engine = list(check_engine(name, section, self.document))
            if descriptor is None:
                if engine:
                    self._leave_out_or_fail(name, section, None, engine)
                continue
            config, wrong = make_config(descriptor.config_type, ("cubes", name, "config"), self.document, self.environ)
            problems = [*engine, *wrong]
            if problems:
                self._leave_out_or_fail(name, section, descriptor.colour, problems)
            if config is not None and not (problems and section.optional):
                place = self.document.place("cubes", name, "use")
                candidates[name] = Candidate(name, section, descriptor, config, place)
        return candidates

    def _add_remotes(self, candidates: dict[str, Candidate]) -> None:
        """Add the cubes of other services: what their contracts are, those know who require them."""
        contracts = {
            requirement.contract.name: requirement.contract
            for candidate in candidates.values()
            for requirement in candidate.descriptor.requires
        }
        known, broken = read_discovery(self.service, self.document, self.environ)
        self.problems += broken
        for name, section in self.service.cubes.items():
            if section.from_ is None:
                continue
            planned, problems = plan_remote(name, section, self.document, known, contracts)
            self.warnings += [problem for problem in problems if problem.severity == "warning"]
            if errors := [problem for problem in problems if problem.severity == "error"]:
                self._leave_out_or_fail(name, section, section.colour, errors)
            if planned is not None:
                place = self.document.place("cubes", name, "use")
                candidates[name] = Candidate(name, section, planned.descriptor, planned.config, place)

    def _descriptor(self, name: str, section: CubeSection, plugins: Plugins) -> Descriptor | None:
        cube, admitted = split_use(section.use)
        place = self.document.place("cubes", name, "use")
        info = self.catalogue.get(cube)
        if normalised(cube) in self.catalogue.conflicts:
            self.problems += [
                d for d in self.catalogue.diagnostics if d.code == "CK203" and f'"{normalised(cube)}"' in d.message
            ]
            return None
        if info is None:
            self._leave_out_or_fail(name, section, None, [self._unknown(name, cube, place)])
            return None
        written_for = parse_range(info.requires_cubekit or "")
        if not admits(written_for, __version__):
            problem = Diagnostic(
                "CK202",
                f'cube "{name}" ({info.distribution} {info.version}) was written for another version of cubekit',
                place,
                needed=f"cubekit-core {written_for}",
                found=f"cubekit-core {__version__}",
                fix=f"pip install --upgrade {info.distribution}",
            )
            self._leave_out_or_fail(name, section, info.colour, [problem])
            return None
        if not admits(admitted, info.version):
            problem = Diagnostic(
                "CK202",
                f'cube "{name}" needs another version of "{cube}"',
                place,
                needed=f"{cube} {admitted}",
                found=f"{info.version} ({info.distribution})",
                fix=f"pip install '{info.distribution}{admitted}'",
            )
            self._leave_out_or_fail(name, section, info.colour, [problem])
            return None
        if info not in self.imported:
            try:
                self.imported[info] = describe(info)
            except CubekitError as error:
                self.imported[info] = error
        result = self.imported[info]
        if isinstance(result, Descriptor):
            try:
                plugins.descriptor_loaded(result)
            except CubekitError as error:
                result = error  # the cube itself is sound, and remembered so
            else:
                return result
        located = [problem if problem.place else replace(problem, place=place) for problem in result.diagnostics]
        self._leave_out_or_fail(name, section, info.colour, located)
        return None

    def _unknown(self, name: str, cube: str, place: Place) -> Diagnostic:
        close = self.catalogue.suggest(cube)
        known = self._registry().cubes
        if cube in known:
            fix = f"cubekit registry add {cube}" if known[cube].releases else f"pip install {known[cube].distribution}"
        else:
            fix = f'use = "{close[0]}"' if close else "cubekit list   (shows what is installed)"
        return Diagnostic(
            "CK201",
            f'cube "{name}" uses "{cube}", which is not installed',
            place,
            needed=f'an installed cube called "{cube}"',
            found=f"similar: {', '.join(close)}" if close else "nothing similar",
            fix=fix,
        )

    def _leave_out_or_fail(
        self, name: str, section: CubeSection, colour: Colour | None, problems: list[Diagnostic]
    ) -> None:
        problems = self.document.hiding_secrets(problems)
        if section.optional:
            before = self.left_out.get(name, LeftOut(name, section.use, colour, ()))
            self.left_out[name] = replace(before, diagnostics=(*before.diagnostics, *problems))
            self.warnings += [replace(problem, severity="warning") for problem in problems]
        else:
            self.problems += problems

    def _bind(self, candidates: dict[str, Candidate]) -> None:
        suggestions = self._providers_known()
        # Leaving an optional cube out may take a provider from others, so go on until nothing changes.
        settled = False
        while not settled:
            settled = True
            found: list[Diagnostic] = []
            for name, candidate in list(candidates.items()):
                candidate.bindings.clear()
                problems = bind(candidate, candidates, suggestions)
                if problems and candidate.section.optional:
                    del candidates[name]
                    self._leave_out_or_fail(name, candidate.section, candidate.descriptor.colour, problems)
                    settled = False
                else:
                    found += problems
            if settled:
                # A cube that could not be looked at may be the missing provider; its own error comes first.
                unknown = self.service.cubes.keys() - candidates.keys() - self.left_out.keys()
                self.problems += [problem for problem in found if problem.code != "CK204" or not unknown]

    def _providers_known(self) -> dict[str, str]:
        return {contract: name for name, entry in self._registry().cubes.items() for contract in entry.contracts}

    def _registry(self) -> Registry:
        """The nearest registry at or above the service file, for suggestions."""
        path = nearest_registry(self.document.path.absolute().parent)
        return load_registry(path) if path else Registry()

    def _ready(self, candidates: Mapping[str, Candidate]) -> frozenset[str]:
        named = self.service.health.readyz.include
        if named is not None:
            return frozenset(named)
        return frozenset(name for name, candidate in candidates.items() if not candidate.section.optional)


def _planned(candidate: Candidate, groups: Mapping[str, GroupSection]) -> PlannedCube:
    name, section = candidate.name, candidate.section
    return PlannedCube(
        name=name,
        descriptor=candidate.descriptor,
        config=candidate.config,
        path=candidate.path,
        place=candidate.place,
        optional=section.optional,
        engine=candidate.engine,
        limits=section.limits,
        breaker=section.breaker,
        retry=section.retry,
        start_timeout=section.start_timeout,
        stop_timeout=section.stop_timeout,
        group=next((group for group, members in groups.items() if name in members.cubes), "default"),
        bindings=dict(candidate.bindings),
    )


def _in_order(problems: Iterable[Diagnostic]) -> list[Diagnostic]:
    return sorted(problems, key=lambda problem: (problem.place is None, (problem.place and problem.place.line) or 0))
