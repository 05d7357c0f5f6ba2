"""Attestations (PEP 740) are verified, offline: what they do not vouch for is refused with exit code 5.

The attestations are real ones. A wheel that a cube depends on has one; no cube of these tests can, as nobody attests
what a test builds.
"""

from __future__ import annotations

import json
import shutil
import socket
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from pydantic import TypeAdapter

from cubekit.discovery.publishers import TrustedPublisher
from cubekit.discovery.registry import ReleaseFile
from cubekit.ground.diagnostics import CubekitError, Diagnostic
from cubekit.registry.attestations import verify_provenance
from cubekit.registry.files import to_toml
from cubekit.registry.wheels import sha256_of
from tests.registry.market import Environment, plain

REAL = Path(__file__).parent / "attested"
WHEEL = "circleci_sign_publish_example-0.0.1.dev137-py3-none-any.whl"
PROJECT = "fdd9283f-e619-46af-8f9c-851f7d3e8b2b"
CIRCLE = {"kind": "CircleCI", "project_id": PROJECT, "pipeline_definition_id": "8e4f8ab2-8d7c-4827-9f15-de076d6d647f"}
GITHUB = {"kind": "GitHub", "repository": "trailofbits/pypi-attestations", "workflow": "release.yml"}
GITLAB = {"kind": "GitLab", "repository": "facutuesca/gitlab-oidc-project", "workflow_filepath": ".gitlab-ci.yml"}
GOOGLE = {"kind": "Google", "email": "919436158236-compute@developer.gserviceaccount.com"}


@dataclass(frozen=True)
class Attested:
    """A file that was built by others, and what attests it."""

    file: ReleaseFile
    publisher: dict[str, str]
    content: bytes

    def verify(self, **changes: Any) -> None:
        """Verify it with some of what it is verified with changed."""
        file = ReleaseFile(name=changes.get("name", self.file.name), sha256=changes.get("sha256", self.file.sha256))
        publishers = [trusted(one) for one in changes.get("publishers", [self.publisher])]
        verify_provenance(changes.get("content", self.content), file, publishers)

    def refused(self, **changes: Any) -> Diagnostic:
        """The one reason for which it is refused."""
        with pytest.raises(CubekitError) as caught:
            self.verify(**changes)
        (problem,) = caught.value.diagnostics
        assert problem.code == "CK615"
        return problem


def trusted(publisher: dict[str, str]) -> TrustedPublisher:
    found: TrustedPublisher = TypeAdapter(TrustedPublisher).validate_python(publisher)
    return found


def provenance(publisher: dict[str, str], *attestations: str) -> bytes:
    contents = [json.loads((REAL / name).read_bytes()) for name in attestations]
    bundle = {"publisher": publisher, "attestations": contents}
    return json.dumps({"version": 1, "attestation_bundles": [bundle]}).encode()


def sdist(name: str, sha256: str, publisher: dict[str, str], content: bytes) -> Attested:
    return Attested(ReleaseFile(name=name, sha256=sha256), publisher, content)


GITHUBS = sdist(
    "pypi_attestations-0.0.19.tar.gz",
    "9bb1add04b1b4e182be6b0b80931593f7a291eb49d69b4fd728a5d4cbcdc4bd3",
    GITHUB,
    (REAL / "pypi_attestations-0.0.19.tar.gz.provenance").read_bytes(),
)
REAL_ONES = {
    "GitHub": GITHUBS,
    "GitHub, SLSA": sdist(
        GITHUBS.file.name, GITHUBS.file.sha256, GITHUB, provenance(GITHUB, f"{GITHUBS.file.name}.slsa.attestation")
    ),
    "GitLab": sdist(
        "gitlab_oidc_project-0.0.3.tar.gz",
        "c1ca9b0d85df1606451098233018534497bf584362e10e4a8c21dfaea92c02a8",
        GITLAB,
        provenance(GITLAB, "gitlab_oidc_project-0.0.3.tar.gz.publish.attestation"),
    ),
    "Google": sdist(
        "gcb_attestation_test-0.0.0.tar.gz",
        "461317362419124b6012e855423a9078d6de8aed3e74fa78cc74d669b23dc6cf",
        GOOGLE,
        (REAL / "gcb_attestation_test-0.0.0.tar.gz.provenance").read_bytes(),
    ),
    "CircleCI": Attested(
        ReleaseFile(name=WHEEL, sha256=sha256_of(REAL / WHEEL)),
        CIRCLE,
        provenance(CIRCLE, f"{WHEEL}.publish.attestation"),
    ),
}


