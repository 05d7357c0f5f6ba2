"""Puts releases into a registry's directory, and marks them as withdrawn."""

from __future__ import annotations

import hashlib
import importlib
import sys
import tempfile
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from cubekit.composition.descriptors import Descriptor, describe
from cubekit.discovery import CubeInfo
from cubekit.discovery.cubes import normalised
from cubekit.discovery.publishers import TrustedPublisher
from cubekit.discovery.registry import Permission, Registry, load_registry
from cubekit.ground.diagnostics import CubekitError, Diagnostic
from cubekit.ground.quality import Level
from cubekit.ground.toml_lines import TomlFile, read_toml
from cubekit.ground.validation import validation_diagnostics
from cubekit.ground.versions import Version, range_text
from cubekit.registry.attesting import attested
from cubekit.registry.files import to_toml, write_whole
from cubekit.registry.names import lookalikes
from cubekit.registry.wheels import Wheel, read_wheel, sha256_of

__all__ = ["Publication", "publish", "save_registry", "yank"]


_PROMISES = ("api", "provides", "requires", "permissions", "quality")
"""What a registry says of a release of a cube, beyond its files."""


class _Declared(BaseModel):
    """``[tool.cubekit]`` of a ``pyproject.toml``: what a registry says and the metadata of a distribution cannot."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    owners: list[str] = []
    publisher: str | None = None
    trusted_publisher: TrustedPublisher | None = None
    lifecycle: Literal["experimental", "stable", "deprecated", "retired"] = "experimental"
    permissions: list[Permission] = []


@dataclass(frozen=True)
class Publication:
    """What was added to a registry."""

    distribution: str
    version: str
    cubes: tuple[str, ...]
    files: tuple[str, ...]


def publish(cube: Path, directory: Path) -> Publication:
    """Add the built files of a distribution's directory to a registry's directory.

    :param cube: holds ``pyproject.toml``, and in ``dist`` what was built from it.
    :raises CubekitError: CK612 if something is missing or the release exists with other content; CK607 if a name
        belongs to somebody else, or looks like one that does; CK615 if files are not attested as they must be.
    """
    metadata = read_toml(cube / "pyproject.toml")
    declared = _declared(metadata)
    wheels, files = _built(cube, metadata)
    first = wheels[0]
    listed = {path.name: sha256_of(path) for path in files}
    registry = _load(directory)
    publishers, provenances = attested(registry, first.distribution, declared.trusted_publisher, files, metadata)
    listed |= {name: hashlib.sha256(content).hexdigest() for name, content in provenances.items()}
    data = registry.model_dump(mode="json", by_alias=True)
    owners = declared.owners or _people(first)
    publisher = declared.publisher or (owners[0] if owners else None)
    if publisher is None:
        message = "nobody is named as the publisher"
        raise _refused(metadata, message, 'authors = [{ name = "…" }], or publisher = "…" under [tool.cubekit]')
    release: dict[str, Any] = {
        "version": first.version,
        "publisher": publisher,
        "files": [{"name": name, "sha256": sha256} for name, sha256 in listed.items()],
    }
    about = {
        "summary": str(first.metadata["Summary"] or first.distribution),
        "owners": owners,
        "trusted_publishers": [one.model_dump() for one in publishers],
    }
    if not first.cubes:
        entry = data["distributions"].setdefault(first.distribution, {"releases": []})
        entry.update(about)
        _add(entry["releases"], release, metadata)
    for name, descriptor in _described(first).items():
        _check_name(name, first.distribution, owners, registry)
        entry = data["cubes"].setdefault(name, {"releases": []})
        entry.update(about, colour=first.cubes[name][0], distribution=first.distribution, lifecycle=declared.lifecycle,
                     licence=_licence(first), keywords=_keywords(first))  # fmt: skip
        _add(entry["releases"], {**release, **_promises(descriptor, first, declared, metadata)}, metadata)
    changed = Registry.model_validate(data)
    for path in files:
        write_whole(directory / "files" / path.name, path.read_bytes())
    for name, content in provenances.items():
        write_whole(directory / "files" / name, content)
    save_registry(directory, changed)
    return Publication(first.distribution, first.version, tuple(first.cubes), tuple(listed))


def yank(directory: Path, name: str, version: str, reason: str | None) -> None:
    """Mark a release of a cube or of another distribution as withdrawn, or take that back if there is no reason.

    :raises CubekitError: CK602 if there is no such release.
    """
    data = load_registry(directory / "registry.toml").model_dump(mode="json", by_alias=True)
    entry = data["cubes"].get(name) or data["distributions"].get(name) or {"releases": []}
    found = [one for one in entry["releases"] if Version(one["version"]) == Version(version)]
    if not found:
        message = f"{directory / 'registry.toml'} has no {name} {version}"
        raise CubekitError(Diagnostic("CK602", message, fix=f"cubekit registry show {name}"))
    found[0]["yanked"] = reason
    save_registry(directory, Registry.model_validate(data))


def save_registry(directory: Path, registry: Registry) -> None:
    """Write ``registry.toml`` in one step. Comments at its head are kept, others are not."""
    path = directory / "registry.toml"
    head: list[str] = []
    for line in path.read_text(encoding="utf-8").splitlines() if path.exists() else ():
        if not line.startswith("#"):
            break
        head.append(line)
    data = registry.model_dump(mode="json", by_alias=True, exclude_defaults=True)
    write_whole(path, "\n".join([*head, to_toml({"schema": 1, **data})]))


def _load(directory: Path) -> Registry:
    path = directory / "registry.toml"
    return load_registry(path) if path.exists() else Registry()


def _declared(metadata: TomlFile) -> _Declared:
    table = metadata.data.get("tool", {}).get("cubekit", {})
    try:
        return _Declared.model_validate(table)
    except ValidationError as error:
        raise CubekitError(validation_diagnostics(error, metadata, ("tool", "cubekit"), _Declared)) from error


def _built(cube: Path, metadata: TomlFile) -> tuple[list[Wheel], list[Path]]:
    """The wheels and all files of the version that ``pyproject.toml`` names."""
    project = metadata.data.get("project", {})
    name, version = normalised(str(project.get("name", ""))), str(project.get("version", ""))
    stem = name.replace("-", "_")
    files = sorted(
        path
        for path in (cube / "dist").glob(f"*-{version}*")
        if normalised(path.name).startswith(f"{normalised(stem)}-{normalised(version)}")
        and (path.name.endswith((".whl", ".tar.gz")))
    )
    wheels = [read_wheel(path) for path in files if path.suffix == ".whl"]
    wheels = [wheel for wheel in wheels if (wheel.distribution, wheel.version) == (name, version)]
    if not wheels:
        message = f"{cube / 'dist'} has no wheel of {name} {version}"
        raise _refused(metadata, message, f"python -m build {cube}")
    return wheels, files


def _described(wheel: Wheel) -> Mapping[str, Descriptor]:
    """The cubes of a wheel, imported from it and from nowhere else."""
    with tempfile.TemporaryDirectory() as directory, _first_on_path(directory):
        with zipfile.ZipFile(wheel.path) as archive:
            archive.extractall(directory)
        return {
            name: describe(CubeInfo(name, colour, target, wheel.distribution, wheel.version, directory))
            for name, (colour, target) in wheel.cubes.items()
        }


@contextmanager
def _first_on_path(directory: str) -> Iterator[None]:
    """Import from a directory before all others, and forget what was: the next wheel may have the same modules."""
    sys.path.insert(0, directory)
    importlib.invalidate_caches()
    try:
        yield
    finally:
        sys.path.remove(directory)
        for name, module in list(sys.modules.items()):
            if str(getattr(module, "__file__", None) or "").startswith(directory):
                del sys.modules[name]


def _promises(descriptor: Descriptor, wheel: Wheel, declared: _Declared, metadata: TomlFile) -> dict[str, Any]:
    from packaging.requirements import Requirement

    depends = [Requirement(text) for text in wheel.metadata.get_all("Requires-Dist") or ()]
    api = next((range_text(one.specifier) for one in depends if normalised(one.name) == "cubekit-core"), "")
    if not api:
        message = "the distribution does not say which versions of cubekit it was written for"
        raise _refused(metadata, message, 'dependencies = ["cubekit-core>=0.1,<0.2"]')
    required = [one for one in descriptor.requires if not one.optional]
    return {
        "api": api,
        "provides": [f"{name}@{one.version}" for name, one in descriptor.provides.items()],
        "requires": [f"{one.contract.name}{range_text(one.admitted)}" for one in required],
        "permissions": declared.permissions,
        "quality": _quality(descriptor.name, wheel, metadata),
    }


def _quality(cube: str, wheel: Wheel, metadata: TomlFile) -> str | None:
    claim = wheel.claims.get(cube)
    if claim is not None and claim not in list(Level):
        message = f'the cube "{cube}" claims the level "{claim}", which the quality scale does not have'
        fix = f'[project.entry-points."cubekit.quality"]\n{cube} = "silver", or another of: {", ".join(Level)}'
        raise _refused(metadata, message, fix)
    return claim


def _add(releases: list[dict[str, Any]], release: dict[str, Any], metadata: TomlFile) -> None:
    """Add a release, or files of further systems to one that is there."""
    known = next((one for one in releases if one["version"] == release["version"]), None)
    if known is None:
        releases.append(release)
        return
    before = {file["name"]: file["sha256"] for file in known["files"]}
    changed = [file["name"] for file in release["files"] if before.get(file["name"], file["sha256"]) != file["sha256"]]
    changed += [key for key in _PROMISES if known.get(key) != release.get(key)]
    if changed:
        message = f"{release['version']} is published already, with other content: {', '.join(changed)}"
        raise _refused(metadata, message, "a release never changes: raise the version in pyproject.toml")
    known["files"] += [file for file in release["files"] if file["name"] not in before]


def _check_name(name: str, distribution: str, owners: list[str], registry: Registry) -> None:
    known = registry.cubes.get(name)
    if known is not None and known.distribution != distribution:
        message = f'the cube name "{name}" belongs to {known.distribution}'
        raise CubekitError(Diagnostic("CK607", message, found=distribution, fix="take another name"))
    if known is None:
        for other in lookalikes(name, registry.cubes):
            if set(registry.cubes[other].owners).isdisjoint(owners):
                message = f'the cube name "{name}" looks like "{other}", which belongs to somebody else'
                found = f"owners of {other}: {', '.join(registry.cubes[other].owners) or 'unknown'}"
                raise CubekitError(Diagnostic("CK607", message, found=found, fix="take another name"))


def _people(wheel: Wheel) -> list[str]:
    fields = ("Author", "Maintainer", "Author-email", "Maintainer-email")
    people = [
        part.partition("<")[0].strip(' "') for name in fields for part in str(wheel.metadata[name] or "").split(",")
    ]
    return list(dict.fromkeys(filter(None, people)))


def _licence(wheel: Wheel) -> str | None:
    found = wheel.metadata["License-Expression"] or wheel.metadata["License"]
    return str(found).splitlines()[0] if found else None


def _keywords(wheel: Wheel) -> list[str]:
    return [word.strip() for word in str(wheel.metadata["Keywords"] or "").split(",") if word.strip()]


def _refused(metadata: TomlFile, message: str, fix: str) -> CubekitError:
    return CubekitError(Diagnostic("CK612", message, metadata.place("project"), fix=fix))
