"""``doctor``: what is wrong with this installation, or with a service on it. One module for each subject."""

from __future__ import annotations

from cubekit.cli.doctor.command import CHECKS, doctor

__all__ = ["CHECKS", "doctor"]
