"""What a service is given to run with: Python, a compiler, file descriptors."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Iterator
from pathlib import Path

from cubekit.cli.doctor.case import Case
from cubekit.cli.doctor.findings import Finding, error, ok, warning
from cubekit.cli.doctor.storage import open_to_all

__all__ = ["compiler", "file_descriptors", "python"]

_COMPILERS = ("cc", "gcc", "clang", "cl")
_OWN_DESCRIPTORS = 64
"""What a process has open without any connection: 16 in the example, so this leaves cubes some."""
_WAITING = 2048
"""Connections that a listener lets wait; a process that cannot take so many at once refuses what has been let in."""
_FEWEST_DESCRIPTORS, _MANY_DESCRIPTORS = 256, 65536


def python(case: Case) -> Iterator[Finding]:
    """Say which Python runs, and whether others can put code before it."""
    yield ok("python", f"{sys.version.split()[0]} at {sys.executable}")
    for directory in dict.fromkeys(filter(None, sys.path)):
        if open_to_all(Path(directory)):
            message = f"everybody may write into {directory}, from which modules are imported"
            yield error("python", message, fix=f"chmod o-w {shlex.quote(directory)}")


def compiler(case: Case) -> Iterator[Finding]:
    """Look for a C compiler that runs, and for the headers of this Python."""
    subject = "C compiler"
    named = shlex.split(os.environ.get("CC", ""))
    found = next(filter(None, map(shutil.which, named[:1] or _COMPILERS)), None)
    lost = "cubes that compile their modules run as pure Python, many times slower"
    if found is None:
        missing = f"$CC is {named[0]}, which is not there" if named else "there is none"
        yield warning(subject, f"{missing}: {lost}", fix="apt install gcc   (or: xcode-select --install)")
        return
    if os.name == "posix":
        command = [found, "--version"]
        done = subprocess.run(command, capture_output=True, check=False, timeout=10)  # noqa: S603 - the user's own
        if done.returncode:
            reason = done.stderr.decode(errors="replace").strip().partition("\n")[0] or f"status {done.returncode}"
            message = f"{found} does not run ({reason}): {lost}"
            yield warning(subject, message, fix="install it again: apt install --reinstall gcc")
            return
    header = Path(sysconfig.get_path("include"), "Python.h")
    if not header.exists():
        message = f"{found} is there, and {header} is not: {lost}"
        yield warning(subject, message, fix="apt install python3-dev")
        return
    yield ok(subject, found)


def file_descriptors(case: Case) -> Iterator[Finding]:
    """Compare the limit of open files with the connections that a service takes."""
    subject = "file descriptors"
    try:
        import resource
    except ImportError:
        yield ok(subject, "this system has no such limit")
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY:
        yield ok(subject, "no limit")
        return
    room = max(0, soft - _OWN_DESCRIPTORS)
    text = f"{soft} for each process, thus some {room} connections of clients and to databases at the same time"
    fix = f"ulimit -n {_MANY_DESCRIPTORS}"
    if hard != resource.RLIM_INFINITY and hard < _MANY_DESCRIPTORS:
        more = f"more takes root: LimitNOFILE={_MANY_DESCRIPTORS} in the unit, or nofile in limits.conf"
        fix = f"ulimit -n {hard}; {more}"
    if soft < _FEWEST_DESCRIPTORS:
        message = f"{text}; a handful of clients fills it, and then nobody gets in"
        yield error(subject, message, fix=fix)
    elif room < _WAITING:
        yield warning(subject, f"{text}; the listener alone lets {_WAITING} wait", fix=fix)
    else:
        yield ok(subject, text)
