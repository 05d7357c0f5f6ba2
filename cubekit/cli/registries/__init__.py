"""``registry``: the group of its verbs. Each is imported when it is used."""

from __future__ import annotations

import typer

from cubekit.cli.verbs import Verb, make_group

__all__ = ["registry"]

_VERBS = {
    "search": Verb("registries.browsing:search", "Find cubes by words."),
    "show": Verb("registries.browsing:show", "Show what a registry says of a cube."),
    "diff": Verb("registries.browsing:diff", "Show what changes from one release of a cube to another."),
    "outdated": Verb("registries.browsing:outdated", "Show which cubes of a service have newer releases."),
    "add": Verb("registries.changing:add", "Install cubes into a service, and lock them."),
    "remove": Verb("registries.changing:remove", "Take a cube out of a service, without importing it."),
    "lock": Verb("registries.changing:lock", "Write cubekit.lock, or check that it fits."),
    "verify": Verb("registries.proving:verify", "Compare what is installed with lock and registries."),
    "check": Verb("registries.proving:check", "Tell everything that is wrong with a registry."),
    "publish": Verb("registries.publishing:publish", "Add built cubes to a registry's directory, and sign it."),
    "yank": Verb("registries.publishing:yank", "Withdraw a release."),
}

registry = typer.Typer(
    cls=make_group(verbs=_VERBS),
    add_completion=False,
    rich_markup_mode=None,
    no_args_is_help=True,
    help="Find, add, lock, verify and publish cubes.",
)


@registry.callback()
def _root() -> None:
    pass
