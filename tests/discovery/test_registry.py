"""``registry.toml``, the catalogue of known cubes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from cubekit.discovery import load_registry, scan
from cubekit.discovery.registry import json_schema
from cubekit.ground.colours import Colour
from cubekit.ground.diagnostics import CubekitError, Diagnostic, Place

ROOT = Path(__file__).parents[2]
GOOD = """\
[cubes.store]
colour = "data"
distribution = "cubekit-store"
summary = "Keeps things"
[[cubes.store.releases]]
version = "1.0"
api = ">=0.1,<0.2"
publisher = "Ada"
provides = ["test.store@1.2"]
requires = ["test.clock>=1,<2"]
permissions = ["files"]
files = [{ name = "cubekit_store-1.0-py3-none-any.whl", sha256 = "%s" }]
""" % ("0" * 64)


def problems(tmp_path: Path, text: str) -> list[Diagnostic]:
    path = tmp_path / "registry.toml"
    path.write_text(text, "utf-8")
    with pytest.raises(CubekitError) as caught:
        load_registry(path)
    return list(caught.value.diagnostics)


def test_the_registry_of_this_repository_knows_the_saju_cube() -> None:
    saju = load_registry(ROOT / "registry.toml").cubes["saju-calculation"]
    assert saju.colour is Colour.FEATURE
    assert saju.distribution == "cubekit-saju-calculation"
    assert saju.contracts == ["saju.calendar"]
    assert saju.newest is not None
    assert saju.newest.version == "0.1.0"


def test_the_registry_of_this_repository_says_what_its_cubes_say() -> None:
    for name, entry in load_registry(ROOT / "registry.toml").cubes.items():
        installed = scan().get(name)
        assert installed is not None
        assert entry.newest is not None
        assert (entry.colour, entry.distribution) == (installed.colour, installed.distribution)
        assert (entry.newest.version, entry.newest.quality) == (installed.version, installed.quality)


def test_the_newest_release_is_no_withdrawn_one_and_no_pre_release(tmp_path: Path) -> None:
    more = "".join(
        f'[[cubes.store.releases]]\nversion = "{version}"\napi = ">=0.1"\npublisher = "Ada"\n{extra}\n'
        for version, extra in (("1.10", ""), ("1.9", ""), ("2.0", 'yanked = "loses data"'), ("3.0rc1", ""))
    )
    (tmp_path / "registry.toml").write_text(GOOD + more, "utf-8")
    store = load_registry(tmp_path / "registry.toml").cubes["store"]
    assert store.newest is not None
    assert store.newest.version == "1.10"
    assert store.release("1.0.0") == store.releases[0]
    assert store.release("4") is None


def test_an_empty_registry_knows_no_cubes(tmp_path: Path) -> None:
    path = tmp_path / "registry.toml"
    path.touch()
    assert load_registry(path).cubes == {}


@pytest.mark.parametrize(
    ("old", "new", "line", "message", "needed"),
    [
        ('"data"', '"blue"', 2, '"cubes.store.colour" has a wrong value', "'feature', 'network'"),
        ('colour = "data"\n', "", 1, '"cubes.store.colour" is missing', None),
        (
            '"cubekit-store"',
            '"Cubekit_Store"',
            3,
            '"cubes.store.distribution" has a wrong value',
            "the normalised name",
        ),
        ('"Keeps things"', '" "', 4, '"cubes.store.summary" has a wrong value', None),
        ('"1.0"', '"newest"', 6, '"cubes.store.releases.0.version" has a wrong value', "a version such as"),
        ('">=0.1,<0.2"', '"any"', 7, '"cubes.store.releases.0.api" has a wrong value', "a version range such as"),
        (
            "store@1.2",
            "store",
            9,
            '"cubes.store.releases.0.provides.0" has a wrong value',
            "a contract with its version",
        ),
        ('"test.clock>=1,<2"', "3", 10, '"cubes.store.releases.0.requires.0" has a wrong value', "a valid string"),
        (
            '"files"]',
            '"moon"]',
            11,
            '"cubes.store.releases.0.permissions.0" has a wrong value',
            "'environment', 'files'",
        ),
        ("000", "0x0", 12, '"cubes.store.releases.0.files.0.sha256" has a wrong value', None),
        ("cubekit_store-1.0-py3", "../x", 12, '"cubes.store.releases.0.files.0.name" has a wrong value', None),
        ("summary", "sumary", 4, 'unknown key "cubes.store.sumary"', "one of: colour"),
        ("[cubes.store]\n", "more = 1\n[cubes.store]\n", 1, 'unknown key "more"', "one of: cubes"),
    ],
)
def test_bad_content_is_refused_with_its_line(
    tmp_path: Path, old: str, new: str, line: int, message: str, needed: str | None
) -> None:
    problem = next(item for item in problems(tmp_path, GOOD.replace(old, new, 1)) if item.message == message)
    assert problem.place == Place(str(tmp_path / "registry.toml"), line)
    assert problem.code == ("CK103" if "unknown" in message else "CK104")
    assert (problem.needed or "").startswith(needed or "")


def test_everything_wrong_is_reported_at_once_in_the_order_of_the_file(tmp_path: Path) -> None:
    text = GOOD.replace("data", "blue").replace("test.store@1.2", "test.store").replace("summary", "sumary")
    found = problems(tmp_path, text)
    assert [item.place.line for item in found if item.place] == [1, 2, 4, 9]


def test_a_trusted_publisher_is_of_a_known_kind_and_whole(tmp_path: Path) -> None:
    publishers = '[[cubes.store.trusted_publishers]]\nkind = "{}"\nrepository = "ada/store"\n'
    text = GOOD + publishers.format("Gitea") + publishers.format("GitHub")
    unknown, incomplete = problems(tmp_path, text)
    assert unknown.place == Place(str(tmp_path / "registry.toml"), 13)
    assert "'GitHub', 'GitLab', 'Google', 'CircleCI'" in (unknown.needed or "")
    assert incomplete.place == Place(str(tmp_path / "registry.toml"), 16)
    assert incomplete.fix == "add workflow = …"
    load = GOOD + publishers.format("GitHub") + 'workflow = "release.yml"\n'
    (tmp_path / "registry.toml").write_text(load, "utf-8")
    (publisher,) = load_registry(tmp_path / "registry.toml").cubes["store"].trusted_publishers
    assert str(publisher) == "GitHub ada/store release.yml"


def test_a_version_is_released_once(tmp_path: Path) -> None:
    release = GOOD[GOOD.index("[[") :]
    (problem,) = problems(tmp_path, GOOD + release)
    assert problem.needed == 'one release for one version: "store" has 1.0 twice'


@pytest.mark.parametrize("text", ["cubes = 1", "cubes.a = 'x'", "schema = 2", "[cubes.Store]\n"])
def test_a_wrong_shape_is_refused(tmp_path: Path, text: str) -> None:
    assert problems(tmp_path, text)[0].code == "CK104"


def test_a_registry_that_cannot_be_read_is_refused(tmp_path: Path) -> None:
    assert problems(tmp_path, "a = ")[0].code == "CK102"
    with pytest.raises(CubekitError, match="CK101"):
        load_registry(tmp_path / "missing.toml")


def test_the_published_schema_is_the_one_in_force() -> None:
    assert json.loads((ROOT / "docs" / "registry.schema.json").read_text("utf-8")) == json_schema()
