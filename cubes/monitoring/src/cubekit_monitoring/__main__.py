"""``python -m cubekit_monitoring``: writes a Grafana dashboard or Prometheus alert rules to stdout."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from cubekit import CubekitError
from cubekit.composition.compose import compose

from cubekit_monitoring.config import Config
from cubekit_monitoring.grafana import dashboard
from cubekit_monitoring.prometheus import rule_file
from cubekit_monitoring.rules import STANDARD_RULES, Rule

__all__ = ["main"]


def main() -> None:
    """Read the command line, and write."""
    parser = argparse.ArgumentParser(prog="python -m cubekit_monitoring", description=__doc__)
    wanted = parser.add_subparsers(dest="what", required=True)
    wanted.add_parser("dashboard", help="a Grafana dashboard of every metric")
    rules = wanted.add_parser("rules", help="alert rules for Prometheus")
    rules.add_argument("service", nargs="?", type=Path, help="whose rules; by default those that fit any service")
    arguments = parser.parse_args()
    if arguments.what == "dashboard":
        sys.stdout.write(json.dumps(dashboard(), indent=2) + "\n")
        return
    try:
        chosen = _rules_of(arguments.service) if arguments.service else STANDARD_RULES
    except CubekitError as error:
        sys.exit(str(error))
    for rule in chosen:
        if rule.definition is None:
            sys.stderr.write(f"left out: {rule.name}, as it is not known what kind of metric {rule.metric} is\n")
    sys.stdout.write(rule_file(rule for rule in chosen if rule.definition is not None))


def _rules_of(service: Path) -> Sequence[Rule]:
    """Return the rules by which a service is watched.

    :raises CubekitError: if it cannot be composed.
    """
    configs = [cube.config for cube in compose(service).cubes.values() if isinstance(cube.config, Config)]
    return [rule for config in configs for rule in config.alerts.all_rules()]


if __name__ == "__main__":
    main()
