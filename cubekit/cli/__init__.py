"""The command line: ``cubekit VERB``. Everything heavy is imported by the verb that needs it."""

from __future__ import annotations

import sys

__all__ = ["main"]


def main() -> None:
    """Run the command that the arguments name, and exit with its status."""
    from cubekit.cli.app import run

    sys.exit(run())
