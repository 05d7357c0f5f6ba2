"""``registry.toml``, the catalogue of known cubes."""

from __future__ import annotations

from pathlib import Path

import pytest

from cubekit.discovery import RegistryEntry, load_registry
from cubekit.ground.colours import Colour
from cubekit.ground.diagnostics import CubekitError, Diagnostic, Place
from cubekit.ground.versions import SpecifierSet

ROOT = Path(__file__).parents[2]
GOOD = """\
[cubes.store]
colour = "data"
distribution = "cubekit-store"
summary = "Keeps things"
versions = ">=1,<2"
"""


def problems(tmp_path: Path, text: str) -> list[Diagnostic]:
    path = tmp_path / "registry.toml"
    path.write_text(text, "utf-8")
    with pytest.raises(CubekitError) as caught:
        load_registry(path)
    return list(caught.value.diagnostics)


def test_the_registry_of_this_repository_knows_the_saju_cube() -> None:
    path = ROOT / "registry.toml"
    saju = next(entry for entry in load_registry(path) if entry.name == "saju-calculation")
    assert saju.colour is Colour.FEATURE
    assert saju.distribution == "cubekit-saju-calculation"
    assert saju.contracts == ("saju.calendar",)
    assert saju.summary
    assert saju.place.text() == "[cubes.saju-calculation]"


def test_a_registry_is_read_in_its_order(tmp_path: Path) -> None:
    path = tmp_path / "registry.toml"
    path.write_text(GOOD + GOOD.replace("store", "archive") + 'provides = ["a.b", "c"]\n', "utf-8")
    assert load_registry(path) == (
        RegistryEntry(
            "store", Colour.DATA, "cubekit-store", "Keeps things", SpecifierSet(">=1,<2"), (), Place(str(path), 1)
        ),
        RegistryEntry(
            "archive",
            Colour.DATA,
            "cubekit-archive",
            "Keeps things",
            SpecifierSet(">=1,<2"),
            ("a.b", "c"),
            Place(str(path), 6),
        ),
    )


def test_an_empty_registry_knows_no_cubes(tmp_path: Path) -> None:
    path = tmp_path / "registry.toml"
    path.touch()
    assert load_registry(path) == ()


@pytest.mark.parametrize(
    ("old", "new", "line", "message", "needed"),
    [
        ('"data"', '"blue"', 2, '"cubes.store.colour" has a wrong value', "one of: feature, network"),
        ('"data"', "3", 2, '"cubes.store.colour" has a wrong value', "a text"),
        ('colour = "data"\n', "", 1, '"cubes.store.colour" is missing', None),
        ('"Keeps things"', '" "', 4, '"cubes.store.summary" has a wrong value', "a text"),
        ('">=1,<2"', '"newest"', 5, '"cubes.store.versions" has a wrong value', "a version range"),
        ("[cubes.store]", "[cubes.Store]", 1, '"cubes.Store" has a wrong value', "a cube's name"),
        ("summary", "sumary", 4, 'unknown key "cubes.store.sumary"', "one of: colour"),
        ("[cubes.store]", "more = 1\n[cubes.store]", 1, 'unknown key "more"', "one of: cubes"),
    ],
)
def test_bad_content_is_refused_with_its_line(
    tmp_path: Path, old: str, new: str, line: int, message: str, needed: str | None
) -> None:
    problem = next(item for item in problems(tmp_path, GOOD.replace(old, new)) if item.message == message)
    assert problem.place == Place(str(tmp_path / "registry.toml"), line)
    assert problem.code == ("CK103" if "unknown" in message else "CK104")
    assert (problem.needed or "").startswith(needed or "")


def test_everything_wrong_is_reported_at_once_in_the_order_of_the_file(tmp_path: Path) -> None:
    text = GOOD.replace("data", "blue") + 'provides = [\n  "a.b",\n  "a.b@1",\n  3,\n]\ncolor = "ui"\nx = 1\n'
    found = problems(tmp_path, text)
    assert [(item.code, item.place and item.place.line) for item in found] == [
        ("CK104", 2),
        ("CK104", 8),
        ("CK104", 9),
        ("CK103", 11),
        ("CK103", 12),
    ]
    assert [item.fix for item in found[3:]] == ['write "colour"', 'remove "x"']


@pytest.mark.parametrize(
    ("text", "found"),
    [("cubes = 1", "1 (int)"), ("cubes.a = 'x'", "'x' (str)"), (GOOD + "provides = 'a'", "'a' (str)")],
)
def test_a_wrong_shape_is_refused(tmp_path: Path, text: str, found: str) -> None:
    (problem,) = problems(tmp_path, text)
    assert (problem.code, problem.found) == ("CK104", found)


def test_a_registry_that_cannot_be_read_is_refused(tmp_path: Path) -> None:
    assert problems(tmp_path, "a = ")[0].code == "CK102"
    with pytest.raises(CubekitError, match="CK101"):
        load_registry(tmp_path / "missing.toml")
