"""`compose`: a service file becomes a Plan, or every reason why it cannot, at once."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path

from cubekit.composition.configs import make_config
from cubekit.composition.descriptors import Descriptor, describe
from cubekit.composition.documents import Document, parse, read_document
from cubekit.composition.plan import LeftOut, Plan, PlannedCube
from cubekit.composition.plugins import Plugins, load_plugins
from cubekit.composition.service_file import CubeSection, GroupSection, ServiceFile
from cubekit.composition.wiring import Candidate, bind, start_order
from cubekit.discovery import Catalogue, RegistryEntry, load_registry, scan
from cubekit.ground.colours import Colour
from cubekit.ground.diagnostics import CubekitError, Diagnostic, Place
from cubekit.ground.versions import admits, split_use

__all__ = ["compose"]

_PORTS = ("rest", "sse")
_LATER_PORTS = ("ws", "graphql", "mcp", "grpc")


def compose(
    path: Path,
    settings: Iterable[str] = (),
    *,
    catalogue: Catalogue | None = None,
    environ: Mapping[str, str] | None = None,
) -> Plan:
    """Read, resolve and check a service. Imports the cubes it names, and nothing else runs.

    :param path: the service file, or the directory that holds ``service.toml``.
    :param settings: overrides such as ``cubes.saju.config.longitude=127.5``, which win over the environment's.
    :param catalogue: the installed cubes, if they are known already.
    :param environ: the environment, ``os.environ`` by default.
    :raises CubekitError: with everything that is wrong, in the order of the file.
    """
    document, problems = read_document(path, settings, environ)
    service, invalid = parse(document)
    if service is None:
        raise CubekitError(_in_order(problems + invalid))
    return _Composer(document, service, catalogue or scan(), environ, problems).plan()


class _Composer:
    """One run of `compose`, collecting problems as it goes."""

    def __init__(
        self,
        document: Document,
        service: ServiceFile,
        catalogue: Catalogue,
        environ: Mapping[str, str] | None,
        problems: list[Diagnostic],
    ) -> None:
        self.document = document
        self.service = service
        self.catalogue = catalogue
        self.environ = environ
        self.problems = problems
        self.warnings: list[Diagnostic] = []
        self.left_out: dict[str, LeftOut] = {}
        self.descriptors: dict[str, Descriptor | CubekitError] = {}

    def plan(self) -> Plan:
        self._check_service()
        plugins = self._plugins()
        candidates = self._candidates(plugins)
        self._bind(candidates)
        order, cycles = start_order(candidates)
        self.problems += cycles
        self._check_together(candidates)
        groups = self._groups(candidates)
        ready = self._ready(candidates)
        cubes = {name: self._planned(candidates[name], groups) for name in order} if not cycles else {}
        if any(problem.severity == "error" for problem in self.problems):
            raise CubekitError(_in_order(self.problems))
        return Plan(
            name=self.service.service.name,
            source=str(self.document.path),
            http=self.service.http,
            expose=tuple(self.service.service.expose),
            cubes={name: cube for name, cube in cubes.items() if cube is not None},
            groups=groups,
            ready=ready,
            left_out=tuple(self.left_out.values()),
            warnings=tuple(self.warnings),
            plugins=plugins,
        )

    def _error(
        self,
        code: str,
        message: str,
        *keys: str | int,
        needed: str | None = None,
        found: str | None = None,
        fix: str | None = None,
    ) -> None:
        self.problems.append(Diagnostic(code, message, self.document.place(*keys), needed, found, fix))

    def _check_service(self) -> None:
        for index, port in enumerate(self.service.service.expose):
            if port in _LATER_PORTS:
                message = f'port "{port}" is not available in this version of cubekit; the service starts without it'
                place = self.document.place("service", "expose", index)
                self.warnings.append(Diagnostic("CK109", message, place, severity="warning", fix=f'remove "{port}"'))
            elif port not in _PORTS:
                known = ", ".join(_PORTS)
                self._error("CK110", f'unknown port "{port}"', "service", "expose", index, needed=f"one of: {known}")
        if self.service.http.workers > 1:
            self._later("http.workers > 1", "http", "workers", fix="workers = 1")
        for name, group in self.service.supervise.items():
            if group.strategy != "one_for_one":
                self._later(
                    f'strategy "{group.strategy}"', "supervise", name, "strategy", fix='strategy = "one_for_one"'
                )

    def _later(self, what: str, *keys: str, fix: str) -> None:
        self._error("CK109", f"{what} is not available in this version of cubekit", *keys, fix=fix)

    def _plugins(self) -> Plugins:
        names = [
            (name, self.document.place("service", "plugins", index))
            for index, name in enumerate(self.service.service.plugins)
        ]
        return load_plugins(names, self.catalogue.hooks, self.problems)

    def _candidates(self, plugins: Plugins) -> dict[str, Candidate]:
        candidates = {}
        for name, section in self.service.cubes.items():
            self._check_engine(name, section)
            descriptor = self._descriptor(name, section, plugins)
            if descriptor is not None:
                candidates[name] = Candidate(name, section, descriptor, self.document.place("cubes", name, "use"))
        return candidates

    def _check_engine(self, name: str, section: CubeSection) -> None:
        if section.engine != "inline":
            self._later(f'engine "{section.engine}"', "cubes", name, "engine", fix='engine = "inline"')
        if section.replicas.max > 1 or section.replicas.min > 1:
            self._later("more than one replica", "cubes", name, "replicas", fix="replicas = { min = 1, max = 1 }")
        if section.limits.memory is not None and section.engine == "inline":
            self._error(
                "CK213",
                f'limits.memory of cube "{name}" cannot be enforced: an inline cube shares its process with the others',
                "cubes", name, "limits", "memory",
                fix="remove limits.memory",
            )  # fmt: skip

    def _descriptor(self, name: str, section: CubeSection, plugins: Plugins) -> Descriptor | None:
        cube, admitted = split_use(section.use)
        place = self.document.place("cubes", name, "use")
        info = self.catalogue.get(cube)
        if cube in self.catalogue.conflicts:
            self.problems += [d for d in self.catalogue.diagnostics if d.code == "CK203" and f'"{cube}"' in d.message]
            return None
        if info is None:
            self._leave_out_or_fail(name, section, None, [self._unknown(name, cube, place)])
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
        if cube not in self.descriptors:
            try:
                self.descriptors[cube] = descriptor = describe(info)
                plugins.descriptor_loaded(descriptor)
            except CubekitError as error:
                self.descriptors[cube] = error
        result = self.descriptors[cube]
        if isinstance(result, Descriptor):
            return result
        located = [problem if problem.place else replace(problem, place=place) for problem in result.diagnostics]
        self._leave_out_or_fail(name, section, info.colour, located)
        return None

    def _unknown(self, name: str, cube: str, place: Place) -> Diagnostic:
        close = self.catalogue.suggest(cube)
        known = {entry.name: entry.distribution for entry in self._registry()}
        if cube in known:
            fix = f"pip install {known[cube]}"
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
        if section.optional:
            self.left_out[name] = LeftOut(name, section.use, colour, tuple(problems))
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
                self.problems += found

    def _providers_known(self) -> dict[str, str]:
        return {contract: entry.name for entry in self._registry() for contract in entry.contracts}

    def _registry(self) -> tuple[RegistryEntry, ...]:
        path = self.document.path.parent / "registry.toml"
        return load_registry(path) if path.exists() else ()

    def _check_together(self, candidates: Mapping[str, Candidate]) -> None:
        used = Counter(candidate.descriptor.name for candidate in candidates.values())
        for name, candidate in candidates.items():
            cube = candidate.descriptor
            if cube.cube.exclusive and used[cube.name] > 1:
                others = [other for other, c in candidates.items() if c.descriptor.name == cube.name and other != name]
                self._error(
                    "CK209",
                    f'cube "{cube.name}" is exclusive: a service has one instance of it',
                    "cubes", name, "use",
                    found=f"also used by: {', '.join(others)}",
                    fix=f"remove [cubes.{name}]",
                )  # fmt: skip
        self._check_paths(candidates)
        self._check_scopes(candidates)

    def _check_paths(self, candidates: Mapping[str, Candidate]) -> None:
        claims: defaultdict[tuple[str, str], list[tuple[str, str]]] = defaultdict(list)
        for name, candidate in candidates.items():
            segment = candidate.section.path or name
            forms = [(o.http, o.method) for o in candidate.descriptor.operations if o.exposed]
            forms += [((r.options.method, r.options.path), r.method) for r in candidate.descriptor.routes]
            for (verb, path), method in forms:
                shape = re.sub(r"{\w+}", "{}", f"{segment}/{path}")
                claims[verb, shape].append((name, method))
        for (verb, shape), claimants in claims.items():
            if len(claimants) > 1:
                last = claimants[-1][0]
                self._error(
                    "CK210",
                    f"{verb} /api/v1/{shape} is claimed more than once",
                    "cubes", last, "path",
                    found=", ".join(f"{name}.{method}" for name, method in claimants),
                    fix=f'[cubes.{last}] path = "another-segment"',
                )  # fmt: skip

    def _check_scopes(self, candidates: Mapping[str, Candidate]) -> None:
        if any(candidate.descriptor.colour is Colour.SECURITY for candidate in candidates.values()):
            return
        for name, candidate in candidates.items():
            scopes = sorted({o.options.scope for o in candidate.descriptor.operations if o.options.scope})
            if scopes:
                self._error(
                    "CK211",
                    f'operations of cube "{name}" need scopes, and nobody in this service can grant them',
                    "cubes", name, "use",
                    needed=f"a security cube that grants {', '.join(scopes)}",
                    found="no security cube",
                    fix="add a cube of colour security, such as use = \"auth\"",
                )  # fmt: skip

    def _groups(self, candidates: Mapping[str, Candidate]) -> dict[str, GroupSection]:
        member_of: dict[str, str] = {}
        for group, section in self.service.supervise.items():
            for index, name in enumerate(section.cubes):
                self._known(name, "supervise", group, "cubes", index)
                if name in member_of:
                    message = f'cube "{name}" is in two groups: {member_of[name]} and {group}'
                    self._error("CK104", message, "supervise", group, "cubes", index, fix=f'remove "{name}" from one')
                member_of[name] = group
        return {"default": GroupSection(), **self.service.supervise}

    def _ready(self, candidates: Mapping[str, Candidate]) -> frozenset[str]:
        named = self.service.health.readyz.include
        if named is None:
            return frozenset(name for name, candidate in candidates.items() if not candidate.section.optional)
        for index, name in enumerate(named):
            self._known(name, "health", "readyz", "include", index)
        return frozenset(named)

    def _known(self, name: str, *keys: str | int) -> None:
        if name not in self.service.cubes:
            found = ", ".join(self.service.cubes) or "no cube at all"
            self._error("CK111", f'there is no cube "{name}" in this service', *keys, needed=f"one of: {found}")

    def _planned(self, candidate: Candidate, groups: Mapping[str, GroupSection]) -> PlannedCube | None:
        name, section = candidate.name, candidate.section
        config = make_config(candidate.descriptor.config_type, name, self.document, self.problems, self.environ)
        if config is None:
            return None
        return PlannedCube(
            name=name,
            descriptor=candidate.descriptor,
            config=config,
            path=section.path or name,
            place=candidate.place,
            optional=section.optional,
            engine=section.engine,
            limits=section.limits,
            start_timeout=section.start_timeout,
            stop_timeout=section.stop_timeout,
            group=next((group for group, members in groups.items() if name in members.cubes), "default"),
            bindings=dict(candidate.bindings),
        )


def _in_order(problems: Iterable[Diagnostic]) -> list[Diagnostic]:
    return sorted(
        problems, key=lambda problem: (problem.place is None, problem.place.line or 0 if problem.place else 0)
    )
