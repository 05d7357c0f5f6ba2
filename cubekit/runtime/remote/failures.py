"""Failures that another service has told, as the exceptions that its cube has raised."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from cubekit.authoring.failures import (
    Conflict,
    DeadlineExceeded,
    Failure,
    Internal,
    Invalid,
    NotFound,
    Overloaded,
    PermissionDenied,
    RateLimited,
    Unauthenticated,
    Unavailable,
)
from cubekit.composition.edge import InvalidInput, camel

__all__ = ["failure_of", "kinds_by_slug"]

_STANDARD: tuple[type[Failure], ...] = (
    Conflict,
    DeadlineExceeded,
    Internal,
    Invalid,
    NotFound,
    Overloaded,
    PermissionDenied,
    RateLimited,
    Unauthenticated,
    Unavailable,
)
_BY_CODE = {kind.code: kind for kind in _STANDARD}
_PLACEHOLDER = re.compile(r"\{(\w+)\}")
_UPPER = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_URN = "urn:cubekit:error:"


def kinds_by_slug(declared: tuple[type[Failure], ...]) -> dict[str, type[Failure]]:
    """Return the failures that may be told apart, by the name that they have on the wire."""
    return {kind.slug(): kind for kind in (*_STANDARD, *declared)}


def failure_of(
    problem: object, kinds: Mapping[str, type[Failure]], locale: str, retry_after: float | None = None
) -> Failure | None:
    """Return what a problem document says, or None if it is none of a cubekit service.

    :param kinds: what `kinds_by_slug` returned for the contract. A kind that it does not declare is the standard one
        of its code.
    :param locale: the language in which the document was asked for.
    """
    if not isinstance(problem, dict) or problem.get("code") not in _BY_CODE:
        return None
    errors = problem.get("errors")
    slug = str(problem.get("type", "")).removeprefix(_URN)
    if slug == InvalidInput.slug() and isinstance(errors, dict):
        return InvalidInput({str(name): [str(text) for text in texts] for name, texts in errors.items()})
    kind = kinds.get(slug, _BY_CODE[problem["code"]])
    failure = kind.__new__(kind)  # a kind may want other arguments when it is raised
    field = next(iter(errors), None) if isinstance(errors, dict) else None
    Failure.__init__(failure, field=field, retry_after=retry_after, **_params(kind, problem.get("params")))
    detail = str(problem.get("detail", ""))
    if detail and failure.localized(locale) != detail:
        failure.text = detail
        failure.args = (failure.localized("en"),)
    return failure


def _params(kind: type[Failure], said: Any) -> dict[str, Any]:
    """Parameters by their names in Python, which are in JSON as fields are."""
    texts = (kind.message, *kind.translations.values())
    names = {camel(name): name for text in texts for name in _PLACEHOLDER.findall(text)}
    params = said if isinstance(said, dict) else {}
    found = {names.get(name, _UPPER.sub("_", name).lower()): value for name, value in params.items()}
    return {name: value for name, value in found.items() if name not in {"text", "field", "retry_after"}}
