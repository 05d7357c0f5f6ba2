"""What is installed: cubes and extensions, known from their distributions' metadata without importing them."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib import import_module

from cubekit.ground.colours import Colour
from cubekit.ground.diagnostics import CubekitError, Diagnostic
from cubekit.ground.quality import Level

__all__ = ["Catalogue", "CubeInfo", "ExtensionInfo", "conflict_diagnostic", "described", "normalised"]


def normalised(name: str) -> str:
    """The one spelling of a cube's or distribution's name (PEP 503): ``Saju_Calculation`` is ``saju-calculation``."""
    return re.sub(r"[-_.]+", "-", name).lower()


@dataclass(frozen=True, slots=True)
class CubeInfo:
    """One installed cube."""

    name: str
    """Its name, normalised whichever way it is given."""
    colour: Colour
    target: str
    """Where its class is, such as ``cubekit_saju.cube:Saju``."""
    distribution: str
    version: str
    location: str | None = None
    """The directory or zip file in which the distribution was found."""
    requires_cubekit: str | None = None
    """The range of versions of ``cubekit-core`` that the distribution asks for."""
    quality: Level | None = None
    """The level of the quality scale that its author claims; `cubekit test` tells whether it is reached."""
    in_memory: type | None = field(default=None, repr=False)
    """The class itself, for a cube that is not installed; `load` returns it."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "name", normalised(self.name))

    def load(self) -> type:
        """Import the cube's class.

        :raises CubekitError: CK301 if the import fails, with the plugin's exception as ``__cause__``; CK302 if the
            target is not a class.
        """
        found = _load(self.target, self._broken) if self.in_memory is None else self.in_memory
        if isinstance(found, type):
            return found
        raise CubekitError(
            Diagnostic(
                "CK302",
                f'entry point "{self.name}" of {self.distribution} {self.version} is not a cube',
                needed="a class derived from cubekit.Cube",
                found=f"{self.target} is an object of type {type(found).__name__}",
                fix=f'in the pyproject.toml of {self.distribution} write {self.name} = "module:Class", and install it',
            )
        )

    def _broken(self, error: BaseException) -> Diagnostic:
        return Diagnostic(
            "CK301",
            f'cube "{self.name}" ({self.distribution} {self.version}) cannot be imported from {self.target}',
            found=described(error),
            fix=_fix(error, self.distribution, self.version, self.target),
        )


@dataclass(frozen=True, slots=True)
class ExtensionInfo:
    """One installed extension of cubekit: a command, a composition-time hook plugin, or a port."""

    name: str
    target: str
    distribution: str
    version: str

    def load(self) -> object:
        """Import what the entry point names.

        :raises CubekitError: CK305 if that fails, with the plugin's exception as ``__cause__``.
        """
        return _load(self.target, self._broken)

    def _broken(self, error: BaseException) -> Diagnostic:
        return Diagnostic(
            "CK305",
            f'plugin "{self.name}" ({self.distribution} {self.version}) cannot be imported from {self.target}',
            found=described(error),
            fix=_fix(error, self.distribution, self.version, self.target),
        )


@dataclass(frozen=True)
class Catalogue:
    """Everything that one scan found, each part sorted by name."""

    cubes: tuple[CubeInfo, ...] = ()
    commands: tuple[ExtensionInfo, ...] = ()
    hooks: tuple[ExtensionInfo, ...] = ()
    diagnostics: tuple[Diagnostic, ...] = ()
    """What cannot be used: CK203 and CK305 for names claimed twice, CK306 for entry points that cannot be read."""
    conflicts: Mapping[str, tuple[CubeInfo, ...]] = field(default_factory=dict)
    """Names that more than one cube claims, with the claims. None of these is among ``cubes``."""

    def get(self, name: str) -> CubeInfo | None:
        """Return the cube of a name in any spelling; None if there is none, or more than one."""
        wanted = normalised(name)
        return next((cube for cube in self.cubes if cube.name == wanted), None)

    def suggest(self, name: str) -> list[str]:
        """Names of cubes that resemble a name, the closest first."""
        from difflib import get_close_matches  # only on the way to an error

        return get_close_matches(normalised(name), [cube.name for cube in self.cubes])

    def with_cubes(self, *more: CubeInfo) -> Catalogue:
        """This catalogue with further cubes, which take the place of any that have their names."""
        added = {cube.name: cube for cube in more}
        settled = {conflict_diagnostic(name, claims) for name, claims in self.conflicts.items() if name in added}
        cubes = {cube.name: cube for cube in self.cubes} | added
        return Catalogue(
            cubes=tuple(cubes[name] for name in sorted(cubes)),
            commands=self.commands,
            hooks=self.hooks,
            diagnostics=tuple(diagnostic for diagnostic in self.diagnostics if diagnostic not in settled),
            conflicts={name: claims for name, claims in self.conflicts.items() if name not in added},
        )


def conflict_diagnostic(name: str, claims: tuple[CubeInfo, ...]) -> Diagnostic:
    """Say that more than one cube claims a name."""
    distributions = list(dict.fromkeys(claim.distribution for claim in claims))
    if len(distributions) > 1:
        message = f'cube "{name}" is claimed by {" and ".join(distributions)}'
        fix = f"pip uninstall {distributions[-1]}"
    else:
        message = f'cube "{name}" is claimed {len(claims)} times by {distributions[0]}'
        fix = f"keep one of these entry points in the pyproject.toml of {distributions[0]}, and install it again"
    found = [
        f"{claim.target} ({claim.colour}) from {claim.distribution} {claim.version}"
        + (f" in {claim.location}" if claim.location else "")
        for claim in claims
    ]
    return Diagnostic("CK203", message, needed="one cube for one name", found="\n".join(found), fix=fix)


def _load(target: str, broken: Callable[[BaseException], Diagnostic]) -> object:
    module, _, attributes = target.partition(":")
    try:
        found: object = import_module(module)
        for attribute in filter(None, attributes.split(".")):
            found = getattr(found, attribute)
    except (Exception, SystemExit) as error:  # whatever a plugin does at import, it must not end the program
        raise CubekitError(broken(error)) from error
    return found


def described(error: BaseException) -> str:
    """Return the type and message of an exception out of a plugin."""
    try:
        message = str(error)
    except Exception as second:  # noqa: BLE001 - the exception is the plugin's own, and so is its broken __str__
        message = f"(its message cannot be read: {type(second).__name__})"
    return f"{type(error).__name__}: {message}" if message else type(error).__name__


def _fix(error: BaseException, distribution: str, version: str, target: str) -> str:
    module, _, attribute = target.partition(":")
    if isinstance(error, ModuleNotFoundError):
        # Also brings back what the distribution depends on, whichever of the two is missing.
        return f"pip install --force-reinstall '{distribution}=={version}'"
    if isinstance(error, AttributeError) and error.obj is sys.modules.get(module):
        return f"correct the entry point in the pyproject.toml of {distribution}: {module} has no {attribute}"
    return f"mend {module}, or remove it: pip uninstall {distribution}"
