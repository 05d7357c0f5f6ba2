"""What is not trusted is refused with exit code 5, and nothing is installed: each way with its sentence."""

from __future__ import annotations

import shutil
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from cubekit.registry.files import write_whole
from cubekit.registry.signing import sign_registry
from cubekit.registry.wheels import sha256_of
from tests.registry.market import Environment, plain, wheel_of

MONTH = timedelta(days=30)
SERVICE = '[service]\nname = "shop"\n[cubes.greeter]\nuse = "greeter"\n'
SIGNED = '[registries.company]\nsource = "../registry"\nroot = "root.json"\n'


def now() -> datetime:
    return datetime.now(UTC).replace(microsecond=0)


@pytest.fixture
def keys(tmp_path: Path) -> Path:
    return tmp_path / "keys"


@pytest.fixture
def signed(environment: Environment, registry: Path, keys: Path, service: Path) -> Path:
    """The registry, signed, and a service that checks its signatures."""
    root = environment.ok("publish", "--to", registry, "--keys", keys)["root"]
    shutil.copy(root, service / "root.json")
    (service / "registry.toml").write_text(SIGNED, "utf-8")
    return registry


def refused(environment: Environment, service: Path, *arguments: str) -> dict[str, Any]:
    """The one reason why something is not trusted."""
    (problem,) = environment.refused(5, *(arguments or ("add", "greeter")), cwd=service)
    assert environment.installed() == {}
    return problem


def change(path: Path, old: str, new: str) -> None:
    text = path.read_text("utf-8")
    assert old in text
    path.write_text(text.replace(old, new), "utf-8")


def test_a_tampered_file(environment: Environment, service: Path, registry: Path) -> None:
    wheel = registry / "files" / "cubekit_greeter-1.1.0-py3-none-any.whl"
    wheel.write_bytes(wheel.read_bytes() + b"\0")
    problem = refused(environment, service)
    assert problem["code"] == "CK606"
    assert "is not the file that was published: somebody changed it" in problem["message"]
    (problem,) = environment.refused(5, "check", registry)
    assert (problem["code"], Path(problem["file"]).name) == ("CK606", "registry.toml")
    assert problem["line"]


def test_a_tampered_file_of_a_distribution_that_a_cube_needs(
    environment: Environment, service: Path, registry: Path
) -> None:
    wheel = registry / "files" / "greeting_contract-1.0.0-py3-none-any.whl"
    wheel.write_bytes(wheel.read_bytes() + b"\0")
    assert refused(environment, service)["code"] == "CK606"


def test_another_hash_than_was_locked(environment: Environment, service: Path, registry: Path, tmp_path: Path) -> None:
    (service / "service.toml").write_text(SERVICE, "utf-8")
    environment.ok("lock", cwd=service)
    files = tomllib.loads((service / "cubekit.lock").read_text("utf-8"))["cubes"][0]["files"]
    change(registry / "registry.toml", files[0]["sha256"], "0" * 64)
    for arguments in (["lock", "--check"], ["add"], ["lock"], ["lock", "--upgrade"], ["add", "host"]):
        problem = refused(environment, service, *arguments)
        assert problem["code"] == "CK606"
        assert problem["message"].startswith('registry "company" lists another cubekit_greeter-1.1.0')


def test_a_withdrawn_release(environment: Environment, service: Path, registry: Path) -> None:
    (service / "service.toml").write_text(SERVICE, "utf-8")
    environment.ok("lock", cwd=service)
    environment.ok("yank", "greeter", "1.1.0", "--reason", "greets the wrong people", "--to", registry)
    sentence = 'greeter 1.1.0 was withdrawn by its publisher: "greets the wrong people"'
    for arguments in (["lock", "--check"], ["add"], ["add", "greeter==1.1.0"]):
        problem = refused(environment, service, *arguments)
        assert (problem["code"], problem["message"]) == ("CK608", sentence)
    (old,) = environment.ok("outdated", cwd=service)["cubes"]
    assert (old["has"], old["admitted"], old["yanked"]) == ("1.1.0", "1.0.0", "greets the wrong people")
    (one,) = environment.ok("lock", "--upgrade", cwd=service)["cubes"]
    assert (one["from"], one["to"]) == ("1.1.0", "1.0.0")
    environment.ok("yank", "greeter", "1.1.0", "--undo", "--to", registry)
    assert environment.ok("lock", "--upgrade", cwd=service)["cubes"][0]["to"] == "1.1.0"


