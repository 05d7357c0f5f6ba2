"""``registry.toml``: a catalogue of known cubes, installed or not, and of where further catalogues are."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, ValidationError, model_validator

from cubekit.discovery.cubes import normalised
from cubekit.discovery.publishers import TrustedPublisher
from cubekit.ground.colours import Colour
from cubekit.ground.diagnostics import CubekitError, Diagnostic
from cubekit.ground.quality import Level
from cubekit.ground.toml_lines import TomlFile, read_toml
from cubekit.ground.validation import validation_diagnostics
from cubekit.ground.versions import Version, parse_range, parse_versioned_name, rank, split_use

__all__ = [
    "CubeName",
    "DistributionName",
    "DistributionRelease",
    "Permission",
    "Provided",
    "Registry",
    "RegistryEntry",
    "RegistryReference",
    "Release",
    "ReleaseFile",
    "ReleaseVersion",
    "Required",
    "SupportEntry",
    "Text",
    "json_schema",
    "load_registry",
    "read_registry",
]

Permission = Literal["environment", "files", "gpu", "native-code", "network", "processes"]
"""What a cube may say that it needs. It is shown before anything is installed, and nothing enforces it."""


def _version(text: str) -> str:
    try:
        return str(Version(text))
    except ValueError as error:
        raise ValueError('a version such as "0.1.0"') from error


def _range(text: str) -> str:
    try:
        parse_range(text)
    except ValueError as error:
        raise ValueError('a version range such as ">=0.1,<0.2"') from error
    return text


def _provided(text: str) -> str:
    try:
        parse_versioned_name(text)
    except ValueError as error:
        raise ValueError('a contract with its version, such as "saju.calendar@0.1"') from error
    return text


def _required(text: str) -> str:
    try:
        split_use(text)
    except ValueError as error:
        raise ValueError('a contract with a range, such as "saju.calendar>=0.1,<0.2"') from error
    return text


def _distribution(text: str) -> str:
    if text != normalised(text):
        raise ValueError(f'the normalised name of a distribution: "{normalised(text)}"')
    return text


Text = Annotated[
    str,
    # A line of its own, without what moves the cursor of a terminal: it is shown to people who do not know its author.
    StringConstraints(
        min_length=1, strip_whitespace=True, pattern=r"^[^\u0000-\u001f\u007f-\u009f\u2028-\u202e\u2066-\u2069]*$"
    ),
]
CubeName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9]*(-[a-z0-9]+)*$")]
DistributionName = Annotated[Text, AfterValidator(_distribution)]
ReleaseVersion = Annotated[Text, AfterValidator(_version)]
FileName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._+!-]*\.(whl|tar\.gz)(\.provenance)?$")]
Provided = Annotated[Text, AfterValidator(_provided)]
Required = Annotated[Text, AfterValidator(_required)]
Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class ReleaseFile(_Table):
    """One file of a release, or with ``.provenance`` after its name the attestations of that file (PEP 740)."""

    name: FileName
    sha256: Sha256


class DistributionRelease(_Table):
    """One version of a distribution, which never changes but for being yanked."""

    version: ReleaseVersion
    publisher: Text
    yanked: Text | None = None
    """Why nobody should install it any more."""
    files: list[ReleaseFile] = []


class Release(DistributionRelease):
    """``[[cubes.NAME.releases]]``: one version of a cube."""

    api: Annotated[Text, AfterValidator(_range)]
    """The versions of cubekit-core that it runs with."""
    provides: list[Provided] = []
    requires: list[Required] = []
    """Contracts without which it cannot start; optional ones are not listed."""
    permissions: list[Permission] = []
    quality: Annotated[Level, Field(strict=False)] | None = None
    """The level of the quality scale that its author claims, as the wheel says it."""


class SupportEntry(_Table):
    """``[distributions.NAME]``: a distribution that cubes need and that is no cube, such as a contract's."""

    summary: Text
    owners: list[Text] = []
    trusted_publishers: list[TrustedPublisher] = []
    """Who may attest its files."""
    releases: list[DistributionRelease] = []


class RegistryEntry(_Table):
    """``[cubes.NAME]``: one known cube."""

    colour: Annotated[Colour, Field(strict=False)]
    distribution: DistributionName
    """What is installed. No other distribution may offer the cube."""
    summary: Text
    licence: Text | None = None
    """As an SPDX expression, such as ``Apache-2.0``."""
    owners: list[Text] = []
    lifecycle: Literal["experimental", "stable", "deprecated", "retired"] = "experimental"
    keywords: list[Text] = []
    trusted_publishers: list[TrustedPublisher] = []
    """Who may attest its files."""
    releases: list[Release] = []

    @property
    def contracts(self) -> list[str]:
        """Names of the contracts that any of its releases provides."""
        return sorted({text.partition("@")[0] for release in self.releases for text in release.provides})

    @property
    def newest(self) -> Release | None:
        """The newest release that is not yanked, and no pre-release if there is another."""
        usable = [release for release in self.releases if release.yanked is None]
        return max(usable, key=lambda one: rank(one.version), default=None)

    def release(self, version: str) -> Release | None:
        """The release of a version, however that is spelled."""
        return next((one for one in self.releases if Version(one.version) == Version(version)), None)


class RegistryReference(_Table):
    """``[registries.NAME]``: another registry that this one's readers use too."""

    source: Text
    """Its directory, its file, or the address under which a web server has either."""
    priority: int = 0
    """A name that several registries have belongs to the one of the highest priority; this file itself comes first."""
    root: Text | None = None
    """The ``root.json`` that its signatures are checked with, relative to this file. Without it nothing is checked."""
    attestations: Literal["optional", "required"] = "optional"
    """Whether it may have wheels without attestations. Those that there are are verified in any case."""


class Registry(_Table):
    """A whole registry."""

    version: Literal[1] = Field(default=1, alias="schema")
    cubes: dict[CubeName, RegistryEntry] = {}
    distributions: dict[DistributionName, SupportEntry] = {}
    registries: dict[CubeName, RegistryReference] = {}

    @model_validator(mode="after")
    def _one_release_for_one_version(self) -> Registry:
        entries: list[tuple[str, RegistryEntry | SupportEntry]] = [*self.cubes.items(), *self.distributions.items()]
        for name, entry in entries:
            versions = [Version(release.version) for release in entry.releases]
            if twice := {version for version in versions if versions.count(version) > 1}:
                raise ValueError(f'one release for one version: "{name}" has {min(twice)} twice')
        return self


def load_registry(path: Path) -> Registry:
    """Read a registry.

    :raises CubekitError: CK101 or CK102 if the file cannot be read; CK103 and CK104 for all that is wrong in it.
    """
    return read_registry(read_toml(path))


def read_registry(file: TomlFile) -> Registry:
    """Return what a file says as a registry.

    :raises CubekitError: CK103 and CK104 for all that is wrong in it.
    """
    try:
        return Registry.model_validate(file.data)
    except ValidationError as error:
        found = validation_diagnostics(error, file, (), Registry)
        raise CubekitError(sorted(found, key=_line)) from error


def _line(problem: Diagnostic) -> int:
    return (problem.place.line if problem.place else None) or 0


def json_schema() -> dict[str, Any]:
    """The JSON Schema of ``registry.toml``, as published in ``docs/registry.schema.json``."""
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **Registry.model_json_schema()}
