"""The documentation says what is true."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

from cubekit.ground.codes import TITLES

ROOT = Path(__file__).parent.parent
PAGES = ROOT / "docs" / "errors"


def _pages() -> list[Path]:
    """All our own pages: what tools have installed lies in directories with a dot."""
    found = ROOT.glob("**/*.md")
    return sorted(page for page in found if not any(part.startswith(".") for part in page.relative_to(ROOT).parts))


@pytest.mark.parametrize("code", TITLES)
def test_every_error_code_has_a_page(code: str) -> None:
    text = (PAGES / f"{code}.md").read_text(encoding="utf-8")
    assert text.startswith(f"# {code}: {TITLES[code]}\n")
    assert "## What to do" in text
    assert f"[{code}]({code}.md)" in (PAGES / "README.md").read_text(encoding="utf-8")


def test_there_is_no_page_without_a_code() -> None:
    assert {page.stem for page in PAGES.glob("CK*.md")} == set(TITLES)


def test_every_code_that_the_source_raises_exists_and_every_code_is_raised() -> None:
    source = "".join(
        path.read_text(encoding="utf-8") for path in (ROOT / "cubekit").rglob("*.py") if path.name != "codes.py"
    )
    assert set(re.findall(r'"(CK\d{3})"', source)) == set(TITLES)


@pytest.mark.parametrize("page", sorted(ROOT.glob("docs/**/*.md")), ids=lambda path: str(path.relative_to(ROOT)))
def test_toml_examples_are_toml(page: Path) -> None:
    for example in re.findall(r"```toml\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL):
        tomllib.loads(example)


@pytest.mark.parametrize("page", _pages(), ids=lambda path: str(path.relative_to(ROOT)))
def test_relative_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\((?!https?:|#)([^)#\s]+)", page.read_text(encoding="utf-8")):
        assert (page.parent / target).exists(), target