@pytest.fixture(autouse=True)
def alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Sigstore keeps its keys here, and whoever asks the network for them is stopped."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "sigstore"))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "sigstore"))

    def forbidden(*_: object) -> None:
        raise AssertionError("somebody was asked over the network")

    monkeypatch.setattr(socket.socket, "connect", forbidden)
    monkeypatch.setattr(socket, "getaddrinfo", forbidden)


@pytest.mark.parametrize("real", REAL_ONES.values(), ids=REAL_ONES)
def test_real_attestations_are_accepted_without_a_network(real: Attested) -> None:
    real.verify()
    real.verify(publishers=[GITHUB | {"repository": "mallory/evil"}, real.publisher])


@pytest.mark.parametrize("real", REAL_ONES.values(), ids=REAL_ONES)
def test_a_file_that_is_not_the_attested_one(real: Attested) -> None:
    problem = real.refused(sha256="0" * 64)
    assert problem.message == f"{real.file.name} is not trusted: its attestation is forged, or of another file"
    assert problem.found == "subject does not match distribution digest"
    other = real.refused(name="cubekit_greeter-1.0.0.tar.gz")
    assert other.message.endswith("its attestation is forged, or of another file")
    assert str(other.found).startswith("subject does not match distribution name")


@pytest.mark.parametrize(
    ("real", "publisher"),
    [
        ("GitHub", GITHUB | {"repository": "mallory/pypi-attestations"}),
        ("GitHub", GITHUB | {"workflow": "tests.yml"}),
        ("GitHub, SLSA", GITHUB | {"workflow": "tests.yml"}),
        ("GitLab", GITLAB | {"repository": "mallory/gitlab-oidc-project"}),
        ("GitLab", GITLAB | {"workflow_filepath": "other.yml"}),
        ("Google", GOOGLE | {"email": "mallory@example.org"}),
        ("CircleCI", CIRCLE | {"project_id": "0"}),
        ("CircleCI", CIRCLE | {"pipeline_definition_id": "0"}),
        ("CircleCI", CIRCLE | {"vcs_ref": "refs/heads/main"}),
    ],
)
def test_a_publisher_who_is_not_trusted(real: str, publisher: dict[str, str]) -> None:
    attested = REAL_ONES[real]
    problem = attested.refused(publishers=[publisher])
    name = attested.file.name
    assert problem.message == f"{name} is not trusted: somebody else than its trusted publisher attests it"
    assert problem.needed == str(trusted(publisher))
    assert str(trusted(attested.publisher)) in str(problem.found)
    # Nor does it help to write the trusted one into the provenance: the certificate says who it was.
    content = json.loads(attested.content)
    content["attestation_bundles"][0]["publisher"] = publisher
    problem = attested.refused(publishers=[publisher], content=json.dumps(content).encode())
    assert problem.message == f"{name} is not trusted: its attestation is forged, or of another file"


def test_nobody_is_trusted_unless_the_registry_names_somebody() -> None:
    problem = GITHUBS.refused(publishers=[])
    assert problem.needed == "a trusted publisher, and the registry names none"


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"{", "its attestations cannot be read"),
        (b"[]", "its attestations cannot be read"),
        (b'{"version": 2, "attestation_bundles": []}', "its attestations cannot be read"),
        (b'{"version": 1, "attestation_bundles": []}', "its provenance has no attestation"),
        (provenance(GITHUB), "its provenance has no attestation"),
    ],
)
def test_a_provenance_that_says_nothing(content: bytes, why: str) -> None:
    assert GITHUBS.refused(content=content).message == f"{GITHUBS.file.name} is not trusted: {why}"


def test_an_attestation_whose_signature_is_of_another_statement() -> None:
    content, other = json.loads(GITHUBS.content), json.loads(REAL_ONES["GitHub, SLSA"].content)
    envelope = content["attestation_bundles"][0]["attestations"][0]["envelope"]
    envelope["statement"] = other["attestation_bundles"][0]["attestations"][0]["envelope"]["statement"]
    problem = GITHUBS.refused(content=json.dumps(content).encode())
    assert problem.message.endswith("its attestation is forged, or of another file")
    assert "signature" in str(problem.found).lower()


