"""Talks to a running service."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx2

from cubekit.ground.diagnostics import CubekitError, Diagnostic

__all__ = ["client", "get_json"]


@contextmanager
def client(url: str) -> Iterator[httpx2.Client]:
    """A client for a service.

    :raises CubekitError: CK502 if it does not answer, within or after the block's requests.
    """
    try:
        with httpx2.Client(base_url=url, timeout=httpx2.Timeout(30, connect=5)) as http:
            yield http
    except (httpx2.HTTPError, httpx2.InvalidURL) as error:
        message = f"the service at {url} does not answer: {str(error) or type(error).__name__}"
        fix = "start it with: cubekit up SERVICE; or give its address with --url"
        raise CubekitError(Diagnostic("CK502", message, fix=fix)) from error


def get_json(url: str, path: str, accepted: tuple[int, ...] = (200,)) -> dict[str, Any]:
    """Fetch a document of a service.

    :raises CubekitError: CK502 if it does not answer, or answers something else.
    """
    with client(url) as http:
        answer = http.get(path)
    try:
        document = answer.json() if answer.status_code in accepted else None
    except ValueError:
        document = None
    if not isinstance(document, dict):
        message = f"{url}{path} answered {answer.status_code} and is no cubekit service"
        raise CubekitError(Diagnostic("CK502", message, fix="give the address of a service with --url"))
    return document
