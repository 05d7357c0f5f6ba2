#!/usr/bin/env python3
"""Set up the project's environment once, then run a command in it.

python3 dev.py up [ARGS]         serve the example saju service on http://127.0.0.1:8000
python3 dev.py test              every check: ruff, mypy, import-linter, pytest in two processes
python3 dev.py test ARGS         pytest alone, with these arguments
python3 dev.py lock [ARGS]       resolve requirements.lock again (--upgrade takes the newest releases)
python3 dev.py COMMAND [ARGS]    any command of the environment, in the current directory
"""

import sys

if sys.version_info < (3, 11):  # noqa: UP036 - an older one must be able to read this far
    found = "{}.{}".format(*sys.version_info)
    sys.exit("dev.py: cubekit needs Python 3.11 or newer and this is " + found + "; try python3.11 dev.py")

import contextlib
import hashlib
import importlib.util
import json
import os
import re
import shutil
import subprocess
import sysconfig
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NoReturn

ROOT = Path(__file__).resolve().parent
LOCK = ROOT / "requirements.lock"
VENV = ROOT / ".venv"
STAMPS = VENV / "stamps.json"
WINDOWS = os.name == "nt"
BIN = VENV / ("Scripts" if WINDOWS else "bin")
PYTHON = BIN / ("python.exe" if WINDOWS else "python")
ENVIRONMENT = "environment"  # the key of its stamp; every other stamp's key is the directory of a distribution


def say(text: str) -> None:
    """Report progress on stderr: stdout belongs to the command."""
    sys.stderr.write(f"dev.py: {text}\n")
    sys.stderr.flush()


def distributions() -> dict[str, Path]:
    """Return the directories of the local distributions: the root, then contracts, then the cubes that need them."""
    patterns = ("pyproject.toml", "contracts/*/pyproject.toml", "cubes/*/pyproject.toml")
    found = [path.parent for pattern in patterns for path in sorted(ROOT.glob(pattern))]
    return {path.relative_to(ROOT).as_posix(): path for path in found}


def digest(*parts: str | Path) -> str:
    """Hash texts, and files by place and content."""
    result = hashlib.sha256()
    for part in parts:
        content = part.read_bytes() if isinstance(part, Path) else part.encode()
        result.update(f"{part}\0{len(content)}\0".encode() + content)
    return result.hexdigest()


def distribution_stamp(directory: Path) -> str:
    """Hash what an installation is made from: the metadata and, where a hook compiles them, the sources."""
    metadata, hook = directory / "pyproject.toml", directory / "hatch_build.py"
    if not hook.exists():
        return digest(metadata)
    return digest(os.environ.get("CUBEKIT_MYPYC", "auto"), metadata, hook, *sorted(directory.glob("src/**/*.py")))


def save_stamps(stamps: dict[str, str]) -> None:
    """Replace the stamps in one step, so that an interruption leaves the old or the new ones."""
    draft = STAMPS.with_suffix(".draft")
    draft.write_text(json.dumps(stamps, indent=1))
    draft.replace(STAMPS)


@contextlib.contextmanager
def alone() -> Iterator[None]:
    """Hold off other runs of this file; the system releases the lock however this process ends."""
    with open(__file__, "ab") as handle:  # for appending: network file systems lock only what may be written
        if sys.platform == "win32":
            import msvcrt

            handle.seek(1 << 30)  # a locked byte cannot be read there: take one beyond the end
            msvcrt.locking(handle.fileno(), msvcrt.LK_LOCK, 1)
        else:
            import fcntl

            fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def pip_install(*arguments: str) -> None:
    """Install with the environment's pip; build tools come from the lock, never from an isolated build."""
    options = ("--quiet", "--disable-pip-version-check", "--no-build-isolation")
    command = [str(PYTHON), "-m", "pip", "install", *options, *arguments]
    status = subprocess.run(command, cwd=ROOT, stdout=sys.stderr, check=False).returncode
    if status:
        sys.exit(f"dev.py: pip failed with status {status}, see above; mend that and run the same command again")


def create_environment() -> None:
    """Make a new environment and install exactly what the lock file says."""
    missing = [name for name in ("venv", "ensurepip") if importlib.util.find_spec(name) is None]
    if missing:
        sys.exit(f"dev.py: this Python lacks {' and '.join(missing)}; on Debian or Ubuntu: apt install python3-venv")
    import venv

    say(f"creating {VENV.name} with Python {sys.version.split()[0]}")
    venv.create(VENV, clear=True, symlinks=not WINDOWS, with_pip=True)
    say("installing requirements.lock, which takes half a minute")
    setuptools = re.search(r"^setuptools==.*?(?=^\S|\Z)", LOCK.read_text(), re.MULTILINE | re.DOTALL)
    if setuptools:
        builder = VENV / "setuptools.lock"  # goes first: it builds the releases that come as source only
        builder.write_text(setuptools.group())
        pip_install("--require-hashes", "--requirement", str(builder))
    pip_install("--require-hashes", "--requirement", str(LOCK))