def test_a_name_that_no_distribution_has() -> None:
    problem = GITHUBS.refused(name="nonsense.whl")
    assert problem.message == "nonsense.whl is not trusted: its attestations cannot be read"
    assert "Invalid wheel filename" in str(problem.found)


@pytest.mark.parametrize(
    "broken", ["", "sigstore-python/tuf/https%3A%2F%2Ftuf-repo-cdn.sigstore.dev/trusted_root.json"]
)
def test_keys_that_are_of_no_use(tmp_path: Path, broken: str) -> None:
    cache = tmp_path / "sigstore"
    (cache / broken).parent.mkdir(parents=True, exist_ok=True)
    (cache / broken).write_text("{")
    problem = GITHUBS.refused()
    assert "Sigstore's keys can be neither read nor put into the cache" in problem.message
    assert str(problem.fix).startswith("delete sigstore-python")
    (cache / broken).unlink()
    GITHUBS.verify()


def test_every_attestation_counts_and_not_the_best() -> None:
    content = json.loads(GITHUBS.content)
    content["attestation_bundles"] += json.loads(REAL_ONES["GitLab"].content)["attestation_bundles"]
    problem = GITHUBS.refused(content=json.dumps(content).encode(), publishers=[GITHUB, GITLAB])
    assert problem.message.endswith("its attestation is forged, or of another file")


# From here on by command.


def example(directory: Path, publisher: dict[str, str] | None = CIRCLE) -> Path:
    """The directory of a distribution that others built and attested, as its owner would have it."""
    place = directory / "example"
    (place / "dist").mkdir(parents=True)
    for name in (WHEEL, f"{WHEEL}.publish.attestation"):
        shutil.copy(REAL / name, place / "dist")
    project = '[project]\nname = "circleci-sign-publish-example"\nversion = "0.0.1.dev137"\n'
    if publisher:
        items = ", ".join(f'{key} = "{value}"' for key, value in publisher.items())
        project += f"[tool.cubekit]\ntrusted_publisher = {{ {items} }}\n"
    (place / "pyproject.toml").write_text(project, "utf-8")
    return place


@pytest.fixture
def attested(environment: Environment, registry: Path, tmp_path: Path) -> Path:
    """The registry, with a cube that depends on what is attested, and nobody who reaches the network."""
    needs = ["cubekit-core>=0.1,<0.2", "circleci-sign-publish-example==0.0.1.dev137"]
    cube = plain(tmp_path, "plain", requires=needs)
    environment.ok("publish", example(tmp_path), cube, "--to", registry)
    code = "import socket; socket.socket.connect = socket.getaddrinfo = lambda *_: 1 / 0\n"
    (environment.site / "no_network.pth").write_text(code)
    return registry


def refused(environment: Environment, service: Path, *arguments: str) -> dict[str, Any]:
    """The one reason why something is not trusted; nothing was installed."""
    (problem,) = environment.refused(5, *(arguments or ("add", "plain")), cwd=service)
    assert environment.installed() == {}
    return problem


def change(path: Path, old: str, new: str) -> None:
    text = path.read_text("utf-8")
    assert old in text
    path.write_text(text.replace(old, new), "utf-8")


def use(service: Path) -> Path:
    (service / "service.toml").write_text('[service]\nname = "shop"\n[cubes.plain]\nuse = "plain"\n', "utf-8")
    return service / "cubekit.lock"


def replaced(registry: Path, name: str, content: bytes) -> None:
    """Put another file in the place of one, as somebody can who may write the catalogue."""
    path = registry / "files" / name
    old = sha256_of(path)
    path.write_bytes(content)
    change(registry / "registry.toml", old, sha256_of(path))


def strip(path: Path) -> None:
    """Take the attestation out of a catalogue or lock."""
    lines = path.read_text("utf-8").splitlines(keepends=True)
    kept = [line for line in lines if ".provenance" not in line]
    assert len(kept) == len(lines) - 1
    path.write_text("".join(kept), "utf-8")


