"""Versions of contracts and cubes, and the ranges that admit them."""

from __future__ import annotations

import pytest

from cubekit.ground.versions import SpecifierSet, Version, admits, parse_range, parse_versioned_name, split_use


@pytest.mark.parametrize(
    ("text", "name", "version"),
    [("saju.calendar@1.2", "saju.calendar", "1.2"), (" a@0 ", "a", "0"), ("a-b_c.d1@1.0rc1", "a-b_c.d1", "1.0rc1")],
)
def test_versioned_names_are_split(text: str, name: str, version: str) -> None:
    assert parse_versioned_name(text) == (name, Version(version))


@pytest.mark.parametrize("text", ["", "a", "a@", "@1", "A@1", "a@1@2", "a@1.*", "a@x", "a-@1", "1a@1", "a b@1"])
def test_what_is_no_versioned_name_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="version"):
        parse_versioned_name(text)


@pytest.mark.parametrize(
    ("text", "name", "admitted"),
    [
        ("saju-calculation>=0.1,<1", "saju-calculation", ">=0.1,<1"),
        ("ai-interpretation~=0.1", "ai-interpretation", "~=0.1"),
        ("  a  >=1 , <2 ", "a", ">=1,<2"),
        ("a==1.*", "a", "==1.*"),
        ("a", "a", ""),
    ],
)
def test_a_use_is_a_name_and_a_range(text: str, name: str, admitted: str) -> None:
    assert split_use(text) == (name, SpecifierSet(admitted))


@pytest.mark.parametrize("text", ["", ">=1", "Saju>=1", "a@1", "a[x]>=1", "a 1", "a>=", "a>=1;b", "a-", "a>=1\n<2"])
def test_what_is_no_use_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="expected"):
        split_use(text)


def test_a_range_that_cannot_be_read_says_what_is_expected() -> None:
    with pytest.raises(ValueError, match=r"such as .>=1\.1,<2., not 'one'"):
        parse_range("one")


@pytest.mark.parametrize(
    ("admitted", "version", "answer"),
    [
        ("", "0.1", True),
        (">=1.1,<2", "1.1", True),
        (">=1.1,<2", "1.0", False),
        (">=1.1,<2", "2.0", False),
        ("~=0.1", "0.9", True),
        (">=0.1,<0.2", "0.2", False),
        (">=1", "2.0a1", True),
        ("<2", "2.0a1", False),
        (">=1", "1.0.dev1", False),
        (">=1", "not a version", False),
    ],
)
def test_ranges_admit_versions(admitted: str, version: str, answer: bool) -> None:
    assert admits(parse_range(admitted), version) is answer
