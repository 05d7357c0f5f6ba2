"""``python -m cubekit_monitoring dashboard|rules``: writes a Grafana dashboard or Prometheus alert rules to stdout."""

from __future__ import annotations

import argparse
import json
import sys

from cubekit_monitoring.grafana import dashboard
from cubekit_monitoring.prometheus import rule_file

__all__ = ["main"]


def main() -> None:
    """Read the command line, and write."""
    parser = argparse.ArgumentParser(prog="python -m cubekit_monitoring", description=__doc__)
    parser.add_argument("what", choices=["dashboard", "rules"])
    wanted = parser.parse_args().what
    sys.stdout.write(json.dumps(dashboard(), indent=2) + "\n" if wanted == "dashboard" else rule_file())


if __name__ == "__main__":
    main()
