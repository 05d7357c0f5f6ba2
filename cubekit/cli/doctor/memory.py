"""The memory that is left, on the machine, in the container and to the process."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

from cubekit.cli.doctor.case import Case
from cubekit.cli.doctor.findings import Finding, error, ok, warning

__all__ = ["memory"]

_MIB = 1 << 20
_LITTLE, _TOO_LITTLE = 256 * _MIB, 96 * _MIB
"""The example service has 76 MiB in its process, with monitoring; cubes with models or tables have more."""
_CGROUPS = (
    ("/sys/fs/cgroup", "memory.max", "memory.current", "inactive_file"),
    ("/sys/fs/cgroup/memory", "memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"),
)


def memory(case: Case) -> Iterator[Finding]:
    """Compare the memory that is left with what a service needs."""
    subject = "memory"
    left, whose = _memory_left()
    if left is None:
        yield ok(subject, "this system does not tell how much is left")
        return
    text = f"{left // _MIB} MiB are left {whose}"
    workers, most = 1, 0
    if case.service and case.service.sections:
        sections = case.service.sections
        workers, most = sections.http.workers, sections.recycle.memory or 0
    needed = workers * _TOO_LITTLE
    fix = "end something else, give this process or container more, or lower http.workers"
    if left < needed:
        yield error(subject, f"{text}, and http.workers = {workers} takes some {needed // _MIB} MiB", fix=fix)
    elif most and left < most * (workers + 1):
        allowed = most * (workers + 1) // _MIB
        place = case.service.document.place("recycle", "memory") if case.service else None
        message = f"{text}, and [recycle] memory lets http.workers = {workers} and a successor take {allowed} MiB"
        yield warning(subject, message, place, fix="lower recycle.memory or http.workers")
    elif left < max(needed, _LITTLE):
        yield warning(subject, f"{text}, which a service outgrows soon", fix=fix)
    else:
        yield ok(subject, text)


def _memory_left() -> tuple[int | None, str]:
    """Bytes that this process may still take, and who limits it."""
    left: list[tuple[int, str]] = []
    info = Path("/proc/meminfo")
    if info.exists():
        fields = dict(line.split(":", 1) for line in info.read_text(encoding="ascii").splitlines())
        left.append((int(fields["MemAvailable"].split()[0]) * 1024, "on this machine"))
    for directory, limit, used, cached in _CGROUPS:
        files = [Path(directory, name) for name in (limit, used, "memory.stat")]
        if all(map(Path.exists, files)):
            most, now, figures = (file.read_text(encoding="ascii") for file in files)
            if most.strip().isdecimal():
                # What files occupy counts as used, and is given back when it is needed.
                idle = dict(line.split() for line in figures.splitlines())[cached]
                left.append((int(most) - int(now) + int(idle), "in this container"))
    if sys.platform != "win32":
        import resource

        soft, _ = resource.getrlimit(resource.RLIMIT_AS)
        status = Path("/proc/self/statm")
        if soft != resource.RLIM_INFINITY and status.exists():
            taken = int(status.read_text(encoding="ascii").split()[0]) * resource.getpagesize()
            left.append((soft - taken, "to this process (ulimit -v)"))
    return min(left, default=(None, ""))
