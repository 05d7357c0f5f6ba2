"""What is not trusted is refused with exit code 5, and nothing is installed: each way with its sentence."""

from __future__ import annotations

import shutil
import tomllib
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cubekit.registry.signing import sign_registry
from tests.registry.market import Environment, change, refused

MONTH = timedelta(days=30)
SERVICE = '[service]\nname = "shop"\n[cubes.greeter]\nuse = "greeter"\n'


def now() -> datetime:
    return datetime.now(UTC).replace(microsecond=0)


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
    metadata = (signed / "metadata").rename(keys.parent / "metadata")
    (problem,) = environment.refused(5, "publish", "--to", signed, "--keys", keys)
    assert (problem["code"], problem["found"]) == ("CK609", f"no signatures in {signed / 'metadata'}")
    metadata.rename(signed / "metadata")
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