def test_a_withdrawn_release_of_a_distribution_that_a_cube_needs(
    environment: Environment, service: Path, registry: Path
) -> None:
    (service / "service.toml").write_text(SERVICE, "utf-8")
    environment.ok("lock", cwd=service)
    environment.ok("yank", "greeting-contract", "1.0.0", "--reason", "wrong", "--to", registry)
    problem = refused(environment, service, "lock", "--check")
    assert (problem["code"], problem["message"].split(" was")[0]) == ("CK608", "greeting-contract 1.0.0")
    (problem,) = environment.refused(4, "add", "greeter", cwd=service)
    assert (problem["code"], problem["found"]) == ("CK603", "1.0.0 (withdrawn)")
    (problem,) = environment.refused(3, "yank", "greeter", "7", "--reason", "x", "--to", registry)
    assert problem["code"] == "CK602"


def test_signed_registries_need_an_extra(environment: Environment, service: Path, signed: Path) -> None:
    (environment.site / "tuf.py").write_text("raise ImportError('not here')", "utf-8")
    (problem,) = environment.refused(1, "search", cwd=service)
    assert (problem["code"], problem["fix"]) == ("CK614", "pip install 'cubekit-core[trust]'")


def test_a_signed_registry_is_read(environment: Environment, service: Path, signed: Path) -> None:
    environment.ok("add", "greeter", cwd=service)
    assert environment.installed()["cubekit-greeter"] == "1.1.0"
    assert environment.ok("verify", cwd=service)["valid"]
    assert environment.ok("verify", "--offline", cwd=service)["valid"]
    assert environment.ok("check", signed)["valid"]


def test_a_signed_registry_that_was_tampered_with(
    environment: Environment, service: Path, signed: Path, tmp_path: Path
) -> None:
    (target,) = (signed / "targets").iterdir()
    change(target, "A cubekit-greeter", "Evil greeter!!!!!")
    problem = refused(environment, service)
    assert problem["code"] == "CK609"
    assert "it was changed by somebody who does not hold its keys" in problem["message"]


def test_a_registry_that_somebody_else_signed(
    environment: Environment, service: Path, signed: Path, tmp_path: Path
) -> None:
    shutil.rmtree(signed / "metadata")
    environment.ok("publish", "--to", signed, "--keys", tmp_path / "other-keys")
    assert refused(environment, service)["code"] == "CK609"


def test_a_registry_that_was_changed_and_not_signed(environment: Environment, signed: Path, keys: Path) -> None:
    change(signed / "registry.toml", "A cubekit-greeter", "Another")
    (problem,) = environment.refused(5, "check", signed)
    assert (problem["code"], problem["message"]) == ("CK609", "registry.toml is not what was signed")
    # Nor does the job that signs it every month vouch for who did that, whatever else it is asked to do.
    for arguments in (["publish"], ["publish", "--new-key"], ["yank", "host", "1.0.0", "--reason", "bad"]):
        (problem,) = environment.refused(5, *arguments, "--to", signed, "--keys", keys)
        assert problem["code"] == "CK609"
        assert "registry.toml was changed since it was signed" in problem["message"]
        assert problem["fix"].endswith("--sign-changes")
    environment.ok("publish", "--to", signed, "--keys", keys, "--sign-changes")
    assert environment.ok("check", signed)["valid"]


def test_a_registry_that_was_rolled_back(
    environment: Environment, service: Path, signed: Path, keys: Path, tmp_path: Path
) -> None:
    old = shutil.copytree(signed, tmp_path / "old")
    environment.ok("yank", "greeter", "1.1.0", "--reason", "dangerous", "--to", signed, "--keys", keys)
    assert "1.0.0" in {one["version"] for one in environment.ok("search", "greeter", cwd=service)["cubes"]}
    shutil.rmtree(signed)
    shutil.copytree(old, signed)
    problem = refused(environment, service)
    assert problem["code"] == "CK610"
    assert "it is older than what was seen before" in problem["message"]


def test_a_registry_that_is_frozen(environment: Environment, service: Path, signed: Path, keys: Path) -> None:
    sign_registry(signed, keys, now=now() - 2 * MONTH, valid=MONTH)
    for arguments in (["add", "greeter"], ["search"]):
        problem = refused(environment, service, *arguments)
        assert problem["code"] == "CK611"
        assert "it was not signed again in time" in problem["message"]


