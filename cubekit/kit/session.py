"""`CubeSession`: which cubes are tested against which rules, and what came of it."""

from __future__ import annotations

import gc
import json
from collections.abc import AsyncIterator, Generator, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from cubekit.authoring.contracts import ContractInfo, contract_of
from cubekit.ground.diagnostics import CubekitError
from cubekit.ground.quality import RULES, Level, rules_up_to, scale
from cubekit.kit.conformance import conformance_suite
from cubekit.kit.mistakes import told
from cubekit.kit.subjects import Subject, subjects_in
from cubekit.runtime.proxy import make_proxy

__all__ = ["CubeSession", "Result"]


@dataclass
class Result:
    """What became of the rules for one cube."""

    goal: Level
    rules: set[str] = field(default_factory=set)
    """Those that were tested."""
    broken: dict[str, str] = field(default_factory=dict)
    """Those that are not kept, each with the first reason."""
    hopeless: str | None = None
    """Why nothing more can be tried: it does not start or stop in time."""

    @property
    def level(self) -> Level | None:
        """The level that is reached."""
        return scale(self.rules - self.broken.keys())


class CubeSession:
    """The part of the kit that pytest talks to.

    :raises pytest.UsageError: if there is no cube to test.
    """

    def __init__(self, config: pytest.Config) -> None:
        try:
            self._subjects = {subject.name: subject for subject in subjects_in(config.getoption("cube"))}
            for subject in self._subjects.values():
                subject.planned(subject.plan())
        except CubekitError as error:
            hint = "The kit runs a cube in the service of its examples/service.toml, which must give it what it needs."
            raise pytest.UsageError(f"{error}\n\n{hint}") from error
        wanted = config.getoption("quality")
        self._report: Path | None = config.getoption("quality_report")
        self.results = {
            name: Result(Level(wanted or subject.descriptor.info.quality or Level.BRONZE))
            for name, subject in self._subjects.items()
        }
        suites = [Path(__file__).parent / "suite", *self._conformance_suites()]
        given = config.args if config.args_source is pytest.Config.ArgsSource.ARGS else []
        config.args = [*given, *dict.fromkeys(map(str, suites))]

    def _conformance_suites(self) -> Iterator[Path]:
        for name, subject in self._subjects.items():
            self.results[name].rules.add("conformance")
            for contract in subject.descriptor.provides:
                suite = conformance_suite(contract)
                if suite is not None:
                    yield suite
                else:
                    reason = f"no conformance suite of {contract} is installed, which its distribution should bring"
                    self.results[name].broken["conformance"] = reason

    @pytest.fixture
    def cube(self, request: pytest.FixtureRequest) -> Subject:
        """The cube under test."""
        subject: Subject = request.param
        return subject

    @pytest.fixture
    async def provider(self, cube: Subject, request: pytest.FixtureRequest) -> AsyncIterator[Any]:
        """A proxy of the contract that a conformance suite names in ``CONTRACT``, kept by the cube under test."""
        contract = _contract_of(request.module)
        async with cube.running() as (service, planned):
            keepers = [one for one in service.providers(contract.name) if one.instance.name == planned.name]
            yield make_proxy(contract, keepers)

    @pytest.hookimpl(tryfirst=True)
    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        """Run each test for each cube, on each of its event loops."""
        if "cube" not in metafunc.fixturenames:
            return
        subjects = [one for one in self._subjects.values() if _concerns(metafunc.module, one)]
        if "anyio_backend" not in metafunc.fixturenames:
            metafunc.parametrize("cube", subjects, ids=[one.name for one in subjects], indirect=True)
            return
        pairs = [(one, backend) for one in subjects for backend in one.descriptor.cube.backends]
        ids = [f"{one.name}-{backend}" for one, backend in pairs]
        # A mark, since that alone keeps anyio's own fixture from running the test on every event loop there is.
        mark = pytest.mark.parametrize(("cube", "anyio_backend"), pairs, ids=ids, indirect=["cube"])
        metafunc.definition.add_marker(mark)

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Test one cube after the other."""
        names = list(self._subjects)
        items.sort(key=lambda item: names.index(subject.name) if (subject := _subject_of(item)) else -1)

    @pytest.hookimpl(trylast=True)
    def pytest_runtest_teardown(self, item: pytest.Item, nextitem: pytest.Item | None) -> None:
        """Find what a cube has left before it can be blamed on the next one."""
        if nextitem is not None and _subject_of(item) is not _subject_of(nextitem):
            gc.collect()

    def pytest_runtest_setup(self, item: pytest.Function) -> None:
        """Run no cube again that takes all its time to start or stop: each further test would take as long."""
        subject, runs = _subject_of(item), "anyio_backend" in item.fixturenames
        if subject is not None and runs and (reason := self.results[subject.name].hopeless) is not None:
            pytest.fail(f"not tried: {reason}", pytrace=False)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item, call: pytest.CallInfo[None]
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        """Note what became of a rule. A rule above the goal is expected to be broken, so it fails nobody's run."""
        report = yield
        subject, rule = _subject_of(item), _rule_of(item)
        if subject is None or rule is None:
            return report
        result = self.results[subject.name]
        result.rules.add(rule)
        if report.failed:
            reason = told(subject.package, call.excinfo.value) if call.excinfo else report.longreprtext
            if rule == "lifecycle" and call.excinfo and _is_too_slow(call.excinfo.value):
                result.hopeless = reason.splitlines()[0]
            result.broken.setdefault(rule, reason)
            if rule not in rules_up_to(result.goal):
                report.outcome = "skipped"
                report.wasxfail = f"{RULES[rule].level}, above {result.goal}"
        return report

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Show the scale."""
        for name, result in self.results.items():
            info = self._subjects[name].descriptor.info
            reached = result.level or "not even bronze"
            terminalreporter.section(f"{info.colour.emoji} {name} {info.version}: {reached}")
            for rule in (rule for rule in RULES if rule in result.broken):
                reason = result.broken[rule].splitlines()[0]
                terminalreporter.write_line(f"{RULES[rule].level:<8} {rule}: {reason}")

    def pytest_sessionfinish(self) -> None:
        """Write the report."""
        if self._report is not None:
            cubes = [
                {
                    "name": name,
                    "level": result.level,
                    "goal": result.goal,
                    "rules": [
                        {
                            "name": rule,
                            "level": RULES[rule].level,
                            "kept": rule in result.rules and rule not in result.broken,
                            "reason": result.broken.get(rule),
                        }
                        for rule in RULES
                    ],
                }
                for name, result in self.results.items()
            ]
            self._report.write_text(json.dumps(cubes, ensure_ascii=False), encoding="utf-8")


def _contract_of(module: Any) -> ContractInfo:
    contract = contract_of(getattr(module, "CONTRACT", None))
    if contract is None:
        raise pytest.UsageError(f"{module.__name__} is no conformance suite: write CONTRACT = the contract's Protocol")
    return contract


def _concerns(module: Any, subject: Subject) -> bool:
    """Whether a module's tests are for a cube: the kit's own are for all, a conformance suite for who provides it."""
    contract = contract_of(getattr(module, "CONTRACT", None))
    return contract is None or contract.name in subject.descriptor.provides


def _is_too_slow(error: BaseException) -> bool:
    return isinstance(error, CubekitError) and any(one.code in {"CK402", "CK403"} for one in error.diagnostics)


def _subject_of(item: pytest.Item) -> Subject | None:
    return getattr(item, "callspec", None) and item.callspec.params.get("cube")  # type: ignore[attr-defined]


def _rule_of(item: pytest.Item) -> str | None:
    if hasattr(getattr(item, "module", None), "CONTRACT"):
        return "conformance"
    marker = item.get_closest_marker("rule")
    return marker.args[0] if marker else None
