"""The clock: whether it can be right, and whether anything keeps it so."""

from __future__ import annotations

import ctypes
import os
import platform
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

from cubekit.cli.doctor.case import Case
from cubekit.cli.doctor.findings import Finding, error, ok, warning
from cubekit.ground.diagnostics import Place

__all__ = ["clock"]

_TOLERANCE = 60.0
"""Seconds by which a file may come from the future: another machine wrote it."""
_DRIFT = 2.0
"""Seconds between the clock of a file system and that of this machine; the coarsest file systems count in these."""
_TIME_ERROR = 5
"""What adjtimex answers where nobody has set the clock right of late."""
_SET = "timedatectl set-ntp true   (in a container: on its host)"


def clock(case: Case) -> Iterator[Finding]:
    """Compare the clock with what was made before now, with the file system, and ask the kernel who keeps it."""
    wrong = [*_in_the_past(case), *_apart_from_files(), *_unkept(), *_monotonic()]
    yield from wrong or [ok("clock", f"{_text(time.time())}, and nothing contradicts it")]


def _in_the_past(case: Case) -> Iterator[Finding]:
    """A clock that is behind what has been installed, or behind Python itself, is wrong."""
    now = time.time()
    for name in ("cubekit-core", *case.distributions):
        with suppress(PackageNotFoundError):
            metadata = Path(str(getattr(distribution(name), "_path", "")), "METADATA")
            if metadata.exists() and (installed := metadata.stat().st_mtime) > now + _TOLERANCE:
                message = f"it is {_text(now)} here, and {name} was installed at {_text(installed)}"
                yield error("clock", f"{message}: tokens, certificates and caches will be misjudged",
                            Place(str(metadata)), fix=_SET)  # fmt: skip
    with suppress(ValueError):  # who builds Python may write there what he likes
        built = datetime.strptime(platform.python_build()[1], "%b %d %Y %H:%M:%S").replace(tzinfo=UTC).timestamp()
        if now + 86400 < built:  # its time zone is not told
            yield error("clock", f"it is {_text(now)} here, and this Python was built at {_text(built)}", fix=_SET)


def _apart_from_files() -> Iterator[Finding]:
    from cubekit.discovery.cache import cache_directory

    with suppress(OSError):  # a cache that cannot be written has a check of its own
        directory = cache_directory()
        with tempfile.NamedTemporaryFile(dir=directory if directory.exists() else None, prefix="probe-") as probe:
            apart = os.stat(probe.name).st_mtime - time.time()
        if abs(apart) > _DRIFT:
            message = f"the file system of {directory} is {apart:+.0f} s off, so changes of files may go unseen"
            yield warning("clock", message, fix=f"{_SET}; the same on the file server")


def _unkept() -> Iterator[Finding]:
    if sys.platform != "linux" or Path("/run/systemd/timesync/synchronized").exists():
        return
    # `struct timex`, larger than any kernel's; with its first field, modes, 0 it is only read.
    state = ctypes.CDLL(None, use_errno=True).adjtimex(ctypes.create_string_buffer(512))
    if state == _TIME_ERROR:
        message = "nobody keeps the clock: the kernel says that it is not synchronised"
        yield warning("clock", message, fix=_SET)


def _monotonic() -> Iterator[Finding]:
    found = time.get_clock_info("monotonic")
    if found.adjustable or not found.monotonic:
        message = f"deadlines would be measured by {found.implementation}, which can be set back"
        yield error("clock", message, fix="use a Python that was built for this system")


def _text(moment: float) -> str:
    return datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