def test_the_keys_of_a_year_ago_are_still_a_root(
    environment: Environment, service: Path, signed: Path, keys: Path
) -> None:
    root = sign_registry(signed, keys, now=now() + timedelta(days=330), valid=MONTH)
    assert root.name == "2.root.json"
    environment.ok("add", "greeter", cwd=service)


def test_a_signing_key_in_wrong_hands(
    environment: Environment, service: Path, signed: Path, keys: Path, tmp_path: Path
) -> None:
    stolen = tmp_path / "stolen"
    stolen.mkdir()
    shutil.copy(keys / "signing.pem", stolen)
    before = shutil.copytree(signed, tmp_path / "before")
    root = environment.ok("publish", "--to", signed, "--keys", keys, "--new-key")["root"]
    assert root.endswith("2.root.json")
    assert len(environment.ok("search", cwd=service)["cubes"]) == 2, "readers follow from the root that they have"
    (problem,) = environment.refused(4, "publish", "--to", signed, "--keys", stolen)
    assert problem["code"] == "CK612"
    assert problem["message"].endswith("is not the key that readers of this registry know")
    # The thief signs what he has, and brings it up beside the new root.
    environment.ok("publish", "--to", before, "--keys", stolen)
    environment.ok("publish", "--to", before, "--keys", stolen)
    shutil.copy(root, before / "metadata")
    shutil.rmtree(signed)
    shutil.copytree(before, signed)
    assert refused(environment, service)["code"] == "CK609"


def test_keys_that_others_can_read(environment: Environment, signed: Path, keys: Path) -> None:
    (keys / "signing.pem").chmod(0o640)
    (problem,) = environment.refused(4, "publish", "--to", signed, "--keys", keys)
    assert problem["message"] == f"others on this machine may read the key {keys / 'signing.pem'}"
    (problem,) = environment.refused(4, "publish", "--to", signed, "--keys", signed / "private" / "keys")
    assert (problem["code"], problem["fix"]) == ("CK612", "keep them outside of its directory: --keys ../keys")
    assert not (signed / "private").exists()


def test_a_missing_key(environment: Environment, signed: Path, keys: Path) -> None:
    (keys / "signing.pem").unlink()
    (problem,) = environment.refused(4, "publish", "--to", signed, "--keys", keys)
    assert problem["code"] == "CK612"


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


@contextmanager
def served(directory: Path) -> Iterator[str]:
    """Any web server will do: this is the one of Python."""

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, format: str, *args: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(directory))) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


@pytest.mark.parametrize("root", ["", 'root = "root.json"\n'], ids=["unsigned", "signed"])
def test_any_web_server_can_serve_a_registry(environment: Environment, service: Path, signed: Path, root: str) -> None:
    with served(signed) as url:
        (service / "registry.toml").write_text(f'[registries.company]\nsource = "{url}"\n{root}', "utf-8")
        planned = environment.run("registry", "add", "greeter", "--dry-run", cwd=service)
        warning = "whoever runs its server, or is on the way to it, chooses what you install"
        assert (warning in planned.stdout) is not bool(root)
        added = environment.ok("add", "greeter", cwd=service)
        assert added["unsigned"] == ([] if root else ["company"])
        assert environment.ok("verify", cwd=service)["valid"]
    assert environment.installed()["cubekit-greeter"] == "1.1.0"
    # The server is gone. What was fetched is enough, also to install again.
    (problem,) = environment.refused(6, "verify", cwd=service)
    assert problem["code"] == "CK601"
    assert environment.ok("verify", "--offline", cwd=service)["valid"]
    assert [one["name"] for one in environment.ok("search", "greeter", "--offline", cwd=service)["cubes"]] == [
        "greeter"
    ]
    environment.ok("remove", "greeter", cwd=service)
    environment.ok("add", "greeter", "--offline", cwd=service)
    assert environment.installed()["cubekit-greeter"] == "1.1.0"


def test_an_interrupted_writer_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "cubekit.lock"
    write_whole(path, "old")

    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("os.replace", interrupted)
    with pytest.raises(KeyboardInterrupt):
        write_whole(path, "new")
    assert [file.read_text() for file in tmp_path.iterdir()] == ["old"]
