"""TOML files whose keys know their line, for errors that name a place: `tomllib` gives values, but no positions."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from cubekit.ground.diagnostics import CubekitError, Diagnostic, Place

__all__ = ["Keys", "TomlFile", "key_lines", "read_toml"]

Keys = tuple[str | int, ...]
"""Path of a value in a document: keys of tables, and numbers of array elements."""

_SPACE = re.compile(r"[ \t\r\n]*(?:#[^\n]*[ \t\r\n]*)*")
_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")
_BASIC = re.compile(r'"(?:[^"\\]|\\.)*"')
_LITERAL = re.compile(r"'[^']*'")
# Up to two quotes may stand right before the three that close a multi-line string.
_MULTI_LINE_BASIC = re.compile(r'"""(?:[^\\]|\\.)*?"""(?:"{0,2})', re.DOTALL)
_MULTI_LINE_LITERAL = re.compile(r"'''.*?'''(?:'{0,2})", re.DOTALL)
# Number, truth value or moment. A moment may hold a space, so only what ends a value ends this.
_SCALAR = re.compile(r"[^,\]}#\n]+")
_AT_LINE = re.compile(r" \(at line ([0-9]+), column ([0-9]+)\)$")


@dataclass(frozen=True)
class TomlFile:
    """What a TOML file says, and on which lines."""

    path: Path
    data: dict[str, Any]
    text: str

    @cached_property
    def lines(self) -> Mapping[Keys, int]:
        """The line of every key, counted when somebody asks: a file without errors is read several times as fast."""
        return key_lines(self.text)

    def stands(self, keys: Keys) -> bool:
        """Whether something was said under these keys."""
        return keys in self.lines

    def hides(self, keys: Keys) -> bool:
        """Whether what stands there may be a secret: not in a file that is read for all to see."""
        return False

    def place(self, *keys: str | int) -> Place:
        """Where a key stands, or the nearest table or array around it that has a line."""
        for length in range(len(keys), 0, -1):
            if (line := self.lines.get(keys[:length])) is not None:
                return Place(str(self.path), line)
        return Place(str(self.path))


def read_toml(path: Path) -> TomlFile:
    """Read a TOML file with the lines of its keys.

    :raises CubekitError: CK101 if the file cannot be read, CK102 if it is not valid TOML.
    """
    text = _read(path)
    try:
        return TomlFile(path, tomllib.loads(text), text)
    except tomllib.TOMLDecodeError as error:
        raise CubekitError(_syntax_error(path, text, str(error))) from error
    except RecursionError as error:
        problem = Diagnostic("CK102", "nested too deeply", Place(str(path)), fix="flatten its arrays and inline tables")
        raise CubekitError(problem) from error
    except ValueError as error:  # an integer of thousands of digits, for which tomllib has no error of its own
        raise CubekitError(Diagnostic("CK102", f"not valid TOML: {error}", Place(str(path)))) from error


def key_lines(text: str) -> dict[Keys, int]:
    """Map every key of a TOML text to its line, counted from 1.

    Tables that are only implied (``a`` of ``[a.b]``) have the line that first implies them; a later header of their own
    takes precedence. Array elements have a number as their key.

    :param text: valid TOML: `tomllib.loads` accepted it.
    """
    return _Indexer(text).index()


class _Indexer:
    def __init__(self, text: str) -> None:
        self._text = text
        self._position = 0
        self._counted = 0
        self._line = 1
        self._lines: dict[Keys, int] = {}
        self._elements: dict[Keys, int] = {}
        """Number of ``[[headers]]`` seen of each array of tables."""

    def index(self) -> dict[Keys, int]:
        table: Keys = ()
        self._skip(_SPACE)
        while self._position < len(self._text):
            if self._at("["):
                table = self._header()
            else:
                self._key_and_value(table)
            self._skip(_SPACE)
        return self._lines

    def _header(self) -> Keys:
        line = self._current_line()
        brackets = 2 if self._at("[[") else 1
        self._position += brackets
        *parents, last = self._key()
        self._position += brackets
        table: Keys = ()
        for part in parents:
            table = (*table, part)
            self._lines.setdefault(table, line)
            if table in self._elements:  # a header under [[a]] speaks of the latest a
                table = (*table, self._elements[table] - 1)
        table = (*table, last)
        if brackets == 1:
            self._lines[table] = line
            return table
        self._lines.setdefault(table, line)
        number = self._elements.get(table, 0)
        self._elements[table] = number + 1
        self._lines[*table, number] = line
        return (*table, number)

    def _key_and_value(self, table: Keys) -> None:
        line = self._current_line()
        keys = table
        for part in self._key():
            keys = (*keys, part)
            self._lines.setdefault(keys, line)
        self._position += 1  # the "="
        self._value(keys)

    def _key(self) -> list[str]:
        """The parts of a dotted key, with the space around it."""
        parts = []
        while True:
            self._skip(_SPACE)
            if self._at('"'):
                parts.append(_unquoted(self._skip(_BASIC)))
            elif self._at("'"):
                parts.append(self._skip(_LITERAL)[1:-1])
            else:
                parts.append(self._skip(_BARE_KEY))
            self._skip(_SPACE)
            if not self._at("."):
                return parts
            self._position += 1

    def _value(self, keys: Keys) -> None:
        self._skip(_SPACE)
        if self._at("["):
            self._array(keys)
        elif self._at("{"):
            self._inline_table(keys)
        elif self._at('"""'):
            self._skip(_MULTI_LINE_BASIC)
        elif self._at("'''"):
            self._skip(_MULTI_LINE_LITERAL)
        elif self._at('"'):
            self._skip(_BASIC)
        elif self._at("'"):
            self._skip(_LITERAL)
        else:
            self._skip(_SCALAR)

    def _array(self, keys: Keys) -> None:
        number = 0
        while not self._ends("]"):
            element = (*keys, number)
            self._lines[element] = self._current_line()
            self._value(element)
            number += 1

    def _inline_table(self, keys: Keys) -> None:
        while not self._ends("}"):
            self._key_and_value(keys)

    def _ends(self, bracket: str) -> bool:
        """Step over an opening bracket or a comma, and over the closing bracket if it follows."""
        self._skip(_SPACE)
        if not self._at(bracket):
            self._position += 1
            self._skip(_SPACE)
        if ends := self._at(bracket):
            self._position += 1
        return ends

    def _at(self, start: str) -> bool:
        return self._text.startswith(start, self._position)

    def _skip(self, pattern: re.Pattern[str]) -> str:
        match = pattern.match(self._text, self._position)
        if match is None:
            raise ValueError(f"not valid TOML at line {self._current_line()}")
        self._position = match.end()
        return match[0]

    def _current_line(self) -> int:
        self._line += self._text.count("\n", self._counted, self._position)
        self._counted = self._position
        return self._line


