"""Answers as they go over the wire, without ASGI in between."""

from __future__ import annotations

from functools import lru_cache

from uvicorn.protocols.http.httptools_impl import STATUS_LINE

from cubekit.ports.http.exchange import Answer

__all__ = ["written"]


def written(answer: Answer, common: list[tuple[bytes, bytes]], keep_alive: bool) -> tuple[bytes, bool]:
    """Return an answer as it goes over the wire, and whether the connection stays.

    :param common: headers of every answer of the server.
    """
    status, content_type, body, headers = answer
    lines = [STATUS_LINE[status], _common_lines(common), _type_line(content_type), b"%d\r\n" % len(body)]
    if headers:
        lines += (f"{name}: {value}\r\n".encode("latin-1") for name, value in headers.items())
        keep_alive = keep_alive and "connection" not in headers
    if not keep_alive and "connection" not in headers:
        lines.append(b"connection: close\r\n")
    lines += (b"\r\n", body)
    return b"".join(lines), keep_alive


_rendered: tuple[list[tuple[bytes, bytes]], bytes] = ([], b"")


def _common_lines(headers: list[tuple[bytes, bytes]]) -> bytes:
    """The server makes them anew once a second."""
    global _rendered
    if _rendered[0] is not headers:
        _rendered = headers, b"".join(b"%s: %s\r\n" % header for header in headers)
    return _rendered[1]


@lru_cache
def _type_line(content_type: str) -> bytes:
    return f"content-type: {content_type}\r\ncontent-length: ".encode()
