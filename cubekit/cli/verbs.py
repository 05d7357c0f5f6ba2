"""The table of verbs. What a verb does is imported when it is used; help and completion read the table alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any

import typer
from typer.core import TyperGroup

from cubekit.discovery.cubes import ExtensionInfo

if TYPE_CHECKING:
    from typer._click.core import Command, Context
    from typer._click.formatting import HelpFormatter
    from typer._click.shell_completion import CompletionItem

__all__ = ["VERBS", "Verb", "make_group"]

_ANY_ARGUMENTS = {"allow_extra_args": True, "ignore_unknown_options": True}


@dataclass(frozen=True, slots=True)
class Verb:
    """One verb: where its function (or its group of verbs, a `typer.Typer`) is, and its line in the help."""

    target: str
    summary: str
    takes_anything: bool = False
    """Whether options that are not its own are left for it to read."""


VERBS: Mapping[str, Verb] = {
    "list": Verb("installed:list_cubes", "Show the installed cubes."),
    "info": Verb("installed:info", "Show one cube in full."),
    "new": Verb("scaffolds:new", "Make a cube, a contract or a service to begin with."),
    "check": Verb("compositions:check", "Tell everything that is wrong with a service or a cube."),
    "test": Verb("proving:prove", "Hold a cube to the quality scale."),
    "contract": Verb("contracts:contract", "Show and compare contracts."),
    "graph": Verb("compositions:graph", "Show who needs what."),
    "openapi": Verb("compositions:openapi", "Print the API document of a service."),
    "up": Verb("serving:up", "Run a service."),
    "call": Verb("calls:call", "Call one operation.", takes_anything=True),
    "replace": Verb("serving:replace", "Replace the workers of a running service one by one."),
    "status": Verb("statuses:status", "Show a running service: its cubes, and what is wrong with them."),
    "logs": Verb("recent_logs:logs", "Show what a running service has logged of late."),
    "top": Verb("tops:top", "Watch the cubes of a running service at work."),
    "discover": Verb("discovering:discover", "Show what running services offer, and how to use it."),
    "registry": Verb("registries:registry", "Find, add, lock, verify and publish cubes."),
    "doctor": Verb("doctor:doctor", "Tell what is wrong with this installation."),
    "bench": Verb("measuring:bench", "Measure this checkout on this machine."),
    "completion": Verb("shells:completion", "Print the completion script of a shell."),
}


def make_group(extensions: tuple[ExtensionInfo, ...] = (), verbs: Mapping[str, Verb] = VERBS) -> type[TyperGroup]:
    """Return the group of some verbs and of the commands of plugins, for `typer.Typer`."""
    summaries = {name: verb.summary for name, verb in verbs.items()}
    plugins = {extension.name: extension for extension in extensions if extension.name not in verbs}
    summaries |= {name: f"(from {plugin.distribution} {plugin.version})" for name, plugin in plugins.items()}

    class Verbs(TyperGroup):
        def list_commands(self, ctx: Context) -> list[str]:
            return list(summaries)

        def get_command(self, ctx: Context, cmd_name: str) -> Command | None:
            if cmd_name in verbs:
                return _build(cmd_name, verbs[cmd_name])
            return _build_extension(plugins[cmd_name]) if cmd_name in plugins else None

        def format_commands(self, ctx: Context, formatter: HelpFormatter) -> None:
            with formatter.section("Commands"):
                formatter.write_dl(list(summaries.items()))

        def shell_complete(self, ctx: Context, incomplete: str) -> list[CompletionItem]:
            from typer._click.shell_completion import CompletionItem

            return [CompletionItem(name, help=text) for name, text in summaries.items() if name.startswith(incomplete)]

    return Verbs


def _build(name: str, verb: Verb) -> Command:
    module, _, attribute = verb.target.partition(":")
    found: Any = getattr(import_module(f"cubekit.cli.{module}"), attribute)
    return _command(name, found, _ANY_ARGUMENTS if verb.takes_anything else {})


def _build_extension(extension: ExtensionInfo) -> Command:
    """A command of a plugin: a function that takes the arguments as a list and returns an exit status, or None."""

    def call(context: typer.Context) -> None:
        function = extension.load()
        if not callable(function):
            raise TypeError(f"{extension.target} is no function")
        raise typer.Exit(function(list(context.args)) or 0)

    return _command(extension.name, call, _ANY_ARGUMENTS, own_help=False)


def _command(name: str, found: Any, settings: Mapping[str, Any], *, own_help: bool = True) -> Command:
    app = found
    if not isinstance(found, typer.Typer):
        app = typer.Typer(add_completion=False, rich_markup_mode=None)
        app.command(name, context_settings=dict(settings), add_help_option=own_help)(found)
    command = typer.main.get_command(app)
    command.name = name
    return command