def test_what_is_attested_is_published_locked_and_installed(
    environment: Environment, service: Path, attested: Path
) -> None:
    assert environment.ok("check", attested)["valid"]
    environment.ok("add", "plain", cwd=service)
    assert environment.installed() == {"cubekit-plain": "1.0.0", "circleci-sign-publish-example": "0.0.1.dev137"}
    lock = (service / "cubekit.lock").read_text("utf-8")
    assert f'project_id = "{PROJECT}"' in lock
    assert f'name = "{WHEEL}.provenance"' in lock
    for arguments in (["verify"], ["lock", "--check"], ["verify", "--offline"]):
        assert environment.ok(*arguments, cwd=service)["valid"]
    done = environment.run("registry", "verify", cwd=service)
    assert done.stderr == "", "Sigstore has nothing to say of being offline"


def test_attestations_may_be_required(environment: Environment, service: Path, attested: Path) -> None:
    change(service / "registry.toml", "priority = 5", 'attestations = "required"')
    problem = refused(environment, service)  # and not because of the wheel that it depends on
    assert problem["code"] == "CK615"
    assert problem["message"] == "cubekit_plain-1.0.0-py3-none-any.whl is not trusted: nobody attests it"
    assert problem["needed"] == "attestations, which [registries.company] requires"


def test_a_file_that_was_changed_together_with_the_catalogue(
    environment: Environment, service: Path, attested: Path
) -> None:
    replaced(attested, WHEEL, (REAL / WHEEL).read_bytes() + b"\0")
    sentence = f"{WHEEL} is not trusted: its attestation is forged, or of another file"
    problem = refused(environment, service)
    assert (problem["code"], problem["message"]) == ("CK615", sentence)
    (problem,) = environment.refused(5, "check", attested)
    assert (problem["message"], Path(problem["file"]).name) == (sentence, "registry.toml")


def test_a_cube_with_the_attestation_of_another_file(environment: Environment, service: Path, attested: Path) -> None:
    wheel = "cubekit_plain-1.0.0-py3-none-any.whl"
    stolen = attested / "files" / f"{wheel}.provenance"
    shutil.copy(attested / "files" / f"{WHEEL}.provenance", stolen)
    catalogue = tomllib.loads((attested / "registry.toml").read_text("utf-8"))
    plain = catalogue["cubes"]["plain"]
    plain["trusted_publishers"] = [CIRCLE]
    plain["releases"][0]["files"].append({"name": stolen.name, "sha256": sha256_of(stolen)})
    (attested / "registry.toml").write_text(to_toml(catalogue), "utf-8")
    problem = refused(environment, service)
    assert problem["message"] == f"{wheel} is not trusted: its attestation is forged, or of another file"
    assert problem["found"] == f"subject does not match distribution name: {WHEEL} != {wheel}"
    assert [one["message"] for one in environment.refused(5, "check", attested)] == [problem["message"]]


def test_another_publisher_than_the_registry_trusts(environment: Environment, service: Path, attested: Path) -> None:
    change(attested / "registry.toml", PROJECT, "another")
    problem = refused(environment, service)
    assert problem["message"] == f"{WHEEL} is not trusted: somebody else than its trusted publisher attests it"
    assert PROJECT in problem["found"]


def test_another_publisher_than_was_locked(environment: Environment, service: Path, attested: Path) -> None:
    lock = use(service)
    environment.ok("lock", cwd=service)
    change(lock, PROJECT, "the-former")
    for arguments in (["add"], ["lock"], ["lock", "--check"], ["lock", "--upgrade"]):
        problem = refused(environment, service, *arguments)
        assert problem["message"] == f"{WHEEL} is not trusted: somebody else than its trusted publisher attests it"
        assert "the-former" in problem["needed"]


def test_an_attestation_that_was_taken_out_of_the_catalogue(
    environment: Environment, service: Path, attested: Path
) -> None:
    lock = use(service)
    environment.ok("lock", cwd=service)
    strip(attested / "registry.toml")
    for arguments in (["add"], ["lock"]):
        problem = refused(environment, service, *arguments)
        assert problem["code"] == "CK606"
        assert problem["message"] == f'registry "company" lists another {WHEEL}.provenance than when it was locked'
    strip(lock)
    for arguments in (["add"], ["lock"], ["lock", "--check"]):
        problem = refused(environment, service, *arguments)
        assert problem["message"] == f"{WHEEL} is not trusted: nobody attests it"
        assert problem["needed"].startswith("an attestation, as before, of")
    lock.unlink()
    change(service / "registry.toml", "priority = 5", 'attestations = "required"')
    problems = environment.refused(5, "add", "plain", cwd=service)
    assert {problem["code"] for problem in problems} == {"CK615"}
    assert environment.installed() == {}


