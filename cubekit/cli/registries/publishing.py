"""``registry publish`` and ``yank``: what the owner of a registry's directory does."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path
from typing import Annotated

import typer

from cubekit.cli.console import console
from cubekit.cli.options import Json
from cubekit.cli.registries.project import DryRun, changing_registry, local_registry
from cubekit.discovery.cubes import normalised

__all__ = ["publish", "yank"]

To = Annotated[Path | None, typer.Option("--to", metavar="DIR", help="The registry's directory; default the nearest.")]
Keys = Annotated[Path | None, typer.Option("--keys", metavar="DIR", help="Private keys: sign the registry with them.")]
Valid = Annotated[int, typer.Option("--valid", metavar="DAYS", min=1, help="How long readers may trust the signature.")]

SignChanges = Annotated[
    bool, typer.Option("--sign-changes", help="Sign also what was changed without keys since it was signed last.")
]


def publish(
    cubes: Annotated[
        list[Path] | None, typer.Argument(metavar="DIR", help="Of a distribution, with what was built in its dist.")
    ] = None,
    to: To = None,
    keys: Keys = None,
    valid: Valid = 30,
    new_key: Annotated[bool, typer.Option("--new-key", help="Make another signing.pem; the old one is lost.")] = False,
    sign_changes: SignChanges = False,
    dry_run: DryRun = False,
    json: Json = False,
) -> None:
    """Add built cubes to a registry's directory. With --keys sign it; without a DIR only that, before it expires."""
    from cubekit.registry.publishing import publish as add

    directory = _directory(to)
    with nullcontext() if dry_run else changing_registry(directory):
        if keys and not sign_changes:
            _check_unchanged(directory, keys, new_key=new_key)
        done = []
        for cube in cubes or ():
            console.progress(f"publishing {cube}")
            done.append(add(cube, directory, dry_run=dry_run))
        root = None if dry_run else _sign(directory, keys, valid, new_key=new_key)
    lines = ["would be published:"] if dry_run and done else []
    lines += [f"{one.distribution} {one.version}: {', '.join(one.files)}" for one in done]
    if not dry_run:
        lines += [f"signed for {valid} days; readers need {root}"] if root else _unsigned(directory)
    published = [
        {"distribution": one.distribution, "version": one.version, "cubes": list(one.cubes), "files": list(one.files)}
        for one in done
    ]
    payload = {"registry": str(directory), "published": published, "root": str(root) if root else None}
    text = "\n".join(lines) or "nothing to do: name a directory, or --keys"
    console.data(text, {**payload, "dryRun": dry_run})


def yank(
    name: Annotated[
        str, typer.Argument(parser=normalised, metavar="NAME", help="Name of a cube, or of a distribution.")
    ],
    version: Annotated[str, typer.Argument(help="Version of the release.")],
    reason: Annotated[str | None, typer.Option("--reason", help="Why nobody should install it.")] = None,
    undo: Annotated[bool, typer.Option("--undo", help="Take it back.")] = False,
    to: To = None,
    keys: Keys = None,
    valid: Valid = 30,
    sign_changes: SignChanges = False,
    json: Json = False,
) -> None:
    """Withdraw a release: nobody gets it any more, and who has it is told."""
    from packaging.version import InvalidVersion, Version

    from cubekit.registry.publishing import yank as mark

    if undo == (reason is not None):
        raise typer.BadParameter("give either --reason TEXT or --undo")
    try:
        Version(version)
    except InvalidVersion as error:
        raise typer.BadParameter(str(error)) from error
    directory = _directory(to)
    if not directory.is_dir():
        raise typer.BadParameter(f"there is no directory {directory}")
    with changing_registry(directory):
        if keys and not sign_changes:
            _check_unchanged(directory, keys)
        mark(directory, name, version, reason)
        root = _sign(directory, keys, valid)
    text = f"{name} {version} is {'no longer withdrawn' if undo else 'withdrawn'}"
    notes = [] if root else _unsigned(directory)
    console.data("\n".join([text, *notes]), {"name": name, "version": version, "yanked": reason})


def _directory(to: Path | None) -> Path:
    found = to if to is not None else local_registry(None)
    return found.parent if found.suffix == ".toml" else found


def _check_unchanged(directory: Path, keys: Path, *, new_key: bool = False) -> None:
    from cubekit.registry.signing import check_unchanged

    check_unchanged(directory, keys, new_key=new_key)


def _sign(directory: Path, keys: Path | None, valid: int, *, new_key: bool = False) -> Path | None:
    if keys is None:
        return None
    from datetime import UTC, datetime, timedelta

    from cubekit.registry.signing import sign_registry

    console.progress("signing")
    now = datetime.now(UTC).replace(microsecond=0)
    return sign_registry(directory, keys, now=now, valid=timedelta(days=valid), new_key=new_key)


def _unsigned(directory: Path) -> list[str]:
    if not (directory / "metadata").is_dir():
        return []
    return ["Readers who check signatures see nothing of it yet: cubekit registry publish --keys DIR --sign-changes"]
