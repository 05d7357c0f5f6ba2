"""A name belongs to one distribution of one registry: whatever else claims it is refused with exit code 5."""

from __future__ import annotations

import shutil
import tomllib
from pathlib import Path

import pytest

from cubekit.registry.wheels import sha256_of
from tests.registry.market import Environment, change, plain, refused, wheel_of


def test_a_name_that_belongs_to_another_distribution(
    environment: Environment, service: Path, registry: Path, tmp_path: Path
) -> None:
    squatter = plain(tmp_path, "greeter", owner="Mallory")
    path = squatter / "pyproject.toml"
    shutil.rmtree(squatter / "dist")
    module = {"evil": "from cubekit import Cube\nclass Evil(Cube):\n    pass\n"}
    wheel_of(squatter / "dist", "evil-greeter", "1.0.0", modules=module, cubes={"greeter": "evil:Evil"},
             requires=["cubekit-core>=0.1"])  # fmt: skip
    path.write_text('[project]\nname = "evil-greeter"\nversion = "1.0.0"\n', "utf-8")
    problem = refused(environment, service, "publish", str(squatter), "--to", str(registry))
    assert (problem["code"], problem["message"]) == ("CK607", 'the cube name "greeter" belongs to cubekit-greeter')


@pytest.mark.parametrize("name", ["greter", "gre-eter", "greeters", "gr3eter", "gereter"])
def test_a_name_that_looks_like_another(environment: Environment, registry: Path, tmp_path: Path, name: str) -> None:
    squatter = plain(tmp_path, name, owner="Mallory")
    (problem,) = environment.refused(5, "publish", squatter, "--to", registry)
    assert problem["code"] == "CK607"
    assert problem["message"] == f'the cube name "{name}" looks like "greeter", which belongs to somebody else'
    environment.ok("publish", plain(tmp_path / "own", name, owner="Ada"), "--to", registry)


def test_a_wheel_that_offers_the_cube_of_another(
    environment: Environment, service: Path, registry: Path, tmp_path: Path
) -> None:
    wheel = wheel_of(tmp_path, "cubekit-trojan", "1.0.0", modules={"trojan": ""},
                     cubes={"trojan": "trojan:Trojan", "greeter": "trojan:Greeter"})  # fmt: skip
    shutil.copy(wheel, registry / "files")
    with (registry / "registry.toml").open("a") as file:
        file.write(
            '[cubes.trojan]\ncolour = "feature"\ndistribution = "cubekit-trojan"\nsummary = "Nice"\n'
            '[[cubes.trojan.releases]]\nversion = "1.0.0"\napi = ">=0.1"\npublisher = "Mallory"\n'
            f'files = [{{ name = "{wheel.name}", sha256 = "{sha256_of(wheel)}" }}]\n'
        )
    problem = refused(environment, service, "add", "trojan")
    assert problem["message"] == 'cubekit-trojan offers the cube "greeter", which belongs to cubekit-greeter'


def test_an_index_cannot_take_the_place_of_a_registry(
    environment: Environment, service: Path, registry: Path, tmp_path: Path
) -> None:
    """Dependency confusion: a higher version of a private name on the index that pip asks."""
    for name in ("cubekit-greeter", "greeting-contract"):
        wheel_of(environment.index, name, "1.99.0", modules={"evil": ""}, cubes={})
    environment.ok("add", "greeter", cwd=service)
    assert environment.installed() == {"cubekit-greeter": "1.1.0", "greeting-contract": "1.0.0"}


def test_a_cube_moves_to_no_other_registry_by_itself(environment: Environment, service: Path, tmp_path: Path) -> None:
    environment.ok("add", "greeter", cwd=service)
    other = tmp_path / "other"
    other.mkdir()
    (other / "registry.toml").write_text(
        '[cubes.greeter]\ncolour = "feature"\ndistribution = "evil-greeter"\nsummary = "Greets"\n', "utf-8"
    )
    file = service / "registry.toml"
    file.write_text(file.read_text("utf-8") + '[registries.other]\nsource = "../other"\n', "utf-8")
    assert environment.ok("lock", "--check", cwd=service)["valid"], "a lower priority takes no name"
    change(file, "[registries.other]", "[registries.other]\npriority = 5")
    (problem,) = environment.refused(5, "lock", cwd=service)
    assert problem["code"] == "CK607"
    assert problem["message"] == 'two registries of one priority say different things of "greeter"'
    change(file, "[registries.other]\npriority = 5", "[registries.other]\npriority = 6")
    for arguments in (["lock", "--check"], ["verify"]):
        problem, *_ = environment.refused(5, *arguments, cwd=service)
        assert (problem["code"], problem["message"]) == (
            "CK607",
            'the cube "greeter" is locked from elsewhere than its name belongs to',
        )


