"""The verbs, and what becomes of their errors."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from typing import Annotated

import typer

from cubekit.cli.console import console
from cubekit.cli.options import COMPLETE, Json, Safe, Verbose
from cubekit.cli.verbs import make_group
from cubekit.discovery import scan
from cubekit.ground.diagnostics import CubekitError, Diagnostic

__all__ = ["make_app", "run"]

OK, FAILED, USAGE, NOT_FOUND, INVALID, UNTRUSTED, UNREACHABLE = range(7)
"""Exit codes of the public contract."""

_INTERRUPTED = 130
_EXIT_CODES = {
    "CK101": NOT_FOUND,
    "CK501": NOT_FOUND,
    "CK502": UNREACHABLE,
    "CK503": FAILED,
    "CK504": USAGE,
    "CK505": FAILED,
    "CK506": FAILED,
    "CK601": UNREACHABLE,
    "CK602": NOT_FOUND,
    "CK613": FAILED,
    "CK614": FAILED,
    **dict.fromkeys(("CK606", "CK607", "CK608", "CK609", "CK610", "CK611", "CK615"), UNTRUSTED),
}


def run() -> int:
    """Run the command that ``sys.argv`` names; return its exit status."""
    try:
        if COMPLETE in os.environ:
            _know_shells()
        status = make_app(safe="--safe-mode" in sys.argv)(prog_name="cubekit", standalone_mode=False)
    except CubekitError as error:
        console.diagnostics(error.diagnostics)
        if console.verbose and error.__cause__:
            import traceback  # 3 ms that --help need not pay

            traceback.print_exception(error.__cause__)
        return exit_code(error)
    except typer.TyperException as error:
        return _wrong_usage(error)
    except (KeyboardInterrupt, typer.Abort):
        return FAILED
    # typer makes 130 of Ctrl-C, which is none of our codes.
    return FAILED if status == _INTERRUPTED else status or OK


def _wrong_usage(error: typer.TyperException) -> int:
    if "--json" in sys.argv:
        console.as_json = True
        console.diagnostics([Diagnostic("CK504", error.format_message(), fix="cubekit --help")])
    else:
        show: Callable[[], None] = getattr(error, "show", lambda: console.problem(error.format_message()))
        show()
    return error.exit_code


def _know_shells() -> None:
    """Answer a shell that asks how a line goes on, which typer does only with completion options of its own."""
    from typer._completion_classes import completion_init

    completion_init()


def exit_code(error: CubekitError) -> int:
    """The status for an error: that of its first diagnostic's code, unless something is not trusted."""
    if any(_EXIT_CODES.get(found.code) == UNTRUSTED for found in error.diagnostics):
        return UNTRUSTED
    code = next((found.code for found in error.diagnostics if found.severity == "error"), error.diagnostics[0].code)
    return _EXIT_CODES.get(code, FAILED if code.startswith("CK4") else INVALID)


def make_app(*, safe: bool = False) -> typer.Typer:
    """Return the command line.

    :param safe: leave out commands of plugins.
    """
    app = typer.Typer(
        cls=make_group(() if safe else scan().commands),
        add_completion=False,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
        no_args_is_help=True,
        help="Services composed of self-contained plugins, cubes.",
    )
    app.callback()(_root)
    return app


def _version(value: bool) -> None:
    if value:
        from cubekit import __version__

        console.data(f"cubekit {__version__}", {"version": __version__})
        raise typer.Exit


def _root(
    version: Annotated[bool, typer.Option("--version", callback=_version, is_eager=True, help="Show it.")] = False,
    safe_mode: Safe = False,
    json: Json = False,
    verbose: Verbose = False,
) -> None:
    pass
