"""``registry publish`` and ``yank``: what becomes a release, and of whom."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

from cubekit.registry.names import lookalikes
from tests.registry.market import PLAIN, Environment, build, plain, wheel_of


def releases(environment: Environment, registry: Path, cube: str) -> dict[str, list[str]]:
    """The files of each release."""
    shown = environment.ok("show", cube, "--registry", registry)["cube"]["releases"]
    return {one["version"]: [file["name"] for file in one["files"]] for one in shown}


def another(cube: Path, name: str, **more: Any) -> Path:
    """A further wheel of a cube, for another system or of another version."""
    settings = {"modules": {"cubekit_plain": PLAIN}, "cubes": {"plain": "cubekit_plain:Plain"},
                "requires": ["cubekit-core>=0.1,<0.2"]} | more  # fmt: skip
    wheel = wheel_of(cube / "elsewhere", "cubekit-plain", settings.pop("version", "0.1.1"), **settings)
    return wheel.replace(cube / "dist" / name)


def test_other_versions_in_the_same_directory(environment: Environment, registry: Path, tmp_path: Path) -> None:
    cube = plain(tmp_path, "plain", "0.1.1")
    another(cube, "cubekit_plain-0.1.10-py3-none-any.whl", version="0.1.10")
    for version in ("0.1.1", "0.1.10"):
        (cube / "dist" / f"cubekit_plain-{version}.tar.gz").write_bytes(b"source")
    environment.ok("publish", cube, "--to", registry)
    files = ["cubekit_plain-0.1.1-py3-none-any.whl", "cubekit_plain-0.1.1.tar.gz"]
    assert releases(environment, registry, "plain") == {"0.1.1": files}
    assert environment.ok("check", registry)["valid"]


def test_wheels_for_several_systems_are_one_release(environment: Environment, registry: Path, tmp_path: Path) -> None:
    cube = plain(tmp_path, "plain", "0.1.1")
    foreign = "cubekit_plain-0.1.1-cp39-cp39-win_arm64.whl"
    another(cube, foreign, modules={"cubekit_plain": "raise ImportError('built for another system')"})
    environment.ok("publish", cube, "--to", registry)
    assert releases(environment, registry, "plain") == {"0.1.1": [foreign, "cubekit_plain-0.1.1-py3-none-any.whl"]}


def test_a_wheel_for_another_system_with_other_cubes(environment: Environment, registry: Path, tmp_path: Path) -> None:
    cube = plain(tmp_path, "plain", "0.1.1")
    foreign = "cubekit_plain-0.1.1-cp39-cp39-win_arm64.whl"
    another(cube, foreign, cubes={"plain": "cubekit_plain:Plain", "greeter": "cubekit_plain:Plain"})
    (problem,) = environment.refused(4, "publish", cube, "--to", registry)
    assert problem["message"].startswith(f"{foreign} and cubekit_plain-0.1.1-py3-none-any.whl differ in their cubes")
    shutil.rmtree(cube / "dist")
    (cube / "dist").mkdir()
    another(cube, foreign)
    (problem,) = environment.refused(4, "publish", cube, "--to", registry)
    assert (problem["code"], problem["found"]) == ("CK612", foreign)
    (cube / "pyproject.toml").write_text('[project]\nname = "cubekit-plain"\ndynamic = ["version"]\n', "utf-8")
    (problem,) = environment.refused(4, "publish", cube, "--to", registry)
    assert problem["message"] == "pyproject.toml does not say which version is meant"


def test_one_version_in_two_spellings_is_one_release(environment: Environment, registry: Path, tmp_path: Path) -> None:
    environment.ok("publish", plain(tmp_path, "plain", "1.0"), "--to", registry)
    changed = plain(tmp_path, "plain", "1.0.0", declared='permissions = ["gpu"]\n')
    (problem,) = environment.refused(4, "publish", changed, "--to", registry)
    assert problem["message"] == "1.0.0 is published already, with other content: permissions"
    file = registry / "registry.toml"
    text = file.read_text("utf-8")
    release = text[text.rindex("\n[[cubes.plain.releases]]") :].partition("\n[distributions")[0]
    file.write_text(text + release.replace("1.0", "1.0.0", 1), "utf-8")
    (problem,) = environment.refused(4, "check", registry)
    assert 'one release for one version: "plain" has 1.0' in problem["needed"]


def test_a_name_stays_with_its_owners(environment: Environment, registry: Path, tmp_path: Path) -> None:
    environment.ok("publish", plain(tmp_path, "plain"), build(tmp_path, "lib", modules={"lib": ""}), "--to", registry)
    before = (registry / "registry.toml").read_bytes()
    for squatter in (
        plain(tmp_path, "plain", "9.0.0", owner="Mallory"),
        build(tmp_path, "lib", "9.0.0", modules={"lib": ""}, owner="Mallory"),
    ):
        (problem,) = environment.refused(5, "publish", squatter, "--to", registry)
        assert (problem["code"], problem["needed"], problem["found"]) == ("CK607", "an owner of: Ada", "Mallory")
    hidden = build(tmp_path, "cubekit-plain", "9.0.0", modules={"cubekit_plain": ""})
    (problem,) = environment.refused(5, "publish", hidden, "--to", registry)
    assert problem["message"] == "cubekit-plain is the distribution of a cube, and this wheel offers none"
    assert (registry / "registry.toml").read_bytes() == before
    environment.ok("publish", plain(tmp_path, "plain", "1.1.0", owner="Ada,Bob"), "--to", registry)


def test_a_rehearsal_changes_nothing(environment: Environment, registry: Path, tmp_path: Path) -> None:
    before = {path: path.read_bytes() for path in registry.rglob("*") if path.is_file()}
    cube = plain(tmp_path, "plain")
    for directory in (registry, tmp_path / "new"):
        rehearsed = environment.ok("publish", cube, "--to", directory, "--keys", tmp_path / "keys", "--dry-run")
        assert rehearsed["dryRun"]
        assert [one["version"] for one in rehearsed["published"]] == ["1.0.0"]
    assert {path: path.read_bytes() for path in registry.rglob("*") if path.is_file()} == before
    assert not (tmp_path / "new").exists()
    assert not (tmp_path / "keys").exists()
    squatter = plain(tmp_path, "gre-eter", owner="Mallory")
    environment.refused(5, "publish", squatter, "--to", registry, "--dry-run")


def test_a_dependency_from_one_place(environment: Environment, registry: Path, tmp_path: Path) -> None:
    away = "elsewhere @ https://example.org/elsewhere.zip"
    cube = plain(tmp_path, "plain", requires=["cubekit-core>=0.1,<0.2", away])
    (problem,) = environment.refused(4, "publish", cube, "--to", registry)
    assert (problem["code"], problem["found"]) == ("CK612", away)


def test_a_release_is_withdrawn_with_all_its_cubes(environment: Environment, registry: Path, tmp_path: Path) -> None:
    both = {"left": "cubekit_two:Plain", "right": "cubekit_two:Plain"}
    environment.ok("publish", build(tmp_path, "cubekit-two", modules={"cubekit_two": PLAIN}, cubes=both),
                   "--to", registry)  # fmt: skip
    environment.ok("yank", "Left", "1.0.0", "--reason", "bad", "--to", registry)
    (release,) = environment.ok("show", "right", "--registry", registry)["cube"]["releases"]
    assert release["yanked"] == "bad"


def test_publications_at_the_same_time_all_stay(environment: Environment, registry: Path, tmp_path: Path) -> None:
    names = ["apple", "banana", "cherry"]
    command = [str(environment.python), "-m", "cubekit.cli", "registry", "publish", "--to", str(registry)]
    variables = {**os.environ, **environment.variables}
    cubes = [plain(tmp_path, name) for name in names]
    running = [subprocess.Popen([*command, str(cube)], env=variables, stdout=subprocess.DEVNULL) for cube in cubes]
    assert [process.wait() for process in running] == [0, 0, 0]
    found = {one["name"] for one in environment.ok("search", "--registry", registry)["cubes"]}
    assert found == {"greeter", "host", *names}


def test_lookalikes_come_in_pairs() -> None:
    names = ["saju-calc", "auth", "sajucalc", "auht", "saju-clac", "realtime"]
    assert list(lookalikes(names)) == [
        ("saju-calc", "sajucalc"),
        ("saju-calc", "saju-clac"),
        ("sajucalc", "saju-clac"),
    ]


def test_a_release_never_changes(environment: Environment, registry: Path, tmp_path: Path) -> None:
    first = plain(tmp_path, "plain")
    environment.ok("publish", first, "--to", registry)
    before = (registry / "registry.toml").read_bytes()
    environment.ok("publish", first, "--to", registry)
    assert (registry / "registry.toml").read_bytes() == before
    changed = plain(tmp_path / "changed", "plain", declared='permissions = ["gpu"]\n', owner="Ada,Eve")
    (problem,) = environment.refused(4, "publish", changed, "--to", registry)
    assert problem["code"] == "CK612"
    files = "cubekit_plain-1.0.0-py3-none-any.whl, permissions"
    assert problem["message"] == f"1.0.0 is published already, with other content: {files}"
