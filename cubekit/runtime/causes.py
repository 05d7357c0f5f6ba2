"""What went wrong, out of what arrives: exceptions out of groups, and in words."""

from __future__ import annotations

from typing import NoReturn, TypeVar

__all__ = ["alone", "copied", "raise_alone", "sentence"]

E = TypeVar("E", bound=BaseException)


def alone(error: BaseException) -> BaseException:
    """Return the exception itself, out of the groups that task groups put around it; a group of several stays."""
    while isinstance(error, BaseExceptionGroup) and len(error.exceptions) == 1:
        error = error.exceptions[0]
    return error


def raise_alone(group: BaseException) -> NoReturn:
    """Raise what `alone` returns, as it was: with the context that it had before it was grouped."""
    error = alone(group)
    context = error.__context__
    try:
        raise error
    finally:
        error.__context__ = context


def copied(error: E) -> E:
    """Return an exception that says the same, to be raised elsewhere: one object would mix the tracebacks of all."""
    # Not by calling its class, which may want other arguments than the exception has kept.
    twin = type(error).__new__(type(error), *error.args)
    twin.__dict__.update(error.__dict__)
    return twin


def sentence(error: BaseException) -> str:
    """Return an exception's type and message."""
    text = str(error).strip()
    return f"{type(error).__name__}: {text}" if text else type(error).__name__
