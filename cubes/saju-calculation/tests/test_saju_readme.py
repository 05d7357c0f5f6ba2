"""The documentation says what the library does."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path

README = Path(__file__).resolve().parent.parent / "README.md"


def test_example_runs() -> None:
    [example] = re.findall(r"```python\n(.*?)```", README.read_text(encoding="utf-8"), flags=re.DOTALL)
    exec(compile(example, str(README), "exec"), {})  # noqa: S102 -- our own text


def test_tables_are_current() -> None:
    """``python tools/generate_docs.py`` writes them anew."""
    spec = importlib.util.spec_from_file_location("generate_docs", README.parent / "tools" / "generate_docs.py")
    assert spec is not None
    assert spec.loader is not None
    tool = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(tool)
    assert tool.DOCUMENT.read_text(encoding="utf-8") == tool.document()