def install_distributions(directories: list[Path]) -> None:
    """Install distributions editable, and say which one could not be compiled."""
    say(f"installing {', '.join(directory.name for directory in directories)}")
    pip_install("--no-deps", *(part for directory in directories for part in ("--editable", str(directory))))
    libraries = f"src/**/*{sysconfig.get_config_var('EXT_SUFFIX')}"  # of this Python; another's may lie beside them
    for directory in directories:
        to_compile = (directory / "hatch_build.py").exists() and os.environ.get("CUBEKIT_MYPYC") != "off"
        if to_compile and not any(directory.glob(libraries)):
            say(f"warning: {directory.name} runs as pure Python, slower: it compiles where there is a C compiler")


def set_up(*, local: bool) -> None:
    """Renew the whole environment if Python, lock or place changed or a distribution went; else what changed."""
    directories = distributions()
    with alone():
        wanted = {place: distribution_stamp(directory) for place, directory in directories.items()}
        wanted[ENVIRONMENT] = digest(sys.version, sys.base_prefix, str(ROOT), LOCK)
        found: dict[str, str] = json.loads(STAMPS.read_text()) if STAMPS.exists() and PYTHON.exists() else {}
        if found.get(ENVIRONMENT) != wanted[ENVIRONMENT] or not found.keys() <= wanted.keys():
            STAMPS.unlink(missing_ok=True)
            create_environment()
            found = {ENVIRONMENT: wanted[ENVIRONMENT]}
            save_stamps(found)
        changed = [directory for place, directory in directories.items() if found.get(place) != wanted[place]]
        if changed and local:
            save_stamps({key: stamp for key, stamp in found.items() if stamp == wanted[key]})
            install_distributions(changed)
            save_stamps(wanted)


def variables() -> dict[str, str]:
    """Return the variables that make a process belong to the environment."""
    inherited = {name: value for name, value in os.environ.items() if name != "PYTHONHOME"}
    path = os.pathsep.join([str(BIN), inherited.get("PATH", os.defpath)])
    return {**inherited, "VIRTUAL_ENV": str(VENV), "PATH": path}


def become(command: str, *arguments: str) -> NoReturn:
    """Turn into the command, so that its exit status and signals such as Ctrl-C are its own."""
    environment = variables()
    program = shutil.which(command, path=environment["PATH"])
    if program is None:
        say(f"no command {command!r} in the project's environment or on the PATH; see python3 dev.py --help")
        sys.exit(127)
    if WINDOWS:
        sys.exit(subprocess.run([program, *arguments], env=environment, check=False).returncode)
    os.execve(program, [program, *arguments], environment)


def check(command: str, *arguments: str, directory: Path = ROOT) -> None:
    """Run one step of the full check; a failure ends the check."""
    say(f"{directory.relative_to(ROOT.parent)}: {command} {' '.join(arguments)}")
    environment = {**variables(), "MYPYPATH": "src", "MYPY_CACHE_DIR": str(ROOT / ".mypy_cache")}
    status = subprocess.run([str(BIN / command), *arguments], cwd=directory, env=environment, check=False).returncode
    if status:
        sys.exit(status)


def check_everything() -> NoReturn:
    """Lint, check types and floors, then turn into pytest; a mypy run each, as test modules share their names."""
    check("ruff", "check", ".")
    check("ruff", "format", "--check", ".")
    check("mypy")
    for directory in list(distributions().values())[1:]:
        code = [name for name in ("src", "tests") if (directory / name).is_dir()]
        check("mypy", "--config-file", str(ROOT / "pyproject.toml"), *code, directory=directory)
    check("lint-imports")
    # Most of the time is spent in processes that tests start; a file stays together, as its fixtures are dear.
    become("pytest", "--numprocesses=2", "--dist=loadfile")


def requirements(metadata: dict[str, Any]) -> list[str]:
    """Return what a distribution declares: to build it, to run it and to develop it."""
    developing = (text for group in metadata.get("dependency-groups", {}).values() for text in group)
    return [*metadata["build-system"]["requires"], *metadata["project"].get("dependencies", []), *developing]


def lock(*arguments: str) -> NoReturn:
    """Resolve what the local distributions declare, for every supported Python at once, into the lock file."""
    documents = [tomllib.loads((path / "pyproject.toml").read_text()) for path in distributions().values()]
    local = {document["project"]["name"] for document in documents}
    declared = {requirement for document in documents for requirement in requirements(document)}
    foreign = sorted(text for text in declared if re.split(r"[^\w.-]", text, maxsplit=1)[0] not in local)
    command = [str(BIN / "uv"), "pip", "compile", "-", "--quiet", "--universal", "--python-version", "3.11"]
    command += ["--generate-hashes", "--no-annotate", "--custom-compile-command", "python3 dev.py lock"]
    command += ["--output-file", str(LOCK), *arguments]
    resolved = subprocess.run(command, input="\n".join(foreign), text=True, stdout=subprocess.DEVNULL, check=False)
    sys.exit(resolved.returncode)


def main(arguments: list[str]) -> NoReturn:
    """Read the command line."""
    if not arguments or arguments[0] in {"-h", "--help"}:
        sys.stdout.write(__doc__ or "")
        sys.exit()
    command, *rest = arguments
    set_up(local=command != "lock")
    if command == "lock":
        lock(*rest)
    if command in {"up", "test"}:
        os.chdir(ROOT)
    if command == "up":
        become("cubekit", "up", "examples/saju", *rest)
    if command == "test" and not rest:
        check_everything()
    become("pytest" if command == "test" else command, *rest)


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except KeyboardInterrupt:
        sys.exit(130)