def _unquoted(quoted: str) -> str:
    return str(tomllib.loads(f"key = {quoted}")["key"]) if "\\" in quoted else quoted[1:-1]


def _read(path: Path) -> str:
    try:
        # Editors on Windows may begin a file with a byte order mark, which tomllib refuses.
        return path.read_bytes().decode("utf-8-sig")
    except FileNotFoundError as error:
        raise _unreadable(path, "there is no such file", "check the path, or create the file") from error
    except IsADirectoryError as error:
        raise _unreadable(path, "a directory, where a file is expected", "name a file in it") from error
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        problem = f"not UTF-8: byte 0x{error.object[error.start]:02x} in line {line}"
        raise _unreadable(path, problem, "save the file with the encoding UTF-8") from error
    except (OSError, ValueError) as error:  # ValueError: a name that no file can have
        reason = getattr(error, "strerror", None) or error
        raise _unreadable(path, f"cannot be read: {reason}", f"check who may read it: ls -l '{path}'") from error


def _unreadable(path: Path, problem: str, fix: str) -> CubekitError:
    return CubekitError(Diagnostic("CK101", problem, Place(str(path)), fix=fix))


def _syntax_error(path: Path, text: str, message: str) -> Diagnostic:
    if match := _AT_LINE.search(message):
        problem, line = f"{message[: match.start()]} (column {match[2]})", int(match[1])
    else:  # "(at end of document)"
        problem, line = message, text.rstrip().count("\n") + 1
    return Diagnostic("CK102", f"not valid TOML: {problem}", Place(str(path), line))
