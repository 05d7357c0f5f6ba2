"""``call``: one operation, of a service in this process or of a running one."""

from __future__ import annotations

import json as jsonlib
import re
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from cubekit.cli.console import console
from cubekit.cli.options import Json, Settings
from cubekit.ground.diagnostics import CubekitError, Diagnostic

__all__ = ["call"]

_OPERATION = re.compile(r"[a-z][a-z0-9-]*\.[A-Za-z_]\w*")


def call(
    context: typer.Context,
    words: Annotated[list[str], typer.Argument(metavar="[SERVICE] OPERATION [JSON|@FILE|-] [--FIELD VALUE]…")],
    url: Annotated[str | None, typer.Option("--url", help="Call a running service; SERVICE may be left out.")] = None,
    stream: Annotated[bool, typer.Option("--stream", help="Print each item of a stream as it arrives.")] = False,
    pretty: Annotated[
        bool, typer.Option("--pretty", help="Print the result as its cube shows it to people, if it does.")
    ] = False,
    settings: Settings = None,
    json: Json = False,
) -> None:
    """Call one operation: cubekit call . saju.calculate --birth-date 1990-05-15 --gender male."""
    words = [*words, *context.args]
    if not words:
        raise _unusable("no operation is named", "cubekit call SERVICE saju.calculate '{…}'")
    # SERVICE may be left out: a word that looks like an operation, and is no path, is one.
    named = not _OPERATION.fullmatch(words[0]) or (not url and Path(words[0]).exists())
    service = Path(words.pop(0)) if named else Path()
    if not words or not _OPERATION.fullmatch(words[0]):
        raise _unusable("no operation is named after the service", "cubekit call SERVICE saju.calculate '{…}'")
    operation, rest = words[0], words[1:]
    text = _document(rest.pop(0)) if rest and not rest[0].startswith("--") else None
    fields = _fields(rest)

    from cubekit.cli.calling import call_in_process, call_over_http

    items: list[Any] = []
    receive = _print_item if stream else items.append
    if url:
        answer = call_over_http(url, operation, text, fields, receive)
    else:
        answer = call_in_process(service, settings, operation, text, fields, receive)
    if answer.problem is not None:
        _show_problem(answer.problem)
        raise typer.Exit(1)
    if not answer.streamed and pretty and answer.text is not None:
        console.data(answer.text, {"data": answer.data})
    elif not answer.streamed:
        console.data(jsonlib.dumps(answer.data, ensure_ascii=False, indent=2), {"data": answer.data})
    elif not stream:
        console.data(jsonlib.dumps(items, ensure_ascii=False, indent=2), {"data": items})


def _print_item(item: Any) -> None:
    print(jsonlib.dumps({"item": item}, ensure_ascii=False), flush=True)  # noqa: T201 - NDJSON on stdout


def _document(word: str) -> str:
    if word == "-":
        return sys.stdin.read()
    if not word.startswith("@"):
        return word
    try:
        return Path(word[1:]).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise CubekitError(Diagnostic("CK101", f"{word[1:]} cannot be read: {error}")) from error


def _fields(words: list[str]) -> dict[str, str]:
    """``--birth-date 1990-05-15 --options.clock=lmt --is-lunar`` → texts by dotted JSON name."""
    fields: dict[str, str] = {}
    words = [*words]
    while words:
        word = words.pop(0)
        if not word.startswith("--"):
            raise _unusable(f"{word!r} stands alone", "write fields as --name value")
        name, equals, value = word[2:].partition("=")
        if not equals:
            value = words.pop(0) if words and not words[0].startswith("--") else "true"
        key = ".".join(re.sub(r"-([a-z0-9])", lambda match: match[1].upper(), part) for part in name.split("."))
        fields[key] = value
    return fields


def _unusable(message: str, fix: str) -> CubekitError:
    return CubekitError(Diagnostic("CK504", message, fix=fix))


def _show_problem(problem: dict[str, Any]) -> None:
    if console.as_json:
        console.event({"error": problem})
        return
    lines = [f"{problem['code']}: {problem['detail']}"]
    lines += [f"  {name}: {message}" for name, messages in problem.get("errors", {}).items() for message in messages]
    console.problem("\n".join(lines))
