"""The line index knows every key that tomllib sees, whatever the style in which a document is written."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cubekit.ground.diagnostics import CubekitError, Place
from cubekit.ground.toml_lines import Keys, key_lines, read_toml


def test_tables_keys_and_elements_have_their_lines() -> None:
    lines = key_lines(
        """\
# comment with [brackets] = "and more"
title = "a # b = [c]"  # [not.a.table]

[service]
expose = [
  "rest",  # ]
  "sse",
]
[cubes.saju]
use = "saju-calculation>=0.1,<1"
config.longitude = 126.978
limits = { memory = "2GiB", queue = 512 }

[[steps]]
name = "one"
[[steps]]
name = "two"
[steps.more]
deep = 1
"""
    )
    assert lines == {
        ("title",): 2,
        ("service",): 4,
        ("service", "expose"): 5,
        ("service", "expose", 0): 6,
        ("service", "expose", 1): 7,
        ("cubes",): 9,
        ("cubes", "saju"): 9,
        ("cubes", "saju", "use"): 10,
        ("cubes", "saju", "config"): 11,
        ("cubes", "saju", "config", "longitude"): 11,
        ("cubes", "saju", "limits"): 12,
        ("cubes", "saju", "limits", "memory"): 12,
        ("cubes", "saju", "limits", "queue"): 12,
        ("steps",): 14,
        ("steps", 0): 14,
        ("steps", 0, "name"): 15,
        ("steps", 1): 16,
        ("steps", 1, "name"): 17,
        ("steps", 1, "more"): 18,
        ("steps", 1, "more", "deep"): 19,
    }


@pytest.mark.parametrize(
    ("value", "after"),
    [
        ('"""\n[a]\nb = 1\n"""', 5),
        ('"""two quotes: \\"""\n"""""', 3),
        ("'''\n# ' '' \"\"\"\n'''''", 4),
        ('""', 2),
        ("''", 2),
        ('""""""', 2),
        (r'"\" \\"', 2),
        ("1979-05-27 07:32:00 # moment", 2),
        ("[[1, 2], [\"]\", '}'], [\n[]\n]]", 4),
        ('{ a = { b = """\n""" }, "}" = [\n] }', 4),
    ],
)
def test_a_value_ends_where_it_ends(value: str, after: int) -> None:
    assert key_lines(f"before = {value}\nafter = 1")[("after",)] == after


@pytest.mark.parametrize(
    ("written", "keys"),
    [
        ('"a.b" . c', ("a.b", "c")),
        ("'a\"b'.\"c'd\"", ('a"b', "c'd")),
        (r'"\u00e9\"\\".x', ('é"\\', "x")),
        ("\"\".''", ("", "")),
        ("1.2", ("1", "2")),
    ],
)
def test_keys_may_be_quoted(written: str, keys: tuple[str, ...]) -> None:
    assert key_lines(f"\n{written} = 1")[keys] == 2
    assert key_lines(f"\n[ {written} ]")[keys] == 2
    assert key_lines(f"\n[[{written}]]")[(*keys, 0)] == 2


def test_a_header_of_its_own_takes_precedence_over_an_implied_table() -> None:
    assert key_lines("[a.b]\n[a]\n[[x]]\n[[x]]") == {("a", "b"): 1, ("a",): 2, ("x",): 3, ("x", 0): 3, ("x", 1): 4}


def test_windows_line_ends_count_once() -> None:
    assert key_lines("a = 1\r\n# c\r\nb = '''\r\n'''\r\nc = 2\r\n") == {("a",): 1, ("b",): 3, ("c",): 5}


# Documents, and the styles in which they can be written

_TRICKY = "ab1-_ .#=,[]{}\"'\\\n\té🟦"
_TEXTS = st.text(st.sampled_from(_TRICKY), max_size=6)
_SCALARS = _TEXTS | st.integers(-9, 9) | st.booleans() | st.just(1.5)
_VALUES = st.recursive(
    _SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_TEXTS, inner, max_size=3),
    max_leaves=12,
)
_DOCUMENTS = st.dictionaries(_TEXTS, _VALUES, max_size=5)


