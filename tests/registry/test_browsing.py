"""``registry search``, ``show``, ``diff`` and ``check``; what is read, written and remembered."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cubekit.registry.files import to_toml
from tests.registry.market import Environment, build, plain

ROOT = Path(__file__).parents[2]


def test_a_search_asks_for_all_words_anywhere(environment: Environment, service: Path) -> None:
    def names(*words: str) -> list[str]:
        return [one["name"] for one in environment.ok("search", *words, cwd=service)["cubes"]]

    assert names() == ["greeter", "host"]
    assert names("GREET") == ["greeter", "host"], "a keyword"
    assert names("test.greeting") == ["greeter"], "a contract"
    assert names("ada", "feature", "host") == ["host"]
    assert names("nonsense") == []


def test_a_search_loads_nothing_for_trust_or_the_network(environment: Environment, service: Path) -> None:
    environment.ok("search", cwd=service)
    show = "import sys\nfrom cubekit.cli.app import run\nrun()\nprint(*sys.modules, file=sys.stderr)"
    done = subprocess.run(
        [environment.python, "-c", show, "registry", "search"],
        cwd=service,
        env={**os.environ, **environment.variables},
        capture_output=True,
        text=True,
        check=True,
    )
    loaded = {name.split(".")[0] for name in done.stderr.split()}
    assert loaded.isdisjoint({"tuf", "securesystemslib", "cryptography", "httpx2", "anyio", "fastapi"})


def test_a_search_notices_a_change(environment: Environment, service: Path, registry: Path, tmp_path: Path) -> None:
    assert environment.ok("search", "plain", cwd=service)["cubes"] == []
    environment.ok("publish", plain(tmp_path, "plain"), "--to", registry)
    (found,) = environment.ok("search", "plain", cwd=service)["cubes"]
    assert (found["version"], found["registry"], found["installed"]) == ("1.0.0", "company", None)


def test_one_cube_in_full(environment: Environment, service: Path) -> None:
    cube = environment.ok("show", "greeter", cwd=service)["cube"]
    assert cube["distribution"] == "cubekit-greeter"
    assert (cube["licence"], cube["owners"], cube["keywords"]) == ("MIT", ["Ada"], ["polite", "greeting"])
    release = cube["releases"][1]
    assert (release["version"], release["api"], release["permissions"]) == ("1.1.0", ">=0.1,<0.2", ["network"])
    done = environment.run("registry", "show", "greeter", cwd=service)
    assert "network  (declared; nothing enforces them)" in done.stdout


def test_what_a_release_changes(environment: Environment, service: Path, registry: Path, tmp_path: Path) -> None:
    for version, permissions in (("1.0.0", "[]"), ("2.0.0", '["files", "gpu"]')):
        cube = plain(tmp_path, "plain", version, declared=f"permissions = {permissions}\n")
        environment.ok("publish", cube, "--to", registry)
    changes = environment.ok("diff", "plain", "1.0.0", cwd=service)["changes"]
    assert changes == {"permission": {"from": [], "to": ["files", "gpu"]}}
    (problem,) = environment.refused(3, "diff", "plain", "3", cwd=service)
    assert (problem["code"], problem["found"]) == ("CK602", "1.0.0, 2.0.0")


def test_the_level_that_a_release_claims_is_shown(
    environment: Environment, service: Path, registry: Path, tmp_path: Path
) -> None:
    for version, quality in (("1.0.0", None), ("1.1.0", "silver")):
        environment.ok("publish", plain(tmp_path, "plain", version, quality=quality), "--to", registry)
    cube = environment.ok("show", "plain", cwd=service)["cube"]
    assert (cube["quality"], [one["quality"] for one in cube["releases"]]) == ("silver", [None, "silver"])
    assert "silver, as its author claims" in environment.run("registry", "show", "plain", cwd=service).stdout
    changes = environment.ok("diff", "plain", "1.0.0", cwd=service)["changes"]
    assert changes == {"quality": {"from": [], "to": ["silver"]}}
    (problem,) = environment.refused(4, "publish", plain(tmp_path, "plain", "2.0.0", quality="great"), "--to", registry)
    assert problem["code"] == "CK306"
    assert problem["found"] == "plain = great"


def test_each_release_is_described_by_its_own_wheel(
    environment: Environment, service: Path, registry: Path, tmp_path: Path
) -> None:
    code = "from cubekit import Cube, contract\nfrom typing import Protocol\n"
    code += '@contract("test.own", version="{0}")\nclass Own(Protocol):\n    """Own."""\n'
    code += 'class Plain(Cube, Own, implements="test.own@{0}"):\n    """Plain."""\n'
    cubes = [
        build(
            tmp_path,
            "cubekit-own",
            version,
            modules={"cubekit_own": code.format(version)},
            cubes={"own": "cubekit_own:Plain"},
        )
        for version in ("1.0", "2.0")
    ]
    environment.ok("publish", *cubes, "--to", registry)
    releases = environment.ok("show", "own", cwd=service)["cube"]["releases"]
    assert [one["provides"] for one in releases] == [["test.own@1.0"], ["test.own@2.0"]]


def test_a_registry_that_is_named_by_another_is_not_followed(
    environment: Environment, service: Path, registry: Path
) -> None:
    file = registry / "registry.toml"
    file.write_text(file.read_text("utf-8") + '\n[registries.evil]\nsource = "nowhere"\n', "utf-8")
    assert len(environment.ok("search", cwd=service)["cubes"]) == 2


def test_a_registry_is_not_there(environment: Environment, service: Path, registry: Path, tmp_path: Path) -> None:
    (problem,) = environment.refused(6, "search", "--registry", tmp_path / "nowhere", cwd=service)
    assert problem["code"] == "CK601"
    (registry / "registry.toml").rename(registry / "moved")
    (problem,) = environment.refused(6, "search", cwd=service)
    assert problem["code"] == "CK601"
    assert problem["message"].startswith('registry "company" at ')


def test_a_mistake_in_a_registry_has_its_line(environment: Environment, registry: Path) -> None:
    file = registry / "registry.toml"
    file.write_text(file.read_text("utf-8").replace("licence", "license", 1), "utf-8")
    (problem,) = environment.refused(4, "check", registry)
    assert (problem["code"], problem["fix"]) == ("CK103", 'write "licence"')
    assert file.read_text("utf-8").splitlines()[problem["line"] - 1].startswith("license")


def test_a_registry_cannot_command_a_terminal(environment: Environment, service: Path, registry: Path) -> None:
    file = registry / "registry.toml"
    text = file.read_text("utf-8")
    for said in (r"\u001b[2J", r"\nowners  you", "\u202eevil", "\u009b2J"):
        file.write_text(text.replace("A cubekit-greeter", f"Nice{said}"), "utf-8")
        for arguments in (["search"], ["show", "greeter"], ["add", "greeter"]):
            done = environment.run("registry", *arguments, cwd=service)
            assert done.returncode == 4
            assert {"\x1b", "\u202e", "\x9b"}.isdisjoint(done.stdout + done.stderr)
    file.write_text(text, "utf-8")
    (problem,) = environment.refused(4, "yank", "greeter", "1.0.0", "--reason", "a\nb", "--to", registry)
    assert (problem["code"], problem["fix"]) == ("CK612", "say it on one line")
    assert file.read_text("utf-8") == text


def test_names_that_look_alike_are_found_by_a_check(environment: Environment, registry: Path) -> None:
    with (registry / "registry.toml").open("a") as file:
        file.write('\n[cubes.greeterr]\ncolour = "ui"\ndistribution = "x"\nsummary = "x"\nowners = ["Mallory"]\n')
    (problem,) = environment.refused(5, "check", registry)
    assert problem["message"] == 'the cube name "greeterr" looks like "greeter", which belongs to somebody else'


def test_a_cube_of_a_checkout_stands_beside_others(environment: Environment, service: Path) -> None:
    """It is listed without files, and taken as it is installed."""
    (service / "service.toml").write_text('[service]\nname = "shop"\n[cubes.saju]\nuse = "saju-calculation"\n', "utf-8")
    file = service / "registry.toml"
    file.write_text(file.read_text("utf-8") + (ROOT / "registry.toml").read_text("utf-8").split("schema = 1")[1])
    environment.ok("add", "greeter", cwd=service)
    cubes = tomllib.loads((service / "cubekit.lock").read_text("utf-8"))["cubes"]
    assert [(cube["name"], "files" in cube) for cube in cubes] == [("greeter", True), ("saju-calculation", False)]
    assert environment.ok("lock", "--check", cwd=service)["valid"]
    (problem,) = environment.refused(4, "verify", cwd=service)
    assert problem["message"] == "cubekit-saju-calculation is installed from a directory, and no hash covers it"


texts = st.text(st.characters(codec="utf-8", exclude_categories=["Cs"]), min_size=1)
values = st.one_of(texts, st.integers(-(2**63), 2**63 - 1), st.lists(texts, min_size=1))
tables = st.dictionaries(texts, st.one_of(values, st.dictionaries(texts, values, min_size=1)), min_size=1)
documents = st.dictionaries(texts, st.one_of(values, tables, st.lists(tables, min_size=1)), min_size=1)


@given(documents)
def test_what_is_written_as_toml_is_read_again(document: dict[str, Any]) -> None:
    assert tomllib.loads(to_toml(document)) == document


def test_the_benchmark_measures_what_it_says(monkeypatch: pytest.MonkeyPatch) -> None:
    spec = importlib.util.spec_from_file_location("registry_search", ROOT / "benchmarks" / "registry_search.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    rows = module.run(entries=3, distributions=5, cubes=2, runs=1)
    assert [row["target"] for row in rows] == [None, None, None, None, 3.0, 3.0]
    assert all(row["value"] > 0 for row in rows)
