"""What a service file says of cubes of other services: each mistake is told with its place, and nobody is asked."""

from __future__ import annotations

from pathlib import Path

import pytest

from cubekit import CubekitError, Diagnostic
from cubekit.composition.compose import compose
from cubekit.composition.plan import Plan
from cubekit.discovery import Catalogue, CubeInfo
from cubekit.ground.colours import Colour
from cubekit.ground.diagnostics import Place
from tests.remote.words import Reader

HEAD = """
[service]
name = "near"

[discovery.dictionary]
url = "http://dictionary.invalid:8000"
token = { env = "TOKEN" }

[cubes.reader]
use = "reader"

[cubes.far]
use = "words>=0.1,<0.2"
from = "dictionary"
colour = "feature"
contracts = ["test.words@1.0"]
"""
CATALOGUE = Catalogue(
    cubes=(CubeInfo("reader", Colour.FEATURE, "words:Reader", "cubekit-reader", "0.1", in_memory=Reader),)
)


def composed(path: Path, text: str) -> Plan:
    (path / "service.toml").write_text(text)
    return compose(path, catalogue=CATALOGUE, environ={"TOKEN": "a-secret"})


def problems(path: Path, text: str) -> list[Diagnostic]:
    with pytest.raises(CubekitError) as caught:
        composed(path, text)
    assert "a-secret" not in str(caught.value)
    return list(caught.value.diagnostics)


def test_a_remote_cube_is_bound_like_any_other(tmp_path: Path) -> None:
    plan = composed(tmp_path, HEAD)
    assert plan.cubes["reader"].bindings == {"words": ("far",)}
    far = plan.cubes["far"]
    assert (far.engine, far.descriptor.colour, far.optional) == ("remote", Colour.FEATURE, False)
    assert "a-secret" not in repr(far.config)


@pytest.mark.parametrize(
    ("old", "new", "code", "message", "line"),
    [
        ('from = "dictionary"', 'from = "library"', "CK215", "no such service is known", 14),
        ('colour = "feature"\n', "", "CK215", "its colour must be said here", 12),
        ('contracts = ["test.words@1.0"]\n', "", "CK215", "its contracts must be said here", 12),
        ('from = "dictionary"\n', "", "CK215", "says its colour itself", 14),
        ("test.words@1.0", "test.words", "CK104", '"cubes.far.contracts.0" has a wrong value', 16),
        ("test.words@1.0", "test.words@2.0", "CK204", 'cube "reader" cannot start', 10),
        ('colour = "feature"', 'colour = "ui"', "CK208", "may not require", 10),
        ("http://dictionary.invalid:8000", "dictionary:8000", "CK104", '"discovery.dictionary.url"', 6),
        ("http://dictionary.invalid:8000", "http://me:word@a", "CK104", '"discovery.dictionary.url"', 6),
        ("http://dictionary.invalid:8000", "http://a:99999", "CK104", '"discovery.dictionary.url"', 6),
        ("http://dictionary.invalid:8000", "http://a/a b", "CK104", '"discovery.dictionary.url"', 6),
        ("token =", 'ca = "none.pem"\ntoken =', "CK104", "none.pem cannot be read: No such file", 7),
        ("token =", 'ca = "service.toml"\ntoken =', "CK104", "service.toml cannot be read", 7),
        ('{ env = "TOKEN" }', '"a-secret"', "CK108", "must not be written down", 7),
        ('{ env = "TOKEN" }', '{ env = "NONE" }', "CK107", "environment variable NONE is not set", 7),
        ("token =", "tokn =", "CK103", 'unknown key "discovery.dictionary.tokn"', 7),
        ("colour =", "config.size = 3\ncolour =", "CK215", 'config of cube "far" is said in the service file', 15),
        ("colour =", 'engine = "process"\ncolour =', "CK215", "engine of cube", 15),
        ("colour =", 'limits.memory = "1GiB"\ncolour =', "CK215", "limits.memory of cube", 15),
    ],
)
def test_mistakes(tmp_path: Path, old: str, new: str, code: str, message: str, line: int) -> None:
    assert old in HEAD
    found = problems(tmp_path, HEAD.replace(old, new))
    assert [one for one in found if one.code == code and message in one.message], found
    assert Place(str(tmp_path / "service.toml"), line) in {one.place for one in found if one.code == code}


def test_a_contract_that_nobody_requires_is_a_warning(tmp_path: Path) -> None:
    plan = composed(tmp_path, HEAD.replace('["test.words@1.0"]', '["test.words@1.0", "test.other@1.0"]'))
    (warning,) = plan.warnings
    assert "no cube of this service requires contract test.other" in warning.message


def test_an_optional_one_is_left_out(tmp_path: Path) -> None:
    text = HEAD.replace('use = "reader"', 'use = "reader"\noptional = true')
    plan = composed(tmp_path, text.replace('from = "dictionary"', 'from = "library"\noptional = true'))
    assert {left.name for left in plan.left_out} == {"far", "reader"}