@given(_DOCUMENTS, st.randoms(use_true_random=False))
def test_every_key_of_any_document_is_found_on_its_line(document: dict[str, Any], random: Random) -> None:
    writer = _Writer(random)
    writer.table((), document)
    text = writer.text if random.random() < 0.8 else writer.text.replace("\n", "\r\n")
    parsed = tomllib.loads(text)
    lines = key_lines(text)
    assert lines.keys() == set(_paths(parsed))
    assert lines == writer.expected
    for keys, line in lines.items():
        if isinstance(keys[-1], str):
            assert any(form in text.split("\n")[line - 1] for form in _key_forms(keys[-1]))


def _paths(value: object, above: Keys = ()) -> Iterator[Keys]:
    items: list[tuple[str | int, object]] = []
    if isinstance(value, dict):
        items = list(value.items())
    elif isinstance(value, list):
        items = list(enumerate(value))
    for key, inner in items:
        yield (*above, key)
        yield from _paths(inner, (*above, key))


def _key_forms(key: str) -> list[str]:
    forms = [json.dumps(key, ensure_ascii=False)]
    if not set(key) & {"'", "\n"}:
        forms.append(f"'{key}'")
    if key and all(character in "ab1-_" for character in key):
        forms.append(key)
    return forms


class _Writer:
    """Writes a document in a random style, and notes the line of every key."""

    def __init__(self, random: Random) -> None:
        self.random = random
        self.text = ""
        self.expected: dict[Keys, int] = {}

    def table(self, path: Keys, table: dict[str, Any]) -> None:
        """The body of a table, then the tables below it that get headers of their own."""
        later = []
        for key, value in table.items():
            below = (*path, key)
            if isinstance(value, dict) and self.maybe():
                later.append((below, value))
            elif isinstance(value, dict) and value and self.maybe():
                self.dotted(below, value, self.key(key))
            elif _is_array_of_tables(value) and self.maybe():
                later.append((below, value))
            else:
                self.assign(below, self.key(key), value)
        for below, value in later:
            if isinstance(value, list):
                for number, element in enumerate(value):
                    self.header((*below, number), "[[", "]]")
                    self.table((*below, number), element)
            else:
                self.subtable(below, value)

    def subtable(self, path: Keys, table: dict[str, Any]) -> None:
        only_tables = bool(table) and all(isinstance(value, dict) for value in table.values())
        if only_tables and self.maybe():  # implied by its children, and perhaps given a header after them
            for key, value in table.items():
                self.subtable((*path, key), value)
            if self.maybe():
                self.header(path, "[", "]")
        else:
            self.header(path, "[", "]")
            self.table(path, table)

    def header(self, path: Keys, opening: str, closing: str) -> None:
        self.noise()
        for length in range(1, len(path)):
            self.expected.setdefault(path[:length], self.line)
        self.expected[path] = self.line
        parts = self.dot().join(self.key(part) for part in path if isinstance(part, str))
        self.text += f"{self.space()}{opening}{self.space()}{parts}{self.space()}{closing}{self.comment()}\n"

    def dotted(self, path: Keys, table: dict[str, Any], prefix: str) -> None:
        for key, value in table.items():
            written = f"{prefix}{self.dot()}{self.key(key)}"
            if isinstance(value, dict) and value and self.maybe():
                self.dotted((*path, key), value, written)
            else:
                self.assign((*path, key), written, value)

    def assign(self, path: Keys, written: str, value: object) -> None:
        self.noise()
        for length in range(1, len(path) + 1):
            self.expected.setdefault(path[:length], self.line)
        self.text += f"{self.space()}{written}{self.space()}={self.space()}"
        self.value(path, value)
        self.text += f"{self.comment()}\n"

    def value(self, path: Keys, value: object) -> None:
        if isinstance(value, dict):
            self.text += "{"
            for number, (key, inner) in enumerate(value.items()):
                self.text += f"{',' if number else ''}{self.space()}"
                self.expected.setdefault((*path, key), self.line)
                self.text += f"{self.key(key)}{self.space()}={self.space()}"
                self.value((*path, key), inner)
            self.text += self.space() + "}"
        elif isinstance(value, list):
            self.text += "["
            for number, inner in enumerate(value):
                self.text += ("," if number else "") + self.gap()
                self.expected[*path, number] = self.line
                self.value((*path, number), inner)
            self.text += self.gap() + ("," + self.gap() if value and self.maybe() else "") + "]"
        elif isinstance(value, str):
            self.text += self.string(value)
        else:
            self.text += json.dumps(value)

    def string(self, value: str) -> str:
        escaped = value.replace("\\", "\\\\").replace('"""', '""\\"')
        forms = [json.dumps(value, ensure_ascii=False), f'"""\n{escaped}"""']
        if "'''" not in value:
            forms.append(f"'''\n{value}'''")
        if not set(value) & {"'", "\n"}:
            forms.append(f"'{value}'")
        return self.random.choice(forms)

    def key(self, key: str) -> str:
        return self.random.choice(_key_forms(key))

    def dot(self) -> str:
        return f"{self.space()}.{self.space()}"

    def space(self) -> str:
        return self.random.choice(["", " ", "\t "])

    def gap(self) -> str:
        return self.random.choice(["", " ", "\n", " # ], } \" ''' =\n\n  "])

    def comment(self) -> str:
        return self.random.choice(["", " # [x] y = '''", "#"])

    def noise(self) -> None:
        self.text += self.random.choice(["", "\n", '# [a.b] = """ \'\n', "  \t\n\n"])

    def maybe(self) -> bool:
        return self.random.random() < 0.5

    @property
    def line(self) -> int:
        return self.text.count("\n") + 1


