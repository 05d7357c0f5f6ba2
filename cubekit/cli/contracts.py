"""``contract``: what a contract promises, and what changed between two versions of it."""

from __future__ import annotations

import json as jsonlib
from dataclasses import asdict
from typing import Annotated, Any

import typer

from cubekit.cli.console import console, table
from cubekit.cli.options import Json
from cubekit.ground.diagnostics import CubekitError, Diagnostic

__all__ = ["contract"]

Source = Annotated[str, typer.Argument(help="A JSON file, the directory of a distribution, or a module.")]

contract = typer.Typer(rich_markup_mode=None, no_args_is_help=True, help="Show and compare contracts.")


@contract.command("show")
def show(source: Source, json: Json = False) -> None:
    """Print what the contracts of a source promise, as a document that diff reads."""
    from cubekit.composition.contract_documents import read_contracts

    payload = {"contracts": read_contracts(source)}
    console.data(jsonlib.dumps(payload, ensure_ascii=False, indent=2), payload)


@contract.command("diff")
def diff(old: Source, new: Source, json: Json = False) -> None:
    """Tell compatible from breaking changes. Exits with 4 if the new version is too low for them."""
    from cubekit.composition.contract_documents import read_contracts

    before = {document["name"]: document for document in read_contracts(old)}
    after = {document["name"]: document for document in read_contracts(new)}
    if gone := before.keys() - after.keys():
        message = f"{new} has no contract {', '.join(sorted(gone))}"
        raise CubekitError(Diagnostic("CK307", message, found=f"it has {', '.join(sorted(after))}"))
    compared = [_compare(before[name], after[name]) for name in sorted(before)]
    console.data("\n\n".join(_text(one) for one in compared), {"contracts": compared})
    if not all(one["sufficient"] for one in compared):
        raise typer.Exit(4)


def _compare(old: dict[str, Any], new: dict[str, Any]) -> dict[str, Any]:
    from cubekit.composition.contract_changes import contract_changes, needed_version
    from cubekit.ground.versions import Version

    try:
        changes = contract_changes(old, new)
    except (LookupError, ValueError) as error:  # out of schemas that lead nowhere, or never end
        message = f"contract {old['name']} cannot be compared: a schema of it is broken"
        raise CubekitError(Diagnostic("CK101", message, found=str(error))) from error
    needed = needed_version(Version(old["version"]), changes)
    return {
        "name": old["name"],
        "old": old["version"],
        "new": new["version"],
        "needed": str(needed),
        "sufficient": Version(new["version"]) >= needed,
        "changes": [asdict(change) for change in changes],
    }


def _text(compared: dict[str, Any]) -> str:
    head = f"{compared['name']} {compared['old']} → {compared['new']}"
    rows = [[f"  {change['impact']}", change["where"], change["text"]] for change in compared["changes"]]
    lines = [head, table(rows)] if rows else [f"{head}: nothing changed"]
    if not compared["sufficient"]:
        name = compared["name"]
        message = f"contract {name} changed more than its version says"
        needed, found = f"{name} >={compared['needed']}", f"{name} {compared['new']}"
        fix = f'@contract("{name}", version="{compared["needed"]}")'
        lines += ["", Diagnostic("CK307", message, needed=needed, found=found, fix=fix).render()]
    return "\n".join(lines)
