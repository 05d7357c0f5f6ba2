"""Errors with codes, places and fixes."""

from __future__ import annotations

import copy
import pickle
import re
from pathlib import Path

import pytest

from cubekit.ground.codes import TITLES
from cubekit.ground.diagnostics import CubekitError, Diagnostic, Place


@pytest.fixture
def service(tmp_path: Path) -> Path:
    path = tmp_path / "service.toml"
    path.write_bytes('[service]  # with a line separator \u2028 in a comment\r\n  use = "x"\r\n'.encode())
    return path


def test_a_diagnostic_shows_its_line_what_was_needed_what_was_found_and_the_fix(service: Path) -> None:
    problem = Diagnostic(
        "CK204",
        'cube "reading" cannot start',
        Place(str(service), 2),
        needed="saju.calendar >=1.2,<2",
        found="saju.calendar 1.1\nnothing else",
        fix="pip install 'cubekit-saju>=1.2'",
    )
    assert (
        str(problem)
        == f"""\
{service}:2: cube "reading" cannot start [CK204]
   2 | use = "x"
      needs  saju.calendar >=1.2,<2
      found  saju.calendar 1.1
             nothing else
 fix: pip install 'cubekit-saju>=1.2'"""
    )


def test_a_warning_says_so_and_needs_no_place() -> None:
    assert str(Diagnostic("CK305", "late", severity="warning")) == "warning: late [CK305]"


def test_a_line_that_holds_a_secret_is_not_shown(service: Path) -> None:
    assert 'use = "x"' not in str(Diagnostic("CK108", "secret", Place(str(service), 2), show_line=False))


def test_the_line_of_a_place_is_counted_as_in_toml(service: Path) -> None:
    assert Place(str(service), 2).text() == '  use = "x"'


def test_a_place_without_a_readable_line_has_no_text(service: Path, tmp_path: Path) -> None:
    binary = tmp_path / "binary"
    binary.write_bytes(b"\xff")
    assert Place("--set a.b").text() is None
    assert Place(str(service), 99).text() is None
    assert Place(str(service), 0).text() is None
    assert Place(str(tmp_path / "missing"), 1).text() is None
    assert Place(str(binary), 1).text() is None


def test_json_has_the_place_as_file_and_line() -> None:
    assert Diagnostic("CK101", "gone", Place("service.toml", 3)).as_json() == {
        "code": "CK101",
        "title": TITLES["CK101"],
        "message": "gone",
        "file": "service.toml",
        "line": 3,
        "needed": None,
        "found": None,
        "fix": None,
        "severity": "error",
    }
    assert Diagnostic("CK101", "gone").as_json()["file"] is None


def test_only_known_codes_are_accepted() -> None:
    with pytest.raises(ValueError, match="CK999"):
        Diagnostic("CK999", "what?")


def test_codes_have_a_form_and_a_title_of_their_own() -> None:
    assert all(re.fullmatch(r"CK[1-9][0-9]{2}", code) for code in TITLES)
    assert len(set(TITLES.values())) == len(TITLES)


def test_an_error_holds_every_diagnostic_and_survives_a_copy_and_a_pickle() -> None:
    problems = (Diagnostic("CK101", "one", Place("a", 1)), Diagnostic("CK102", "two"))
    error = CubekitError(problems)
    assert str(error) == "a:1: one [CK101]\n\ntwo [CK102]"
    for same in (copy.copy(error), pickle.loads(pickle.dumps(error))):  # noqa: S301 - our own bytes
        assert same.diagnostics == problems
        assert str(same) == str(error)
    assert CubekitError(problems[0]).diagnostics == problems[:1]