def _is_array_of_tables(value: object) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(element, dict) for element in value)


# Files


def test_a_place_falls_back_to_the_nearest_parent(tmp_path: Path) -> None:
    path = tmp_path / "service.toml"
    path.write_text("[cubes.saju]\nuse = 'x'\n", encoding="utf-8")
    file = read_toml(path)
    assert file.data == {"cubes": {"saju": {"use": "x"}}}
    assert file.place("cubes", "saju", "use") == Place(str(path), 2)
    assert file.place("cubes", "saju", "config", "longitude") == Place(str(path), 1)
    assert file.place("http") == file.place() == Place(str(path), None)


def test_a_byte_order_mark_is_no_part_of_the_file(tmp_path: Path) -> None:
    path = tmp_path / "service.toml"
    path.write_bytes(b"\xef\xbb\xbf[a]\n")
    assert read_toml(path).lines == {("a",): 1}


@pytest.mark.parametrize(
    ("content", "line", "message"),
    [
        ("a = 1\nb = = 2\n", 2, "column 5"),
        ("a = [1,\n\n", 1, "end of document"),
        ("a = 1\n[a]\nb = 1\n", 2, "column 3"),
        (f"a = {'[' * 5000}{']' * 5000}", None, "nested too deeply"),
        (f"a = {'1' * 5000}", None, "4300"),
    ],
)
def test_bad_syntax_is_refused_with_its_place(tmp_path: Path, content: str, line: int | None, message: str) -> None:
    path = tmp_path / "service.toml"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(CubekitError, match=message) as caught:
        read_toml(path)
    (problem,) = caught.value.diagnostics
    assert problem.code == "CK102"
    assert problem.place == Place(str(path), line)


def test_files_that_cannot_be_read_are_refused_with_a_fix(tmp_path: Path) -> None:
    latin = tmp_path / "latin.toml"
    latin.write_bytes(b"a = 1\nb = '\xe9'\n")
    cases = {
        tmp_path / "missing.toml": "no such file",
        tmp_path: "a directory",
        latin: "not UTF-8: byte 0xe9 in line 2",
        latin / "below": "cannot be read",
        tmp_path / "nul\0": "cannot be read",
    }
    for path, message in cases.items():
        with pytest.raises(CubekitError, match=message) as caught:
            read_toml(path)
        (problem,) = caught.value.diagnostics
        assert problem.code == "CK101"
        assert problem.fix
        assert problem.place == Place(str(path))
