"""``registry add``, ``lock``, ``verify`` and ``remove`` against a registry in a directory and a fresh environment."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from tests.registry.conftest import SERVICE
from tests.registry.market import GREETER, Environment, build, plain, wheel_of


def test_a_cube_comes_with_the_provider_of_its_contract_and_goes_again(environment: Environment, service: Path) -> None:
    planned = environment.ok("add", "host", "--dry-run", cwd=service)
    assert {cube["name"]: cube["to"] for cube in planned["cubes"]} == {"host": "1.0.0", "greeter": "1.1.0"}
    assert [cube["newPermissions"] for cube in planned["cubes"]] == [["network"], []]
    assert environment.installed() == {}
    assert not (service / "cubekit.lock").exists()

    environment.ok("add", "host", cwd=service)
    installed = {"cubekit-greeter": "1.1.0", "cubekit-host": "1.0.0", "greeting-contract": "1.0.0"}
    assert environment.installed() == installed
    lock = tomllib.loads((service / "cubekit.lock").read_text("utf-8"))
    assert [(cube["name"], cube["version"], cube["registry"]) for cube in lock["cubes"]] == [
        ("greeter", "1.1.0", "company"),
        ("host", "1.0.0", "company"),
    ]
    assert [one["name"] for one in lock["distributions"]] == ["greeting-contract"]
    assert "//" not in (service / "cubekit.lock").read_text("utf-8"), "no address is in a lock"
    text = (service / "service.toml").read_text("utf-8")
    assert text.startswith(SERVICE)
    assert tomllib.loads(text)["cubes"] == {
        "greeter": {"use": "greeter>=1.1.0,<2"},
        "host": {"use": "host>=1.0.0,<2"},
    }
    assert environment.ok("lock", "--check", cwd=service)["valid"]
    assert environment.ok("verify", cwd=service)["valid"]
    done = environment.run("call", ".", "host.welcome", '{"name": "Ada"}', cwd=service)
    assert "Hello, Ada" in done.stdout, done.stderr

    removed = environment.ok("remove", "host", cwd=service)
    assert removed["instances"] == ["host"]
    assert set(environment.installed()) == set(installed) - {"cubekit-host"}
    assert "cubekit-host" not in environment.installed()
    assert "host" not in (service / "service.toml").read_text("utf-8")
    assert environment.ok("lock", "--check", cwd=service)["valid"]


def test_a_cube_that_breaks_at_import_can_be_removed(environment: Environment, service: Path) -> None:
    environment.ok("add", "greeter", cwd=service)
    (environment.site / "cubekit_greeter.py").write_text("import sys; sys.exit('broken')", "utf-8")
    environment.ok("remove", "greeter", cwd=service)
    assert (service / "service.toml").read_text("utf-8").strip() == SERVICE.strip()
    assert environment.installed() == {"greeting-contract": "1.0.0"}
    (problem,) = environment.refused(3, "remove", "greeter", cwd=service)
    assert problem["code"] == "CK501"


def test_what_is_locked_is_installed_elsewhere_exactly(environment: Environment, service: Path, tmp_path: Path) -> None:
    (service / "service.toml").write_text(SERVICE + '[cubes.greeter]\nuse = "greeter<1.1"\n', "utf-8")
    (problem,) = environment.refused(4, "lock", "--check", cwd=service)
    assert problem["code"] == "CK604"
    environment.ok("lock", cwd=service)
    assert environment.installed() == {}
    problems = environment.refused(4, "verify", cwd=service)
    assert {problem["code"] for problem in problems} == {"CK605"}
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    other = Environment(elsewhere)
    other.ok("add", cwd=service)
    assert other.installed() == {"cubekit-greeter": "1.0.0", "greeting-contract": "1.0.0"}
    assert other.ok("verify", cwd=service)["valid"]

    outdated = other.ok("outdated", cwd=service)["cubes"]
    assert [(one["name"], one["has"], one["admitted"], one["newest"]) for one in outdated] == [
        ("greeter", "1.0.0", "1.0.0", "1.1.0")
    ]
    (service / "service.toml").write_text(SERVICE + '[cubes.greeter]\nuse = "greeter>=1.0.5"\n', "utf-8")
    (problem,) = other.refused(4, "lock", "--check", cwd=service)
    assert (problem["code"], problem["line"]) == ("CK604", 4)
    assert problem["file"].endswith("service.toml")
    environment.ok("lock", cwd=service)
    assert environment.ok("lock", "--check", cwd=service)["valid"]


def test_cubes_stay_in_their_version_until_they_are_upgraded(environment: Environment, service: Path) -> None:
    (service / "service.toml").write_text(SERVICE + '[cubes.greeter]\nuse = "greeter==1.0.0"\n', "utf-8")
    environment.ok("lock", cwd=service)
    (service / "service.toml").write_text(SERVICE + '[cubes.greeter]\nuse = "greeter"\n', "utf-8")
    assert environment.ok("lock", cwd=service)["cubes"] == []
    (change,) = environment.ok("lock", "--upgrade", cwd=service)["cubes"]
    assert (change["from"], change["to"], change["newPermissions"]) == ("1.0.0", "1.1.0", [])


def test_the_version_that_an_upgrade_would_take_is_told(
    environment: Environment, service: Path, registry: Path, tmp_path: Path
) -> None:
    later = ["cubekit-core>=7"]
    environment.ok("publish", *(plain(tmp_path, "plain", version) for version in ("1.0", "1.1", "2.0rc1")),
                   plain(tmp_path, "plain", "1.2", requires=later), "--to", registry)  # fmt: skip
    (service / "service.toml").write_text(SERVICE + '[cubes.plain]\nuse = "plain"\n', "utf-8")
    (one,) = environment.ok("outdated", cwd=service)["cubes"]
    assert (one["has"], one["admitted"], one["newest"]) == (None, "1.1", "1.2")
    assert environment.ok("lock", "--upgrade", cwd=service)["cubes"][0]["to"] == "1.1"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ('version = "1.1.0"', 'version = "abc"'),
        ('name = "greeting-contract"', 'name = "x\\n--find-links /elsewhere\\ny"'),
        ('registry = "company"', 'registry = ""'),
        ('provides = ["test.greeting@1.0"]', 'provides = ["test.greeting"]'),
    ],
)
def test_a_lock_that_nobody_wrote(environment: Environment, service: Path, before: str, after: str) -> None:
    environment.ok("add", "greeter", cwd=service)
    path = service / "cubekit.lock"
    text = path.read_text("utf-8")
    assert before in text
    path.write_text(text.replace(before, after, 1), "utf-8")
    line = text.partition(before)[0].count("\n") + 1
    for arguments in (["lock", "--check"], ["verify"], ["add"], ["outdated"], ["remove", "greeter"]):
        (problem,) = environment.refused(4, *arguments, cwd=service)
        assert (problem["code"], problem["file"], problem["line"]) == ("CK104", "cubekit.lock", line)


def test_a_lock_tells_contracts_of_similar_names_apart(
    environment: Environment, service: Path, registry: Path, tmp_path: Path
) -> None:
    environment.ok("add", "host", cwd=service)
    path = service / "cubekit.lock"
    path.write_text(path.read_text("utf-8").replace("test.greeting>=", "test.greetings>="), "utf-8")
    (service / "service.toml").write_text(SERVICE + '[cubes.host]\nuse = "host"\n', "utf-8")
    (problem,) = environment.refused(4, "lock", "--check", cwd=service)
    assert problem["message"] == 'the lock has the cube "greeter", which the service does not use'


def test_releases_that_do_not_fit_are_refused_with_what_was_looked_at(environment: Environment, service: Path) -> None:
    (problem,) = environment.refused(4, "add", "greeter>=2", cwd=service)
    assert problem["code"] == "CK603"
    assert problem["found"] == "1.0.0: not >=2\n1.1.0: not >=2"
    (problem,) = environment.refused(3, "add", "greter", cwd=service)
    assert (problem["code"], problem["fix"]) == ("CK602", "cubekit registry add greeter")
    (problem,) = environment.refused(2, "add", "greeter>>2", cwd=service)
    assert problem["code"] == "CK504"


def test_what_pip_cannot_do_leaves_everything_as_it_was(
    environment: Environment, service: Path, registry: Path, tmp_path: Path
) -> None:
    needy = plain(tmp_path, "needy", requires=["cubekit-core>=0.1,<0.2", "no-such-distribution"])
    environment.ok("publish", needy, "--to", registry)
    (problem,) = environment.refused(1, "add", "needy", cwd=service)
    assert problem["code"] == "CK613"
    assert "no-such-distribution" in problem["found"]
    assert (service / "service.toml").read_text("utf-8") == SERVICE
    assert not (service / "cubekit.lock").exists()


def test_files_that_were_changed_after_installation_are_found(environment: Environment, service: Path) -> None:
    environment.ok("add", "greeter", cwd=service)
    (environment.site / "cubekit_greeter.py").write_text(GREETER.replace("Hello", "Goodbye"), "utf-8")
    (problem,) = environment.refused(5, "verify", cwd=service)
    assert problem["code"] == "CK606"
    assert problem["message"] == "files of cubekit-greeter 1.1.0 were changed after they were installed"
    assert problem["found"] == "cubekit_greeter.py"


def test_a_dependency_has_no_record_that_could_be_deleted(environment: Environment, service: Path) -> None:
    environment.ok("add", "greeter", cwd=service)
    (environment.site / "greeting_contract.py").write_text("evil = True", "utf-8")
    (record,) = environment.site.glob("greeting_contract-*/RECORD")
    record.unlink()
    (problem,) = environment.refused(5, "verify", cwd=service)
    assert (problem["code"], problem["found"]) == ("CK606", "greeting_contract.py")


def test_a_dependency_from_an_index_whose_record_is_gone(
    environment: Environment, service: Path, registry: Path, tmp_path: Path
) -> None:
    wheel_of(environment.index, "elsewhere", "1.0.0", modules={"elsewhere": ""}, cubes={})
    needy = plain(tmp_path, "needy", requires=["cubekit-core>=0.1,<0.2", "elsewhere"])
    environment.ok("publish", needy, "--to", registry)
    environment.ok("add", "needy", cwd=service)
    (record,) = environment.site.glob("elsewhere-*/RECORD")
    record.unlink()
    (problem,) = environment.refused(5, "verify", cwd=service)
    assert problem["message"] == "nothing says any more which files elsewhere 1.0.0 has"


def test_extras_of_dependencies_stay_locked(
    environment: Environment, service: Path, registry: Path, tmp_path: Path
) -> None:
    wheel_of(environment.index, "elsewhere", "1.0.0", modules={"elsewhere": ""}, cubes={},
             requires=['fast-part; extra == "fast"', 'slow-part; extra == "slow"'],
             extras=["fast", "slow"])  # fmt: skip
    wheel_of(environment.index, "fast-part", "1.0.0", modules={"fast_part": ""}, cubes={})
    own = build(tmp_path, "own-part", modules={"own_part": ""})
    lib = build(tmp_path, "lib", modules={"lib": ""}, requires=['own-part; extra == "more"'], extras=["more"])
    needy = plain(tmp_path, "needy", requires=["cubekit-core>=0.1,<0.2", "elsewhere[fast]", "lib[more]"])
    environment.ok("publish", own, lib, needy, "--to", registry)

    def locked() -> list[str]:
        lock = tomllib.loads((service / "cubekit.lock").read_text("utf-8"))
        return [one["name"] for one in lock["distributions"]]

    environment.ok("add", "needy", cwd=service)
    assert locked() == ["elsewhere", "fast-part", "lib", "own-part"]
    environment.ok("lock", cwd=service)
    assert locked() == ["elsewhere", "fast-part", "lib", "own-part"]


def test_what_a_passed_over_release_needs_is_not_asked_for(
    environment: Environment, service: Path, registry: Path, tmp_path: Path
) -> None:
    deep = [build(tmp_path, "deep", version, modules={"deep": ""}) for version in ("1.0", "2.0")]
    libs = [
        build(tmp_path, "lib", version, modules={"lib": ""}, requires=[needed])
        for version, needed in (("1.0", "deep<2"), ("2.0", "deep>=2"))
    ]
    cubes = [
        plain(tmp_path, name, requires=["cubekit-core>=0.1,<0.2", needed])
        for name, needed in (("alpha", "lib<2"), ("omega", "lib"))
    ]
    environment.ok("publish", *deep, *libs, *cubes, "--to", registry)
    environment.ok("add", "alpha", "omega", cwd=service)
    assert environment.installed().items() >= {"lib": "1.0", "deep": "1.0"}.items()
