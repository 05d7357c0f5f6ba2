"""Writes files in one step, so that an interruption leaves the old or the new ones and never half of one."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import IO, Any

__all__ = ["alone", "draft_of", "to_toml", "write_whole"]


def write_whole(path: Path, content: str | bytes) -> None:
    """Write a file beside its place and move it there."""
    with draft_of(path) as draft:
        draft.write(content.encode() if isinstance(content, str) else content)


@contextmanager
def draft_of(path: Path) -> Iterator[IO[bytes]]:
    """A file beside its place, which is moved there when all of it was written without an error."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}.", delete=False) as draft:
        try:
            yield draft.file
            draft.flush()
            os.fsync(draft.fileno())
            draft.close()
            os.chmod(draft.name, path.stat().st_mode & 0o777 if path.exists() else 0o644)
            os.replace(draft.name, path)
        except BaseException:  # also of Ctrl-C: nothing may be left behind
            Path(draft.name).unlink(missing_ok=True)
            raise


@contextmanager
def alone(directory: Path, waiting: Callable[[], None]) -> Iterator[None]:
    """Let one process at a time change what is in a directory. Whose process ends, however, holds nobody up.

    :param waiting: called if another one has to end first.
    """
    import fcntl

    handle = os.open(directory, os.O_RDONLY)
    try:
        with suppress(OSError):  # a network drive may know no locks: on one, people have to take turns by themselves
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                waiting()
                fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def to_toml(data: Mapping[str, Any]) -> str:
    """Write tables, arrays of tables, texts, numbers and lists as TOML. What is None or empty is left out."""
    return "\n".join(_table(data, ())).strip() + "\n"


def _table(data: Mapping[str, Any], path: tuple[str, ...]) -> list[str]:
    present = {key: value for key, value in data.items() if value is not None and value != [] and value != {}}
    plain = [(key, value) for key, value in present.items() if not _is_nested(key, value)]
    # What takes several lines comes after what takes one.
    lines = [f"{_key(key)} = {_value(value)}" for key, value in sorted(plain, key=lambda item: _is_long(item[1]))]
    for key, value in present.items():
        if not _is_nested(key, value):
            continue
        name = ".".join(map(_key, (*path, key)))
        if isinstance(value, Mapping):
            inner = _table(value, (*path, key))
            has_plain = any(not _is_nested(name, item) for name, item in value.items())
            lines += ["", f"[{name}]", *inner] if has_plain else inner
        else:
            for item in value:
                lines += ["", f"[[{name}]]", *_table(item, (*path, key))]
    return lines


def _is_nested(key: str, value: Any) -> bool:
    """Whether a value has headers of its own. Files are short, and many: they go on one line each."""
    return isinstance(value, Mapping) or (
        isinstance(value, list) and bool(value) and isinstance(value[0], Mapping) and key != "files"
    )


def _is_long(value: Any) -> bool:
    return isinstance(value, list) and any(isinstance(item, Mapping) for item in value)


def _value(value: Any) -> str:
    if isinstance(value, Mapping):
        return "{ " + ", ".join(f"{_key(key)} = {_value(item)}" for key, item in value.items()) + " }"
    if isinstance(value, list):
        items = [_value(item) for item in value]
        if _is_long(value):
            return "[\n" + "".join(f"    {item},\n" for item in items) + "]"
        return f"[{', '.join(items)}]"
    # A JSON string is a TOML string, but for DEL, which only TOML forbids.
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def _key(key: str) -> str:
    return key if key.replace("-", "").replace("_", "").isalnum() and key.isascii() else _value(key)
