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
from cubekit.discovery.registry import Permission, Registry, ReleaseFile, load_registry
from cubekit.ground.diagnostics import CubekitError, Diagnostic
from cubekit.ground.toml_lines import TomlFile, read_toml
from cubekit.ground.validation import validation_diagnostics
from cubekit.ground.versions import Version, range_text
from cubekit.registry.attesting import attested
from cubekit.registry.files import to_toml, write_whole
from cubekit.registry.names import check_distribution, check_name
from cubekit.registry.wheels import Wheel, best_wheel_of, read_wheel, sha256_of

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


def publish(cube: Path, directory: Path, *, dry_run: bool = False) -> Publication:
    """Add the built files of a distribution's directory to a registry's directory.

    :param cube: holds ``pyproject.toml``, and in ``dist`` what was built from it.
    :param dry_run: find out what would be refused, and add nothing.
    :raises CubekitError: CK612 if something is missing or the release exists with other content; CK607 if a name
        belongs to somebody else, or looks like one that does; CK615 if files are not attested as they must be.
    """
    metadata = read_toml(cube / "pyproject.toml")
    declared = _declared(metadata)
    first, files = _built(cube, metadata)
    listed = {path.name: sha256_of(path) for path in files}
    registry = _load(directory)
    publishers, provenances = attested(registry, first.distribution, declared.trusted_publisher, files, metadata)
    listed |= {name: hashlib.sha256(content).hexdigest() for name, content in provenances.items()}
    data = registry.model_dump(mode="json", by_alias=True)
    owners = declared.owners or _people(first)
    check_distribution(first, owners, registry)
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
        check_name(name, first.distribution, owners, registry)
        entry = data["cubes"].setdefault(name, {"releases": []})
        entry.update(about, colour=first.cubes[name][0], distribution=first.distribution, lifecycle=declared.lifecycle,
                     licence=_licence(first), keywords=_keywords(first))  # fmt: skip
        _add(entry["releases"], {**release, **_promises(descriptor, first, declared, metadata)}, metadata)
    changed = _valid(data)
    if not dry_run:
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
    distribution = entry.get("distribution")
    # The release of a distribution, so that none of its cubes brings in what is withdrawn of another.
    entries = (
        [one for one in data["cubes"].values() if one["distribution"] == distribution] if distribution else [entry]
    )
    found = [one for entry in entries for one in entry["releases"] if Version(one["version"]) == Version(version)]
    if not found:
        message = f"{directory / 'registry.toml'} has no {name} {version}"
        raise CubekitError(Diagnostic("CK602", message, fix=f"cubekit registry show {name}"))
    for release in found:
        release["yanked"] = reason
    save_registry(directory, _valid(data))


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


def _valid(data: dict[str, Any]) -> Registry:
    try:
        return Registry.model_validate(data)
    except ValidationError as error:
        wrong = [f"{'.'.join(map(str, one['loc']))} = {one['input']!r}: {one['msg']}" for one in error.errors()]
        message = "readers could not read a registry with it"
        raise CubekitError(Diagnostic("CK612", message, found="\n".join(wrong), fix="say it on one line")) from error


def _load(directory: Path) -> Registry:
    path = directory / "registry.toml"
    return load_registry(path) if path.exists() else Registry()


def _declared(metadata: TomlFile) -> _Declared:
    table = metadata.data.get("tool", {}).get("cubekit", {})
    try:
        return _Declared.model_validate(table)
    except ValidationError as error:
        raise CubekitError(validation_diagnostics(error, metadata, ("tool", "cubekit"), _Declared)) from error


def _built(cube: Path, metadata: TomlFile) -> tuple[Wheel, list[Path]]:
    """The wheel for this system, and all files, of the version that ``pyproject.toml`` names."""
    from packaging.requirements import Requirement

    project = metadata.data.get("project", {})
    if "version" not in project:
        raise _refused(metadata, "pyproject.toml does not say which version is meant", 'version = "0.1.0"')
    name, version = normalised(str(project.get("name", ""))), Version(str(project["version"]))
    built = cube / "dist"
    wheels = [read_wheel(path) for path in sorted(built.glob("*.whl"))]
    wheels = [wheel for wheel in wheels if (wheel.distribution, Version(wheel.version)) == (name, version)]
    best = best_wheel_of(ReleaseFile(name=wheel.path.name, sha256=wheel.sha256) for wheel in wheels)
    if best is None:
        message = f"{built} has no wheel of {name} {version} for this Python and system"
        found = ", ".join(wheel.path.name for wheel in wheels) or None
        raise _refused(metadata, message, f"python -m build {cube}", found)
    if away := [text for text in wheels[0].requires if Requirement(text).url]:
        message = "it depends on something from one place, and not by name and version"
        raise _refused(metadata, message, 'dependencies = ["NAME>=1,<2"]', "\n".join(away))
    chosen = next(wheel for wheel in wheels if wheel.path.name == best.name)
    for wheel in wheels:
        if wheel.cubes != chosen.cubes or wheel.requires != chosen.requires:
            message = f"{wheel.path.name} and {best.name} differ in their cubes or dependencies"
            raise _refused(metadata, message, f"build them again from one state: python -m build {cube}")
    sources = [path for path in sorted(built.glob("*.tar.gz")) if _is_source_of(path, name, version)]
    return chosen, [*(wheel.path for wheel in wheels), *sources]


def _is_source_of(path: Path, name: str, version: Version) -> bool:
    from packaging.utils import InvalidSdistFilename, parse_sdist_filename

    try:
        return parse_sdist_filename(path.name) == (name, version)
    except InvalidSdistFilename:
        return False


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

    depends = [Requirement(text) for text in wheel.requires]
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
        "quality": wheel.levels.get(descriptor.name),
    }


def _add(releases: list[dict[str, Any]], release: dict[str, Any], metadata: TomlFile) -> None:
    """Add a release, or files of further systems to one that is there."""
    known = next((one for one in releases if Version(one["version"]) == Version(release["version"])), None)
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


def _refused(metadata: TomlFile, message: str, fix: str, found: str | None = None) -> CubekitError:
    return CubekitError(Diagnostic("CK612", message, metadata.place("project"), found=found, fix=fix))
