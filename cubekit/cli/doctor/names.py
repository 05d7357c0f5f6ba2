"""Names that more than one claims, and entry points that cannot be read."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from importlib.metadata import distributions

from cubekit.cli.doctor.case import Case
from cubekit.cli.doctor.findings import Finding, error, ok, told, warning
from cubekit.cli.verbs import VERBS
from cubekit.discovery.cubes import normalised

__all__ = ["names"]


def names(case: Case) -> Iterator[Finding]:
    """Tell who claims a name that another has, and what cannot be read."""
    found = [
        *(told(diagnostic, "entry points") for diagnostic in case.catalogue.diagnostics),
        *_hidden_commands(case),
        *_installed_twice(case),
    ]
    yield from found or [ok("names", f"{len(case.catalogue.cubes)} cubes, each claimed by one distribution")]


def _hidden_commands(case: Case) -> Iterator[Finding]:
    for command in case.catalogue.commands:
        if command.name in VERBS:
            message = f'its command "{command.name}" is hidden by the verb of that name'
            fix = f"call it otherwise in the pyproject.toml of {command.distribution}, and install that"
            yield warning(f"{command.distribution} {command.version}", message, fix=fix)


def _installed_twice(case: Case) -> Iterator[Finding]:
    """Python takes the first on its path; what is left of another version shadows, or is shadowed."""
    for name in sorted({normalised(name) for name in (*case.distributions, "cubekit-core")}):
        places = {str(getattr(found, "_path", found)): found for found in distributions(name=name)}
        where = Counter(str(found.locate_file("")) for found in places.values())
        versions = {found.version for found in places.values()}
        listed = "\n".join(f"{found.version}  {place}" for place, found in places.items())
        fix = f"pip uninstall {name}   (until it says that it is not installed); then install it again"
        if max(where.values()) > 1:
            yield error(name, f"its metadata are in one directory twice, so its version is a matter of luck\n{listed}",
                        fix=fix)  # fmt: skip
        elif len(versions) > 1:
            yield warning(name, f"is installed {len(places)} times, and the first on the path counts\n{listed}",
                          fix=fix)  # fmt: skip
