"""Secrets: written down where they are read by others, and files that others may read."""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from cubekit.cli.doctor.addresses import addresses_in
from cubekit.cli.doctor.case import Case, ServiceCase
from cubekit.cli.doctor.findings import Finding, error, ok, warning
from cubekit.ground.diagnostics import Place
from cubekit.ground.toml_lines import Keys

__all__ = ["secrets"]

_NAME = re.compile(r"(^|_)(password|passwd|secret|token|api_?key|private_?key|credentials?)$", re.IGNORECASE)
_FILES = ("*.env", ".env", ".env.*", "*.pem", "*.key", "keys/*.pem")


def secrets(case: Case) -> Iterator[Finding]:
    """Look at what the service file says, at the files that it refers to, and at those beside it."""
    if case.service is None:
        return
    found = [*_written_down(case.service), *_files(case.service)]
    yield from found or [
        ok("secrets", "none is written into the service file, and none of its files is open to others")
    ]


def _written_down(service: ServiceCase) -> Iterator[Finding]:
    values = dict(_values(service.document.data, ()))
    with_password = {one.keys for one in addresses_in(service.document.data, ()) if one.has_password}
    for keys, value in values.items():
        place = service.document.place(*keys)
        if place.source.startswith("environment ") or not isinstance(value, str) or not value:
            continue
        *_, name = (key for key in keys if isinstance(key, str))
        fix = f'{name} = {{ env = "{name.upper()}" }}'
        if keys in with_password:
            yield error(".".join(map(str, keys)), "an address with a password is written down", place, fix=fix)
        elif _NAME.search(name):
            yield warning(".".join(map(str, keys)), "what looks like a secret is written down", place, fix=fix)


def _files(service: ServiceCase) -> Iterator[Finding]:
    """Nobody but the owner may read a secret, or write what a service is made from."""
    data, directory = service.document.data, service.directory
    referred = {
        directory / value: service.document.place(*keys)
        for keys, value in _values(data, ())
        if keys[-1] == "file" and isinstance(value, str)
    }
    beside: dict[Path, Place] = {path: Place(str(path)) for pattern in _FILES for path in directory.glob(pattern)}
    for path, place in (beside | referred).items():
        if (mode := _mode(path)) & 0o044 and _holds_a_secret(path):
            message = f"{path} holds secrets, and others may read it (mode {mode:03o})"
            yield error("secrets", message, place, fix=f"chmod 600 {shlex.quote(str(path))}")
    sources = {place.source for place in service.document.places.values()} | {str(service.document.path)}
    for source in sorted(filter(os.path.exists, sources)):
        if _mode(Path(source)) & 0o002:
            message = f"everybody may write into {source}, and thus say which code runs"
            yield error("service file", message, Place(source), fix=f"chmod o-w {shlex.quote(source)}")


def _values(value: Any, keys: Keys) -> Iterator[tuple[Keys, Any]]:
    if isinstance(value, dict):
        for key, item in value.items():
            yield from _values(item, (*keys, key))
    elif isinstance(value, list):
        for at, item in enumerate(value):
            yield from _values(item, (*keys, at))
    elif keys:
        yield keys, value


def _mode(path: Path) -> int:
    try:
        return path.stat().st_mode & 0o777 if os.name == "posix" else 0
    except OSError:
        return 0  # composing tells that it cannot be read


def _holds_a_secret(path: Path) -> bool:
    """A certificate may be read by all; the key that belongs to it may not."""
    if path.suffix not in {".pem", ".key"}:
        return path.name not in {".env.example", ".env.sample", ".env.template"}
    try:
        return "PRIVATE KEY" in path.read_text(encoding="ascii", errors="replace")
    except OSError:
        return False