def test_a_distribution_that_was_taken_out_of_the_catalogue(
    environment: Environment, service: Path, attested: Path
) -> None:
    use(service)
    environment.ok("lock", cwd=service)
    catalogue = tomllib.loads((attested / "registry.toml").read_text("utf-8"))
    del catalogue["distributions"]["circleci-sign-publish-example"]
    (attested / "registry.toml").write_text(to_toml(catalogue), "utf-8")
    shutil.copy(REAL / WHEEL, environment.index)  # from which pip takes what no registry has
    for arguments in (["add"], ["lock"], ["lock", "--check"]):
        problem = refused(environment, service, *arguments)
        assert problem["code"] == "CK607"
        assert problem["message"] == "circleci-sign-publish-example would come from elsewhere than before"
        assert problem["found"] == "pip's own index"


def test_a_provenance_that_is_no_json(environment: Environment, service: Path, attested: Path) -> None:
    path = attested / "files" / f"{WHEEL}.provenance"
    content = path.read_bytes()
    path.write_bytes(b"{")
    assert refused(environment, service)["code"] == "CK606"
    path.write_bytes(content)
    replaced(attested, path.name, b"{")
    problem = refused(environment, service)
    assert (problem["code"], problem["message"]) == (
        "CK615",
        f"{WHEEL} is not trusted: its attestations cannot be read",
    )


def test_attestations_need_an_extra_where_there_are_any(
    environment: Environment, service: Path, attested: Path
) -> None:
    (environment.site / "pypi_attestations.py").write_text("raise ImportError('not here')", "utf-8")
    (problem,) = environment.refused(1, "add", "plain", cwd=service)
    assert (problem["code"], problem["fix"]) == ("CK614", "pip install 'cubekit-core[trust]'")
    assert environment.installed() == {}
    environment.ok("add", "greeter", cwd=service)


def test_what_is_published_must_be_attested_by_whom_it_belongs_to(
    environment: Environment, registry: Path, tmp_path: Path
) -> None:
    before = (registry / "registry.toml").read_bytes()

    def publish(name: str, publisher: dict[str, str] | None = CIRCLE) -> Path:
        return example(tmp_path / name, publisher)

    def refusal(status: int, place: Path) -> dict[str, Any]:
        (problem,) = environment.refused(status, "publish", place, "--to", registry)
        return problem

    nobody = refusal(4, publish("nobody", None))
    assert nobody["code"] == "CK612"
    assert nobody["message"] == f"{WHEEL} is attested, and nobody is named whose attestations are trusted"
    foreign = refusal(5, publish("foreign", GITHUB))
    assert (foreign["code"], "forged" in foreign["message"]) == ("CK615", True)
    changed = publish("changed")
    (changed / "dist" / WHEEL).write_bytes((REAL / WHEEL).read_bytes() + b"\0")
    assert refusal(5, changed)["message"].endswith("its attestation is forged, or of another file")
    bare = publish("bare")
    (bare / "dist" / f"{WHEEL}.publish.attestation").unlink()
    assert refusal(5, bare)["message"] == f"{WHEEL} is not trusted: nobody attests it"
    broken = publish("broken")
    (broken / "dist" / f"{WHEEL}.publish.attestation").write_text("{")
    assert refusal(5, broken)["message"] == f"{WHEEL} is not trusted: {WHEEL}.publish.attestation cannot be read"
    assert (registry / "registry.toml").read_bytes() == before

    index = publish("index")
    made = index / "dist" / f"{WHEEL}.publish.attestation"
    made.with_name(f"{WHEEL}.provenance").write_bytes(provenance(CIRCLE, made.name))
    made.unlink()
    environment.ok("publish", index, "--to", registry)
    known = (registry / "registry.toml").read_bytes()
    assert refusal(5, publish("other", CIRCLE | {"project_id": "mallory"}))["code"] == "CK607"
    (index / "dist" / f"{WHEEL}.provenance").unlink()
    assert refusal(5, index)["code"] == "CK615", "whoever was attested once always is"
    silent = publish("silent", None) / "dist"
    (silent / made.name).unlink()
    shutil.copy(registry / "files" / f"{WHEEL}.provenance", silent)
    environment.ok("publish", silent.parent, "--to", registry)
    assert (registry / "registry.toml").read_bytes() == known
