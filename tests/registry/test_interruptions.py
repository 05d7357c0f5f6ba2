"""Commands that are ended half-way, that run at the same time, or that meet a service file they cannot write."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import pytest

from cubekit.registry.files import write_whole
from tests.registry.conftest import SERVICE
from tests.registry.market import PLAIN, Environment, build, plain

PIP = """
import os, signal, subprocess, sys
real = [sys.executable, "-c", "import sys; sys.path.remove({site!r}); from pip._internal.cli.main import main; "
        "sys.exit(main(sys.argv[1:]))", *sys.argv[1:]]
if {verb!r} not in sys.argv:
    sys.exit(subprocess.call(real))
{then}
"""
"""Stands before pip, and does something else when it is asked to change anything."""

REFUSE = "sys.exit('ERROR: no space left on device')"
KILL_BEFORE = "os.kill(os.getppid(), signal.SIGKILL)"
KILL_AFTER = "subprocess.call(real)\n" + KILL_BEFORE


def stand_before_pip(environment: Environment, verb: str, then: str) -> None:
    text = PIP.format(site=str(environment.site), verb=verb, then=then)
    (environment.site / "pip.py").write_text(text, "utf-8")


def leave_pip(environment: Environment) -> None:
    (environment.site / "pip.py").unlink()


def at_once(environment: Environment, service: Path, *commands: list[str]) -> None:
    running = [
        subprocess.Popen(
            [str(environment.python), "-m", "cubekit.cli", "registry", *command],
            cwd=service,
            env={**os.environ, **environment.variables},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        for command in commands
    ]
    for process in running:
        _, said = process.communicate()
        assert (process.returncode, said) == (0, "")


def lock_of(service: Path) -> dict[str, Any]:
    return tomllib.loads((service / "cubekit.lock").read_text("utf-8"))


def test_a_program_hears_of_success_only(environment: Environment, service: Path) -> None:
    stand_before_pip(environment, "--require-hashes", REFUSE)
    (problem,) = environment.refused(1, "add", "greeter", cwd=service)
    assert (problem["code"], problem["found"]) == ("CK613", "ERROR: no space left on device")
    assert (service / "service.toml").read_text("utf-8") == SERVICE
    assert not (service / "cubekit.lock").exists()


@pytest.mark.parametrize("then", [KILL_BEFORE, KILL_AFTER], ids=["before", "after"])
def test_an_addition_that_is_killed_is_done_by_doing_it_again(
    environment: Environment, service: Path, then: str
) -> None:
    stand_before_pip(environment, "--require-hashes", then)
    done = environment.run("registry", "add", "greeter", "--json", cwd=service)
    assert (done.returncode, done.stdout) == (-signal.SIGKILL, "")
    assert {path.name for path in service.iterdir()} == {"service.toml", "registry.toml"}
    assert (service / "service.toml").read_text("utf-8") == SERVICE
    leave_pip(environment)
    environment.ok("add", "greeter", cwd=service)
    assert environment.ok("verify", cwd=service)["valid"]


@pytest.mark.parametrize("then", [KILL_BEFORE, KILL_AFTER], ids=["before", "after"])
def test_a_removal_that_is_killed_is_done_by_doing_it_again(environment: Environment, service: Path, then: str) -> None:
    environment.ok("add", "greeter", cwd=service)
    stand_before_pip(environment, "uninstall", then)
    assert environment.run("registry", "remove", "greeter", cwd=service).returncode == -signal.SIGKILL
    leave_pip(environment)
    environment.ok("remove", "greeter", cwd=service)
    assert environment.installed() == {"greeting-contract": "1.0.0"}
    assert lock_of(service) == {"schema": 1}
    assert environment.ok("lock", "--check", cwd=service)["valid"]


def test_additions_at_the_same_time_all_stay(
    environment: Environment, service: Path, registry: Path, tmp_path: Path
) -> None:
    names = ["apple", "banana", "cherry"]
    environment.ok("publish", *(plain(tmp_path, name) for name in names), "--to", registry)
    at_once(environment, service, *(["add", name] for name in names))
    assert sorted(tomllib.loads((service / "service.toml").read_text("utf-8"))["cubes"]) == names
    assert [cube["name"] for cube in lock_of(service)["cubes"]] == names
    assert environment.ok("verify", cwd=service)["valid"]


def test_an_instance_of_that_name_uses_another_cube(environment: Environment, service: Path) -> None:
    (service / "service.toml").write_text(SERVICE + '[cubes.greeter]\nuse = "host"\n', "utf-8")
    before = (service / "service.toml").read_text("utf-8")
    (problem,) = environment.refused(1, "add", "greeter", cwd=service)
    assert (problem["code"], problem["line"]) == ("CK503", 3)
    assert problem["found"] == "an instance of that name, which uses another cube"
    assert (service / "service.toml").read_text("utf-8") == before
    assert environment.installed() == {}


def test_cubes_that_are_not_written_as_tables(environment: Environment, service: Path) -> None:
    (service / "service.toml").write_text('cubes = { host = { use = "host" } }\n' + SERVICE, "utf-8")
    (problem,) = environment.refused(1, "add", "greeter", cwd=service)
    assert (problem["code"], problem["found"]) == ("CK503", "cubes that are not tables")
    assert environment.installed() == {}


def test_a_name_is_one_name_however_it_is_spelled(environment: Environment, service: Path) -> None:
    environment.ok("add", "Greeter", cwd=service)
    assert environment.ok("show", "GREETER", cwd=service)["cube"]["name"] == "greeter"
    removed = environment.ok("remove", "Greeter", cwd=service)
    assert (removed["distributions"], removed["instances"]) == (["cubekit-greeter"], ["greeter"])
    assert environment.installed() == {"greeting-contract": "1.0.0"}
    assert lock_of(service) == {"schema": 1}


@pytest.mark.parametrize("wrong", ['[cubes.x]\nuse = "Bad Name"\n', "[cubes.x]\n", "[cubes]\ny = 3\n"])
def test_what_is_wrong_elsewhere_keeps_nobody_from_removing(
    environment: Environment, service: Path, wrong: str
) -> None:
    (service / "service.toml").write_text(SERVICE, "utf-8")
    environment.ok("add", "greeter", cwd=service)
    with (service / "service.toml").open("a") as file:
        file.write(wrong)
    assert environment.ok("remove", "greeter", cwd=service)["instances"] == ["greeter"]
    assert wrong in (service / "service.toml").read_text("utf-8")
    assert "cubekit-greeter" not in environment.installed()


def test_a_molecule_still_names_what_was_removed(environment: Environment, service: Path) -> None:
    (service / "m.toml").write_text('[cubes.greeter]\nuse = "greeter"\n', "utf-8")
    (service / "service.toml").write_text('[service]\nname = "shop"\ninclude = ["m.toml"]\n', "utf-8")
    environment.ok("lock", cwd=service)
    environment.ok("add", cwd=service)
    (place,) = environment.ok("remove", "greeter", cwd=service)["named"]
    assert place.endswith("m.toml:2")


def test_a_distribution_stays_while_another_of_its_cubes_is_used(environment: Environment, service: Path) -> None:
    two = build(
        environment.directory,
        "cubekit-two",
        modules={"cubekit_two": PLAIN},
        cubes={"left": "cubekit_two:Plain", "right": "cubekit_two:Plain"},
    )
    shutil.unpack_archive(next((two / "dist").glob("*.whl")), environment.site, "zip")
    (service / "service.toml").write_text(SERVICE + '[cubes.a]\nuse = "left"\n[cubes.b]\nuse = "right"\n', "utf-8")
    assert environment.ok("remove", "left", cwd=service)["distributions"] == []
    assert environment.ok("remove", "right", cwd=service)["distributions"] == ["cubekit-two"]


def test_an_interrupted_writer_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "cubekit.lock"
    write_whole(path, "old")

    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("os.replace", interrupted)
    with pytest.raises(KeyboardInterrupt):
        write_whole(path, "new")
    assert [file.read_text() for file in tmp_path.iterdir()] == ["old"]
