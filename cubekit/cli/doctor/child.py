"""Runs in a process of its own: imports one plugin, or composes one service, and writes down what came of it."""

from __future__ import annotations

import faulthandler
import json
import os
import traceback
from pathlib import Path
from typing import Any

from cubekit.cli.doctor.frames import line_of_plugin
from cubekit.discovery.cubes import CubeInfo, ExtensionInfo
from cubekit.ground.colours import Colour
from cubekit.ground.diagnostics import CubekitError, Diagnostic, Place

__all__ = ["answer"]


def answer(task: dict[str, Any]) -> None:
    """Do what a task asks for, write the answer into its file, and end this process, whatever else runs in it."""
    faulthandler.enable()
    faulthandler.dump_traceback_later(task["patience"], exit=True)
    do = {"cube": _import_cube, "hook": _import_hook, "command": _import_command, "service": _compose}[task["kind"]]
    try:
        found = do(task)
    except CubekitError as error:
        place = _origin(error.__cause__, task.get("target", ""))
        found = {"problems": [_plain(problem.at(place)) for problem in error.diagnostics]}
    faulthandler.cancel_dump_traceback_later()
    draft = Path(task["answer"]).with_suffix(".draft")
    draft.write_text(json.dumps(found), encoding="utf-8")
    draft.rename(task["answer"])
    os._exit(0)


def _import_cube(task: dict[str, Any]) -> dict[str, Any]:
    from cubekit.composition.descriptors import describe

    info = CubeInfo(task["name"], Colour(task["colour"]), task["target"], task["distribution"], task["version"])
    found = describe(info)
    return {
        "provides": [[name, str(one.version)] for name, one in found.provides.items()],
        "requires": [[one.contract.name, str(one.admitted)] for one in found.requires if not one.optional],
    }


def _import_hook(task: dict[str, Any]) -> dict[str, Any]:
    from cubekit.composition.plugins import Plugins

    Plugins().register(task["name"], _extension(task).load())
    return {}


def _import_command(task: dict[str, Any]) -> dict[str, Any]:
    if not callable(_extension(task).load()):
        fix = f"name a function that takes a list in the pyproject.toml of {task['distribution']}"
        raise CubekitError(Diagnostic("CK305", f"{task['target']} is no function", fix=fix))
    return {}


def _extension(task: dict[str, Any]) -> ExtensionInfo:
    return ExtensionInfo(task["name"], task["target"], task["distribution"], task["version"])


def _compose(task: dict[str, Any]) -> dict[str, Any]:
    from cubekit.cli.doctor.addresses import addresses_in
    from cubekit.composition.compose import compose

    plan = compose(Path(task["service"]), task["settings"])
    addresses = [
        address.as_json()
        for name, planned in plan.cubes.items()
        if planned.engine != "remote"  # whose address stands in the service file
        for address in addresses_in(planned.config, ("cubes", name, "config"))
    ]
    return {"problems": [_plain(problem) for problem in plan.warnings], "addresses": addresses}


def _plain(problem: Diagnostic) -> dict[str, Any]:
    keys = ("code", "message", "needed", "found", "fix", "severity", "file", "line")
    return {key: problem.as_json()[key] for key in keys}


def _origin(error: BaseException | None, target: str) -> Place | None:
    """The line of the plugin in which an exception was raised."""
    if isinstance(error, SyntaxError) and error.filename:
        return Place(error.filename, error.lineno)
    frames = traceback.extract_tb(error.__traceback__) if error else []
    places = [Place(frame.filename, frame.lineno) for frame in reversed(frames)]
    return line_of_plugin(places, target.partition(":")[0].partition(".")[0])
