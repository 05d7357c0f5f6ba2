"""``completion``: the script that teaches a shell to complete the command line."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from cubekit.cli.console import console
from cubekit.cli.options import COMPLETE

__all__ = ["completion"]


class Shell(StrEnum):
    """Shells that are known."""

    BASH = "bash"
    ZSH = "zsh"
    FISH = "fish"


def completion(shell: Annotated[Shell, typer.Argument(help="Which shell.")]) -> None:
    """Print the completion script: source <(cubekit completion bash)."""
    from typer._completion_shared import get_completion_script

    script = get_completion_script(prog_name="cubekit", complete_var=COMPLETE, shell=shell)
    console.data(script, {"shell": shell, "script": script})
