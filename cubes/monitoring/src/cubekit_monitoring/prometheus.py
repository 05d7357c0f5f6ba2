"""`rule_file`: alert rules as a file for Prometheus, made from the same rules that the cube evaluates."""

from __future__ import annotations

import json
from collections.abc import Iterable

from cubekit_monitoring.rules import STANDARD_RULES, Rule

__all__ = ["rule_file"]


def rule_file(rules: Iterable[Rule] = STANDARD_RULES) -> str:
    """Return the file, in YAML.

    :raises ValueError: for a rule about a metric that a cube makes itself, as it is not known what kind it is.
    """
    lines = ["groups:", "  - name: cubekit", "    rules:"]
    for rule in rules:
        lines += [
            f"      - alert: {rule.name}",
            # A JSON string is a YAML string.
            f"        expr: {json.dumps(rule.expression())}",
            f"        for: {rule.lasting:.0f}s",
            "        labels:",
            f"          severity: {rule.severity}",
            "        annotations:",
            f"          summary: {json.dumps(rule.summary, ensure_ascii=False)}",
        ]
    return "\n".join(lines) + "\n"
