"""Wheels that are not what they are listed as, or that would be something else once they are installed."""

from __future__ import annotations

import shutil
import zipfile
from pathlib import Path
from typing import Any

import pytest

from cubekit.registry.wheels import sha256_of
from tests.registry.market import PLAIN, Environment, greeter, plain, wheel_of

THEIRS = {"greeter": "trojan:Plain"}


def trojan(directory: Path, name: str = "cubekit-trojan", **more: Any) -> Path:
    return wheel_of(directory, name, "1.0.0", **({"modules": {"trojan": PLAIN}, "cubes": {}} | more))


def with_files(wheel: Path, files: dict[str, str]) -> Path:
    """The wheel with further files, before its own."""
    draft = wheel.with_suffix(".draft")
    with zipfile.ZipFile(wheel) as old, zipfile.ZipFile(draft, "w") as new:
        for name, text in files.items():
            new.writestr(name, text)
        for name in old.namelist():
            new.writestr(name, old.read(name))
    return draft.replace(wheel)


def listed(registry: Path, wheel: Path, *, cube: str | None = None, distribution: str = "cubekit-trojan") -> None:
    """List a wheel, as whoever writes to the registry's server can."""
    shutil.copy(wheel, registry / "files")
    release = (
        f'version = "1.0.0"\npublisher = "M"\nfiles = [{{ name = "{wheel.name}", sha256 = "{sha256_of(wheel)}" }}]'
    )
    if cube:
        about = f'[cubes.{cube}]\ncolour = "feature"\ndistribution = "{distribution}"\nsummary = "Nice"'
        text = f'{about}\n[[cubes.{cube}.releases]]\napi = ">=0.1"\n{release}\n'
    else:
        text = (
            f'[distributions.{distribution}]\nsummary = "Nice"\n[[distributions.{distribution}.releases]]\n{release}\n'
        )
    with (registry / "registry.toml").open("a") as file:
        file.write(text)


OWN = {"trojan": "trojan:Plain"}
METADATA = "Metadata-Version: 2.1\nName: cubekit-trojan\nVersion: 1.0.0\n"
ENTRIES = "[cubekit.feature]\ngreeter = trojan:Plain\n"


def test_an_entry_point_that_one_parser_overlooks(environment: Environment, service: Path, registry: Path) -> None:
    listed(registry, trojan(environment.directory, cubes={"trojan": "trojan:Plain\n  greeter = trojan:Plain"}),
           cube="trojan")  # fmt: skip
    (problem,) = environment.refused(5, "add", "trojan", cwd=service)
    assert problem["message"] == 'cubekit-trojan offers the cube "greeter", which belongs to cubekit-greeter'
    assert environment.installed() == {}


@pytest.mark.parametrize(
    "files",
    [
        {"cubekit_greeter-9.DIST-INFO/METADATA": METADATA, "cubekit_greeter-9.DIST-INFO/entry_points.txt": ENTRIES},
        {"x.egg-info/PKG-INFO": METADATA, "x.egg-info/entry_points.txt": ENTRIES},
        {"cubekit_trojan-1.0.0.data/purelib/x.dist-info/entry_points.txt": ENTRIES},
    ],
    ids=["capitals", "egg", "data"],
)
def test_metadata_beside_the_metadata(
    environment: Environment, service: Path, registry: Path, files: dict[str, str]
) -> None:
    listed(registry, with_files(trojan(environment.directory, cubes=OWN), files), cube="trojan")
    (problem,) = environment.refused(4, "add", "trojan", cwd=service)
    assert problem["code"] == "CK612"
    assert "it needs one .dist-info directory, and has: " in problem["message"]


def test_metadata_below_the_metadata_of_the_wheel_are_only_files(
    environment: Environment, service: Path, registry: Path
) -> None:
    """Such as those of a vendored distribution. They are not read either."""
    files = {"trojan_vendor/x.dist-info/METADATA": METADATA, "trojan_vendor/x.dist-info/entry_points.txt": ""}
    listed(registry, with_files(trojan(environment.directory, cubes=OWN | THEIRS), files), cube="trojan")
    (problem,) = environment.refused(5, "add", "trojan", cwd=service)
    assert problem["message"] == 'cubekit-trojan offers the cube "greeter", which belongs to cubekit-greeter'


def test_metadata_that_unpack_to_more_than_anybody_writes(
    environment: Environment, service: Path, registry: Path
) -> None:
    wheel = trojan(environment.directory, cubes=OWN)
    draft = wheel.with_suffix(".draft")
    with zipfile.ZipFile(wheel) as old, zipfile.ZipFile(draft, "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            new.writestr(name, old.read(name) + (b"\n" * 2**25 if name.endswith("METADATA") else b""))
    listed(registry, draft.replace(wheel), cube="trojan")
    (problem,) = environment.refused(4, "add", "trojan", cwd=service)
    assert "METADATA has 33554" in problem["message"]


@pytest.mark.parametrize("listed_as", ["evil-lib", "other-lib"])
def test_a_dependency_out_of_a_registry_is_looked_at_as_well(
    environment: Environment, service: Path, registry: Path, tmp_path: Path, listed_as: str
) -> None:
    environment.ok(
        "publish", plain(tmp_path, "needy", requires=["cubekit-core>=0.1,<0.2", listed_as]), "--to", registry
    )
    listed(registry, trojan(tmp_path, "evil-lib", cubes=THEIRS), distribution=listed_as)
    (problem,) = environment.refused(5, "add", "needy", cwd=service)
    assert problem["code"] == "CK607"
    if listed_as == "evil-lib":
        assert problem["message"] == 'evil-lib offers the cube "greeter", which belongs to cubekit-greeter'
    else:
        assert (problem["needed"], problem["found"]) == ("other-lib 1.0.0", "evil-lib 1.0.0")
    assert environment.installed() == {}


def test_what_is_installed_with_the_same_version_and_other_content_is_replaced(
    environment: Environment, service: Path, tmp_path: Path
) -> None:
    """A stranger's, or what is left of an installation that somebody ended with kill -9."""
    evil = greeter(tmp_path, "1.1.0", modules={"cubekit_greeter": "raise SystemExit('evil')"}, owner="Mallory")
    shutil.unpack_archive(next((evil / "dist").glob("*.whl")), environment.site, "zip")
    assert "cubekit-greeter 1.1.0" in environment.ok("add", "greeter", cwd=service)["pip"]
    assert "evil" not in (environment.site / "cubekit_greeter.py").read_text("utf-8")
    assert environment.ok("verify", cwd=service)["valid"]
    (environment.site / "greeting_contract.py").unlink()
    environment.ok("add", cwd=service)
    assert environment.ok("verify", cwd=service)["valid"]
    assert environment.ok("add", "greeter", cwd=service)["pip"] == []