def test_a_dependency_moves_to_no_registry_by_itself(
    environment: Environment, service: Path, registry: Path, tmp_path: Path
) -> None:
    """A registry, be it of the lowest priority, could else take over any name of the index that was free so far."""
    wheel_of(environment.index, "elsewhere", "1.0.0", modules={"elsewhere": ""}, cubes={})
    environment.ok("publish", plain(tmp_path, "needy", requires=["cubekit-core>=0.1,<0.2", "elsewhere"]),
                   "--to", registry)  # fmt: skip
    environment.ok("add", "needy", "greeter", cwd=service)
    locked = tomllib.loads((service / "cubekit.lock").read_text("utf-8"))["distributions"]
    assert [(one["name"], one.get("registry")) for one in locked] == [
        ("elsewhere", None), ("greeting-contract", "company")]  # fmt: skip
    other = tmp_path / "other"
    other.mkdir()
    (other / "registry.toml").write_text('[distributions.elsewhere]\nsummary = "Mine now"\n', "utf-8")
    with (service / "registry.toml").open("a") as file:
        file.write('[registries.other]\nsource = "../other"\npriority = -5\n')
    for arguments in (["lock"], ["lock", "--check"], ["add"], ["verify"]):
        (problem,) = environment.refused(5, *arguments, cwd=service)
        assert (problem["code"], problem["found"]) == ("CK607", 'registry "other"')
        assert problem["message"] == "elsewhere would come from elsewhere than before"


def test_two_registries_of_one_priority_with_other_files(
    environment: Environment, service: Path, registry: Path, tmp_path: Path
) -> None:
    shutil.copytree(registry, tmp_path / "other")
    with (service / "registry.toml").open("a") as file:
        file.write('[registries.other]\nsource = "../other"\npriority = 5\n')
    environment.ok("add", "greeter", "--dry-run", cwd=service)  # a mirror
    others = tmp_path / "other" / "registry.toml"
    wheel = "cubekit_greeter-1.1.0-py3-none-any.whl"
    before = sha256_of(registry / "files" / wheel)
    change(others, before, "0" * 64)
    for arguments in (["add", "greeter"], ["show", "greeter"]):
        (problem,) = environment.refused(5, *arguments, cwd=service)
        assert problem["message"] == 'two registries of one priority say different things of "greeter"'
        assert problem["found"] == f"{wheel} in company\nanother {wheel} in other"
    change(others, "0" * 64, before)
    contract = "greeting_contract-1.0.0-py3-none-any.whl"
    change(others, sha256_of(registry / "files" / contract), "0" * 64)
    (problem,) = environment.refused(5, "add", "greeter", cwd=service)
    assert problem["message"] == 'two registries of one priority say different things of "greeting-contract"'


def test_the_same_name_in_a_registry_of_higher_priority(
    environment: Environment, service: Path, registry: Path, tmp_path: Path
) -> None:
    environment.ok("add", "greeter", cwd=service)
    shutil.copytree(registry, tmp_path / "other")
    with (service / "registry.toml").open("a") as file:
        file.write('[registries.other]\nsource = "../other"\npriority = 6\n')
    (problem,) = environment.refused(5, "lock", cwd=service)
    assert problem["message"] == 'the cube "greeter" would come from elsewhere than before'
    assert problem["needed"] == 'cubekit-greeter of registry "company", as cubekit.lock says'
    assert problem["found"] == 'cubekit-greeter of registry "other"'


def test_a_stranger_that_is_installed_under_the_name(
    environment: Environment, service: Path, registry: Path, tmp_path: Path
) -> None:
    wheel = wheel_of(tmp_path, "evil-greeter", "9.0.0", modules={"evil": ""}, cubes={"greeter": "evil:Evil"})
    shutil.unpack_archive(wheel, environment.site, "zip")
    (problem,) = environment.refused(5, "add", "greeter", cwd=service)
    assert problem["code"] == "CK607"
    assert problem["fix"] == "pip uninstall evil-greeter"
